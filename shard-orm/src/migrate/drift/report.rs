//! The report of a comparison of all namespaces.

use std::collections::BTreeMap;
use std::fmt;

use crate::cluster::Location;
use crate::migrate::mending::write_mending;
use crate::migrate::report::Failed;
use crate::schema::{AlterStatement, Aspect, Deviation};

/// Where the tables of namespaces deviate from the migration files, or from each other; returned by
/// [`Migrate::drift`](crate::migrate::Migrate::drift).
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Drift {
    /// Named databases, static tables, then groups.
    pub targets: Vec<TargetDrift>,
}

/// The deviations of one target.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TargetDrift {
    /// The folder of its migrations.
    pub folder: String,
    /// The number of namespaces that were compared.
    pub namespaces: usize,
    /// The deviations, by namespace and table.
    pub deviations: Vec<Drifted>,
    /// The namespaces that could not be compared, and why.
    pub failed: Vec<Failed>,
}

/// One deviation of a table in one namespace.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Drifted {
    /// The namespace.
    pub location: Location,
    /// The last version that is applied there; `None` before the first.
    pub version: Option<i64>,
    /// The table.
    pub table: String,
    /// What is expected, and what was found.
    pub deviation: Deviation,
    /// What the expected table is taken from.
    pub basis: Basis,
    /// The number of namespaces with the same versions.
    pub namespaces: usize,
    /// The number of these that have what is expected.
    pub as_expected: usize,
    /// The number of these that have what was found here.
    pub as_found: usize,
    /// The statements that mend it, in order, for the namespace; none where only you can decide. They
    /// remove nothing but an index that an interrupted build has left.
    pub statements: Vec<AlterStatement>,
    /// What to do where there is no statement.
    pub advice: Option<String>,
}

/// What namespaces are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Basis {
    /// What the migration files make of an empty namespace.
    Files,
    /// What most namespaces with the same versions have: a version has no file, or the run is
    /// [`without_scratch`](crate::migrate::Migrate::without_scratch).
    Majority,
}

impl Drift {
    /// Whether all namespaces were compared, and none deviates.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets
            .iter()
            .all(|target| target.deviations.is_empty() && target.failed.is_empty())
    }

    /// All deviations.
    pub fn deviations(&self) -> impl Iterator<Item = &Drifted> {
        self.targets.iter().flat_map(|target| &target.deviations)
    }
}

impl TargetDrift {
    /// The deviations, each with all namespaces that have it.
    #[must_use]
    pub fn by_deviation(&self) -> Vec<Vec<&Drifted>> {
        let mut groups: BTreeMap<usize, Vec<&Drifted>> = BTreeMap::new();
        for (at, drifted) in self.deviations.iter().enumerate() {
            let mut known = groups.iter_mut();
            match known.find(|(_, group)| group.iter().any(|one| one.is_same(drifted))) {
                Some((_, group)) => group.push(drifted),
                None => drop(groups.insert(at, vec![drifted])),
            }
        }
        groups.into_values().collect()
    }
}

impl Drifted {
    /// Whether another namespace has the same deviation.
    fn is_same(&self, other: &Self) -> bool {
        self.version == other.version
            && self.namespaces == other.namespaces
            && self.table == other.table
            && self.deviation == other.deviation
    }

    /// The deviation with its table, in words.
    #[must_use]
    pub fn description(&self) -> String {
        let (table, deviation) = (&self.table, &self.deviation);
        match (deviation.aspect, &deviation.found, self.basis) {
            (Aspect::Table, None, _) => format!("table `{table}` is missing"),
            (Aspect::Table, _, Basis::Files) => format!("table `{table}` is in no file"),
            (Aspect::Table, _, Basis::Majority) => {
                format!("table `{table}` is missing in most namespaces")
            }
            _ => format!("table `{table}`: {deviation}"),
        }
    }

    /// How many namespaces have what, in words.
    #[must_use]
    pub fn counts(&self) -> String {
        let Self {
            namespaces,
            as_expected,
            as_found,
            basis,
            ..
        } = self;
        let with = match basis {
            Basis::Files => "as the files say",
            Basis::Majority => "as most have it",
        };
        format!("{as_found} of {namespaces} namespaces have it so, {as_expected} {with}")
    }
}

impl fmt::Display for Drifted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (location, description) = (&self.location, self.description());
        write!(f, "{location}: {description}; {}", self.counts())?;
        write_mending(f, &self.statements, self.advice.as_deref())
    }
}

/// Each deviation, and each namespace that could not be compared.
impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no namespace deviates");
        }
        let deviations = self.deviations().map(ToString::to_string);
        let failed = self.targets.iter().flat_map(|target| &target.failed);
        let failed = failed.map(|failed| format!("not compared: {failed}"));
        let lines: Vec<String> = deviations.chain(failed).collect();
        f.write_str(&lines.join("\n"))
    }
}
