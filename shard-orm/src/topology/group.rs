//! A shard group with its router, servers and placements.

use std::sync::Arc;

use super::{Fingerprint, Placement, Read, Server};
use crate::dialect::Dialect;
use crate::route::Router;

/// A shard group: how its keys are routed, and where each logical shard lives.
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
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Maps a key to its logical shard.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// What decides where its keys go, as the records of its namespaces hold it.
    pub(crate) fn fingerprint(&self) -> &Arc<Fingerprint> {
        &self.fingerprint
    }

    /// How many logical shards it has; they are numbered from 0.
    #[must_use]
    pub fn logical_shards(&self) -> u32 {
        self.router.logical_shards()
    }

    /// Its servers, in the order of the configuration.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Where each logical shard lives, by its number.
    #[must_use]
    pub fn placements(&self) -> &[Placement] {
        &self.placements
    }

    /// Where this logical shard lives.
    #[must_use]
    #[inline]
    pub fn placement(&self, shard: u32) -> Option<&Placement> {
        self.placements.get(shard as usize)
    }

    /// The namespace in which each of its servers holds its copy of the static tables:
    /// the group's name and `_static`.
    #[must_use]
    pub fn static_namespace(&self) -> &Arc<str> {
        &self.static_namespace
    }

    /// Where queries read that do not say it themselves.
    #[must_use]
    pub fn read(&self) -> Read {
        self.read
    }

    /// The SQL that all its servers speak.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }
}
