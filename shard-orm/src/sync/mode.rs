//! How a copy learns what has changed at its source.

use std::fmt;

use crate::dialect::Dialect;
use crate::model::{ModelDef, ModelLocation};

/// How a copy learns what has changed at its source.
///
/// | mode | reads | sees deletions | needs at the source |
/// |---|---|---|---|
/// | `Capture` | the log of changed keys, and these rows | yes | triggers and a log, made by `setup` |
/// | `Criterion` | rows in the order of a column that grows | **never** | the column; on PostgreSQL a trigger, made by `setup` |
/// | `Full` | checksums of ranges of both tables, and the rows that differ | yes | nothing |
///
/// A model is synced by `Capture`, unless it names a `criterion` and its source is on PostgreSQL. On
/// MySQL, MariaDB and SQLite `Criterion` has to be asked for: there a row is missed whose
/// transaction was open for longer than the [overlap](crate::sync::StaticSync::overlap).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Mode {
    /// By triggers that log which rows have changed.
    Capture,
    /// By a column that grows when a row changes.
    Criterion,
    /// By comparing checksums.
    Full,
}

impl Mode {
    /// The mode of a model that nobody has chosen one for.
    pub(crate) fn of(def: &ModelDef, source: Dialect) -> Self {
        match def.location {
            ModelLocation::Static(copied)
                if copied.criterion.is_some() && source == Dialect::Postgres =>
            {
                Self::Criterion
            }
            _ => Self::Capture,
        }
    }

    /// What the row of status calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Criterion => "criterion",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
