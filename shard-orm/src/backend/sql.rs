//! The text of one statement, rendered for a namespace.
//!
//! Made by every statement of `exec`, and sent by `conn`.

use std::sync::Arc;

/// The text of one statement, and how it is prepared and read.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    pub(crate) text: Arc<str>,
    /// Kept in the statement cache; not for texts of variable arity, which would flush it.
    pub(crate) persistent: bool,
    /// Reads one row at most, which the drivers do with less work.
    pub(crate) single: bool,
}
