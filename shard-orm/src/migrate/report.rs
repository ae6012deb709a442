//! The outcome of a run.

use std::fmt;

use super::backfill::Begun;
use crate::cluster::Location;
use crate::error::{Error, ErrorKind};

/// The end of a run that no longer holds the lock of its group.
pub(super) const FENCED_OFF: &str = "fenced off: the lock of the group was lost, so nothing more is \
                                     applied; run the migration again, which continues where this run \
                                     has stopped";

/// The outcome of a run, by namespace.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// The migrations that were applied or reverted, by namespace. Namespaces without any are left
    /// out.
    pub done: Vec<Done>,
    /// The migrations that failed. Each has stopped the run on its server.
    pub failed: Vec<Failed>,
    /// The namespaces that were left as they were, since the run had stopped on their server.
    pub skipped: Vec<Location>,
}

/// The migrations that were applied or reverted in one namespace.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Done {
    /// The namespace.
    pub location: Location,
    /// The versions, in the order in which they were run.
    pub versions: Vec<i64>,
    /// In a plan, the backfills among them that have begun.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub begun: Vec<Begun>,
}

impl Done {
    pub(super) fn new(location: Location, versions: Vec<i64>) -> Self {
        Self {
            location,
            versions,
            begun: Vec::new(),
        }
    }
}

/// A migration that failed in one namespace.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Failed {
    /// The namespace.
    pub location: Location,
    /// The version; `None` if the namespace could not be reached.
    pub version: Option<i64>,
    /// The path of the file, below the folder of migrations.
    pub file: Option<String>,
    /// The line of the statement in its file, from 1.
    pub line: Option<usize>,
    /// The kind of the error.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub kind: ErrorKind,
    /// The message, with that of the database.
    pub message: String,
}

impl Report {
    /// The report in the error of a run that has failed in at least one namespace.
    ///
    /// ```no_run
    /// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
    /// use shard_orm::migrate::{Migrations, Report};
    ///
    /// let migrations = Migrations::from_folder("migrations")?;
    /// if let Err(error) = cluster.migrate(&migrations).up().await {
    ///     if let Some(report) = Report::of(&error) {
    ///         for failed in &report.failed {
    ///             eprintln!("{failed}");
    ///         }
    ///     }
    ///     return Err(error);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }

    /// The number of migrations that were run, over all namespaces.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.done.iter().map(|done| done.versions.len()).sum()
    }

    /// The report, or an error that contains it if anything failed.
    pub(super) fn into_result(self) -> crate::Result<Self> {
        let Some(first) = self.failed.first() else {
            if self.skipped.is_empty() {
                return Ok(self);
            }
            // Without a failure, nothing but the loss of the lock ends a run.
            let (kind, message) = (ErrorKind::Unavailable, format!("{self}: {FENCED_OFF}"));
            return Err(Error::new(kind, message).with_source(self));
        };
        let others = match self.failed.len() - 1 {
            0 => String::new(),
            others => format!(" (and {others} more)"),
        };
        let message = format!(
            "{first}{others}; {} migrations were run, and {} namespaces were left as they were",
            self.steps(),
            self.skipped.len()
        );
        Err(Error::new(first.kind, message).with_source(self))
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.location)?;
        if let Some(file) = &self.file {
            write!(f, "{file}")?;
            if let Some(line) = self.line {
                write!(f, ", line {line}")?;
            }
            write!(f, ": ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} migrations run in {} namespaces, {} failed, {} namespaces skipped",
            self.steps(),
            self.done.len(),
            self.failed.len(),
            self.skipped.len()
        )
    }
}

impl std::error::Error for Report {}
