//! The text of one statement, rendered for a namespace.
//!
//! Made by every statement of `exec`, and sent by `conn`.

use std::sync::Arc;

/// The text of one statement, and how it is prepared and read.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    pub(crate) text: Arc<str>,
    /// Cached by the connection. Texts of variable arity are not, since they would flush the cache.
    pub(crate) persistent: bool,
    /// Reads at most one row, which costs the drivers less.
    pub(crate) single: bool,
}
