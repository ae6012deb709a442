//! The state of a server, as operators see it.

use std::fmt;

/// Whether a server is in use.
///
/// ```
/// use shard_orm::config::{Server, ServerState};
///
/// let leaving = Server::new("a", "postgres://app@10.0.0.1/shop").state(ServerState::Draining);
/// assert_eq!(ServerState::Draining.to_string(), "draining");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum ServerState {
    /// In use, and a target for logical shards.
    #[default]
    Active,
    /// Registered, and not in use: it has no logical shards and no static tables, and nothing
    /// connects to it.
    Inactive,
    /// In use, and about to leave: its logical shards are to be moved to other servers.
    Draining,
}

impl ServerState {
    /// All states with their names in a configuration file.
    pub(crate) const NAMES: [(&'static str, Self); 3] = [
        ("active", Self::Active),
        ("inactive", Self::Inactive),
        ("draining", Self::Draining),
    ];
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, state)| state == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}
