//! The outcomes of a request, one for each place.

use std::time::Duration;

use crate::backend::TextResult;
use crate::error::{Error, ShardId};

/// The outcomes of a request: one for each logical shard in the order of their numbers, or for each
/// server in the order of the configuration.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
#[must_use = "it holds the errors"]
pub struct SqlReport {
    /// The outcomes.
    pub outcomes: Vec<SqlOutcome>,
}

/// The outcome in one place.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SqlOutcome {
    /// The logical shard; `None` for a server or a named database.
    pub shard: Option<ShardId>,
    /// The server, or the named database.
    pub server: String,
    /// The endpoint that ran it, without password and parameters; `None` if none was reached.
    pub endpoint: Option<String>,
    /// Whether it was begun. It is not after [`stop_at_first_error`] or a [`StopSignal`].
    ///
    /// [`stop_at_first_error`]: super::SqlRequest::stop_at_first_error
    /// [`StopSignal`]: crate::admin::StopSignal
    pub begun: bool,
    /// The result of each statement, up to the one that failed. After a failed transaction they were
    /// rolled back.
    pub results: Vec<ResultSet>,
    /// Why it failed. [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) may stand for statements
    /// that were carried out.
    pub error: Option<Error>,
    /// The time that it took, with the connection.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "seconds", serialize_with = "crate::units::seconds_of")
    )]
    pub elapsed: Duration,
}

/// The result of one statement, as texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ResultSet {
    /// The columns; empty for a result without rows, whose columns are not known.
    pub columns: Vec<String>,
    /// The values by row; `None` for NULL. Bytes are written as `\x00ff`.
    pub rows: Vec<Vec<Option<String>>>,
    /// The number of rows that the statement changed; on PostgreSQL, also of those that it read.
    pub affected: u64,
}

impl From<TextResult> for ResultSet {
    fn from(result: TextResult) -> Self {
        Self {
            columns: result.columns,
            rows: result.rows,
            affected: result.affected,
        }
    }
}

impl SqlOutcome {
    /// The name of the place: `shop/3`, or that of a server.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.shard {
            Some(shard) => shard.to_string(),
            None => self.server.clone(),
        }
    }

    /// Whether everything was carried out.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.begun && self.error.is_none()
    }
}

impl SqlReport {
    /// Whether everything was carried out everywhere.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outcomes.iter().all(SqlOutcome::is_done)
    }

    /// The places in which something failed.
    pub fn failed(&self) -> impl Iterator<Item = (&SqlOutcome, &Error)> {
        let outcomes = self.outcomes.iter();
        outcomes.filter_map(|outcome| Some((outcome, outcome.error.as_ref()?)))
    }
}
