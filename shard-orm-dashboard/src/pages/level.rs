//! The migrations of a logical shard, and the differences of its tables, on its page.

use shard_orm::migrate::{
    Drifted, ModelDeviation, ModelReport, ShardLevel, ShardVersion, VersionState,
};

use crate::readings::Level;
use crate::text;

/// The most versions and differences on the page.
const VERSIONS: usize = 30;
const DIFFERENCES: usize = 50;

/// The migrations of a logical shard.
#[derive(Debug, Default)]
pub(super) struct LevelView {
    /// How many versions are applied and how many are not, in words.
    pub(super) summary: String,
    /// Whether a version is missing, changed or not complete.
    pub(super) is_behind: bool,
    /// The last ones first.
    pub(super) versions: Vec<VersionRow>,
    /// The number of older versions that are left out.
    pub(super) left_out: usize,
    /// With what the tables were compared, in words.
    pub(super) compared: String,
    /// What could not be compared, and why.
    pub(super) not_compared: Vec<String>,
    pub(super) differences: Vec<DifferenceRow>,
    /// The number of differences that are left out.
    pub(super) differences_left_out: usize,
}

/// A version.
#[derive(Debug)]
pub(super) struct VersionRow {
    pub(super) version: i64,
    pub(super) name: String,
    pub(super) state: &'static str,
    /// `good`, `warning` or `bad`.
    pub(super) class: &'static str,
    pub(super) at: String,
    pub(super) took: String,
    /// How many of the others have it.
    pub(super) others: String,
}

/// A difference of a table.
#[derive(Debug)]
pub(super) struct DifferenceRow {
    pub(super) what: String,
    /// What it differs from.
    pub(super) from: String,
    /// How it is mended: statements, or advice.
    pub(super) statements: Vec<String>,
    pub(super) advice: String,
}

impl From<&Level> for LevelView {
    fn from(level: &Level) -> Self {
        let (of, models) = (&level.level, level.models.as_ref());
        let versions = of.versions.iter().rev();
        let of_models = models.into_iter().flat_map(|report| &report.deviations);
        let all: Vec<DifferenceRow> = of_models
            .map(DifferenceRow::from)
            .chain(of.deviations.iter().map(DifferenceRow::from))
            .collect();
        let differences_left_out = all.len().saturating_sub(DIFFERENCES);
        let is_current = |version: &ShardVersion| version.state == VersionState::Applied;
        Self {
            summary: summary(&of.versions),
            is_behind: !of.versions.iter().all(is_current),
            versions: versions
                .take(VERSIONS)
                .map(|version| VersionRow::new(version, of.read))
                .collect(),
            left_out: of.versions.len().saturating_sub(VERSIONS),
            compared: compared(of, models),
            not_compared: not_compared(of, models),
            differences: all.into_iter().take(DIFFERENCES).collect(),
            differences_left_out,
        }
    }
}

fn summary(versions: &[ShardVersion]) -> String {
    if versions.is_empty() {
        return "No migration was applied here, and none is known.".to_owned();
    }
    let count = |states: &[VersionState]| {
        let of = versions.iter();
        of.filter(|version| states.contains(&version.state)).count() as u64
    };
    let applied = count(&[VersionState::Applied, VersionState::Changed]);
    let mut parts = vec![format!("{} applied", text::count(applied, "version"))];
    for (number, what) in [
        (count(&[VersionState::Missing]), "pending"),
        (
            count(&[VersionState::Applying, VersionState::Reverting]),
            "running or interrupted",
        ),
        (count(&[VersionState::Changed]), "applied with another text"),
    ] {
        if number > 0 {
            parts.push(format!("{} {what}", text::number(number)));
        }
    }
    format!("{}.", parts.join(", "))
}

fn compared(level: &ShardLevel, models: Option<&ModelReport>) -> String {
    let mut with = Vec::new();
    if models.is_some_and(|report| report.namespaces > 0) {
        with.push("with the models of the application".to_owned());
    }
    if level.compared > 0 {
        with.push(format!(
            "with most of {} at the same versions, of the {} other logical shards of the group",
            text::count(level.compared as u64, "namespace"),
            text::number(level.group as u64)
        ));
    }
    match &*with {
        [] => String::new(),
        with => format!("Its tables were compared {}.", with.join(", and ")),
    }
}

fn not_compared(level: &ShardLevel, models: Option<&ModelReport>) -> Vec<String> {
    let reason = level.not_compared.iter();
    let reason = reason.map(|reason| format!("Not compared with other logical shards: {reason}."));
    let failed = models.into_iter().flat_map(|report| &report.failed);
    let failed = failed.chain(&level.failed);
    let failed = failed.map(|failed| format!("Could not be read: {failed}"));
    reason.chain(failed).collect()
}

impl VersionRow {
    fn new(version: &ShardVersion, read: usize) -> Self {
        let (state, class) = match version.state {
            VersionState::Applied => ("applied", "good"),
            VersionState::Changed => ("applied with another text than that of its file", "bad"),
            VersionState::Applying => ("is being applied, or was interrupted", "bad"),
            VersionState::Reverting => ("is being reverted, or was interrupted", "bad"),
            VersionState::Missing => ("pending", "warning"),
            _ => (text::UNKNOWN, "unknown"),
        };
        Self {
            version: version.version,
            name: version.name.clone(),
            state,
            class,
            at: version.at.map_or_else(String::new, text::time),
            took: version.took.map_or_else(String::new, text::duration),
            others: format!("{} of {read}", version.others),
        }
    }
}

impl From<&Drifted> for DifferenceRow {
    fn from(drifted: &Drifted) -> Self {
        Self {
            what: drifted.description(),
            from: drifted.counts(),
            statements: drifted
                .statements
                .iter()
                .map(|one| one.sql.clone())
                .collect(),
            advice: drifted.advice.clone().unwrap_or_default(),
        }
    }
}

impl From<&ModelDeviation> for DifferenceRow {
    fn from(one: &ModelDeviation) -> Self {
        let breaks = if one.breaking {
            "; calls can fail because of it"
        } else {
            ""
        };
        Self {
            what: format!("table `{}`: {}", one.table, one.deviation),
            from: format!("the model `{}`{breaks}", one.model),
            statements: one.statements.iter().map(|one| one.sql.clone()).collect(),
            advice: one.advice.clone().unwrap_or_default(),
        }
    }
}
