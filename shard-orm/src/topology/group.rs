//! A shard group with its router, servers and placements.

use std::sync::Arc;

use super::{Fingerprint, Placement, Read, Server};
#[cfg(feature = "reshard")]
use crate::config::StrategyConfig;
use crate::dialect::Dialect;
use crate::route::Router;

/// A shard group: the routing of its keys, and the placement of its logical shards.
#[derive(Debug, Clone)]
pub struct Group {
    pub(super) name: Arc<str>,
    pub(super) static_namespace: Arc<str>,
    pub(super) router: Router,
    #[cfg(feature = "reshard")]
    pub(super) strategy: StrategyConfig,
    pub(super) fingerprint: Arc<Fingerprint>,
    pub(super) servers: Vec<Server>,
    /// By number of the logical shard; unused ones have none.
    pub(super) placements: Vec<Option<Placement>>,
    pub(super) read: Read,
    /// That of the first server.
    pub(super) dialect: Dialect,
}

impl Group {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Maps a key to its logical shard.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// The strategy, as it is configured.
    #[cfg(feature = "reshard")]
    pub(crate) fn strategy(&self) -> &StrategyConfig {
        &self.strategy
    }

    /// The fingerprint of the routing, as the records of its namespaces hold it.
    pub(crate) fn fingerprint(&self) -> &Arc<Fingerprint> {
        &self.fingerprint
    }

    /// The number of logical shards, which are numbered from 0; it includes
    /// [unused](crate::route::Strategy::is_used) ones.
    #[must_use]
    pub fn logical_shards(&self) -> u32 {
        self.router.logical_shards()
    }

    /// The servers, in the order of the configuration.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The numbers of the logical shards that are in use, ascending: all but the
    /// [unused](crate::route::Strategy::is_used) ones.
    pub fn shards(&self) -> impl Iterator<Item = u32> + '_ {
        self.placements()
            .map(|placement| placement.namespace().shard())
    }

    /// The placements of the logical shards that are in use, in the order of
    /// [`shards`](Self::shards).
    pub fn placements(&self) -> impl Iterator<Item = &Placement> + '_ {
        self.placements.iter().flatten()
    }

    /// The placement of this logical shard, unless there is no such shard or it is unused.
    #[must_use]
    #[inline]
    pub fn placement(&self, shard: u32) -> Option<&Placement> {
        self.placements.get(shard as usize)?.as_ref()
    }

    /// The namespace in which each server keeps its copy of the static tables: the group's name and
    /// `_static`.
    #[must_use]
    pub fn static_namespace(&self) -> &Arc<str> {
        &self.static_namespace
    }

    /// The default read policy of queries.
    #[must_use]
    pub fn read(&self) -> Read {
        self.read
    }

    /// The SQL dialect of its first server. Those of the others differ in a group that moves from one kind of database
    /// to another: each [`Namespace`](super::Namespace::dialect) has that of its server.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The SQL dialects of its servers, each once.
    #[must_use]
    pub fn dialects(&self) -> Vec<Dialect> {
        let mut dialects = Vec::new();
        for server in &self.servers {
            let dialect = server.primary().dialect();
            if !dialects.contains(&dialect) {
                dialects.push(dialect);
            }
        }
        dialects
    }
}
