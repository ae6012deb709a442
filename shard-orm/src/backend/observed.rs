//! The state that an endpoint reports of itself: whether it takes writes, and its position.
//!
//! Filled in by each database's file, for `probe`.

use super::Position;

/// The state of an endpoint, as it reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) writable: bool,
    /// Whether it is kept up to date by another server. A primary that was fenced off is neither.
    pub(crate) follows: bool,
    /// Not known to every user of every server.
    pub(crate) position: Option<Position>,
}

/// The most detailed statement that a server understands, which its first responses tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ProbeLevel {
    /// Role and position.
    #[default]
    Full,
    /// Role and position of MySQL, which does not understand MariaDB's statement.
    MySql,
    /// The role alone, for a user without further privileges.
    Role,
}
