//! The topology: all groups, servers and placements, as one validated, immutable snapshot.
//!
//! Built from a [`Config`](crate::config::Config). Every statement looks up the server and
//! namespace of the logical shard that [`route`](crate::route) found. A change makes a new topology
//! with a higher epoch; one that is in use never changes.

use std::sync::Arc;

mod assign;
mod build;
mod database;
mod endpoint;
mod fingerprint;
mod group;
mod load;
mod namespace;
mod placement;
mod server;
mod statement_cache;
mod template;

pub use crate::config::{Fallback, HealthSettings, PoolSettings, Read};
pub use database::Database;
pub use endpoint::Endpoint;
pub(crate) use fingerprint::{CUT, Fingerprint};
pub use group::Group;
pub use namespace::Namespace;
pub use placement::Placement;
pub use server::Server;
pub(crate) use statement_cache::{OPERATIONS, StatementSlot};

/// All groups, servers and placements of a cluster at one moment.
///
/// ```
/// use shard_orm::config::{Config, Group, Server};
///
/// let topology = Config::new("shop")
///     .group("shop", Group::new(4).server(Server::new("a", "sqlite://data/a")))
///     .topology()?;
/// assert_eq!(topology.epoch(), 1);
/// assert_eq!(topology.groups().len(), 1);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Topology {
    epoch: u64,
    name: Arc<str>,
    groups: Vec<Group>,
    databases: Vec<Database>,
}

impl Topology {
    /// The number of the topology, from 1; each change increments it.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    #[must_use]
    pub(crate) fn with_epoch(mut self, epoch: u64) -> Self {
        self.epoch = epoch;
        self
    }

    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All shard groups. Those of a file are sorted by name.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The shard group with this name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name() == name)
    }

    /// All unsharded databases. Those of a file are sorted by name.
    #[must_use]
    pub fn databases(&self) -> &[Database] {
        &self.databases
    }

    /// The unsharded database with this name.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases
            .iter()
            .find(|database| &**database.name() == name)
    }
}
