//! The ways in which a copy learns of changes at its source.

use std::fmt;
use std::time::Duration;

use super::feed::ChangeFeed;
use super::watermark::Watermark;

/// The way in which a copy learns of changes at its source.
///
/// | mode | reads | sees deletions | needs at the source |
/// |---|---|---|---|
/// | `Capture` | the log of changed keys, and these rows | yes | triggers and a log, made by `setup` |
/// | `Incremental` | rows in the order of a watermark column, which grows with each change | **never** | the column; on PostgreSQL a trigger, made by `setup` |
/// | `Full` | checksums of ranges of both tables, and the rows that differ | yes | nothing |
///
/// A model is synced by `Capture`, unless it names a `criterion`, its watermark column, and its source
/// is on PostgreSQL. On MySQL, MariaDB and SQLite `Incremental` has to be asked for: there it misses a
/// row whose transaction was open for longer than the [overlap](crate::sync::StaticSync::overlap).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Mode {
    /// Follows the log that triggers write.
    Capture,
    /// Reads rows in the order of a column that grows when a row changes.
    Incremental,
    /// Compares checksums.
    Full,
}

impl Mode {
    /// The mode of a name in the row of progress, where more may follow it.
    pub(crate) fn of_stored_name(name: &str) -> Option<Self> {
        let name = name.split([' ', ':']).next().unwrap_or_default();
        let modes = [Self::Capture, Self::Incremental, Self::Full];
        modes.into_iter().find(|mode| mode.stored_name() == name)
    }

    /// The name in the row of progress, which must not change: a position under another name is
    /// dropped.
    pub(crate) fn stored_name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Incremental => "criterion",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capture => "capture",
            Self::Incremental => "incremental",
            Self::Full => "full",
        })
    }
}

/// A mode with what it needs.
#[derive(Debug)]
pub(crate) enum Strategy {
    /// Follows a feed.
    Capture(Box<dyn ChangeFeed>),
    /// Reads rows in the order of a watermark column, again from the overlap before the last position.
    Incremental {
        watermark: Watermark,
        overlap: Duration,
    },
    /// Compares checksums.
    Full,
}

impl Strategy {
    pub(crate) fn mode(&self) -> Mode {
        match self {
            Self::Capture(_) => Mode::Capture,
            Self::Incremental { .. } => Mode::Incremental,
            Self::Full => Mode::Full,
        }
    }
}
