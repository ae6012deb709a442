//! Where everything is: all groups, servers and placements, checked, as one immutable snapshot.
//!
//! Made from a [`Config`](crate::config::Config). Every statement asks it once, with the logical
//! shard that [`route`](crate::route) found, for the server and namespace; a change makes a new
//! topology with a higher epoch and never touches one that is in use.

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
pub(crate) use fingerprint::Fingerprint;
pub use group::Group;
pub use namespace::Namespace;
pub use placement::Placement;
pub use server::Server;
pub(crate) use statement_cache::{OPERATIONS, StatementSlot};

/// All groups, servers and placements of a cluster, at one moment.
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
    /// Counts the changes of the topology, from 1.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The same as the one that comes after this epoch.
    #[must_use]
    pub(crate) fn after(mut self, epoch: u64) -> Self {
        self.epoch = epoch + 1;
        self
    }

    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All shard groups. A file's are in the order of their names.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The shard group of this name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name() == name)
    }

    /// All unsharded databases. A file's are in the order of their names.
    #[must_use]
    pub fn databases(&self) -> &[Database] {
        &self.databases
    }

    /// The unsharded database of this name.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases
            .iter()
            .find(|database| &**database.name() == name)
    }
}
