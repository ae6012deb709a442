//! A shard group with its router, servers and placements.

use std::sync::Arc;

use super::{Fingerprint, Placement, Read, Server};
use crate::dialect::Dialect;
use crate::route::Router;

/// A shard group: the routing of its keys, and the placement of its logical shards.
#[derive(Debug, Clone)]
pub struct Group {
    pub(super) name: Arc<str>,
    pub(super) static_namespace: Arc<str>,
    pub(super) router: Router,
    pub(super) fingerprint: Arc<Fingerprint>,
    pub(super) servers: Vec<Server>,
    pub(super) placements: Vec<Placement>,
    pub(super) read: Read,
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

    /// The fingerprint of the routing, as the records of its namespaces hold it.
    pub(crate) fn fingerprint(&self) -> &Arc<Fingerprint> {
        &self.fingerprint
    }

    /// The number of logical shards, which are numbered from 0.
    #[must_use]
    pub fn logical_shards(&self) -> u32 {
        self.router.logical_shards()
    }

    /// The servers, in the order of the configuration.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The placements, by number of the logical shard.
    #[must_use]
    pub fn placements(&self) -> &[Placement] {
        &self.placements
    }

    /// The placement of this logical shard.
    #[must_use]
    #[inline]
    pub fn placement(&self, shard: u32) -> Option<&Placement> {
        self.placements.get(shard as usize)
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

    /// The SQL dialect of all its servers.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }
}
