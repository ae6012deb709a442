//! The report of a comparison of models with the tables of all namespaces.

use std::fmt;

use crate::cluster::Location;
use crate::migrate::mending::write_mending;
use crate::migrate::report::Failed;
use crate::schema::{AlterStatement, Deviation};

/// Where the tables of namespaces deviate from the models; returned by
/// [`CheckModels::run`](super::CheckModels::run).
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ModelReport {
    /// The number of namespaces that were compared.
    pub namespaces: usize,
    /// The deviations, by namespace and model.
    pub deviations: Vec<ModelDeviation>,
    /// The namespaces that could not be read, and why.
    pub failed: Vec<Failed>,
}

/// One deviation of a table in one namespace from its model.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ModelDeviation {
    /// The namespace.
    pub location: Location,
    /// The name of the model.
    pub model: &'static str,
    /// The table.
    pub table: String,
    /// What the model expects, and what was found.
    pub deviation: Deviation,
    /// Whether calls of the model can fail because of it, or read and write other values than they
    /// mean: a missing table, column or unique index, another type, a shorter text, NULL on one side
    /// only, a column that has to be written and is not in the model. A missing index, an extra column
    /// that takes NULL and another default are none of these.
    pub breaking: bool,
    /// The statements that mend it, in order, for the namespace; none where only you can decide.
    pub statements: Vec<AlterStatement>,
    /// What to do where there is no statement.
    pub advice: Option<String>,
}

impl ModelReport {
    /// Whether all namespaces were read, and their tables are those of the models.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deviations.is_empty() && self.failed.is_empty()
    }

    /// Whether all namespaces were read, and no deviation is [`breaking`](ModelDeviation::breaking).
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.failed.is_empty() && self.breaking().next().is_none()
    }

    /// The deviations because of which calls can fail.
    pub fn breaking(&self) -> impl Iterator<Item = &ModelDeviation> {
        self.deviations
            .iter()
            .filter(|deviation| deviation.breaking)
    }
}

impl fmt::Display for ModelDeviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            location,
            model,
            table,
            deviation,
            ..
        } = self;
        write!(
            f,
            "{location}: table `{table}` of model `{model}`: {deviation}"
        )?;
        write_mending(f, &self.statements, self.advice.as_deref())
    }
}

/// Each deviation, and each namespace that could not be read.
impl fmt::Display for ModelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no difference between the models and the tables");
        }
        let deviations = self.deviations.iter().map(ToString::to_string);
        let failed = self.failed.iter();
        let failed = failed.map(|failed| format!("not compared: {failed}"));
        let lines: Vec<String> = deviations.chain(failed).collect();
        f.write_str(&lines.join("\n"))
    }
}
