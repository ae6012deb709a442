//! The configuration of a server.

use std::ops::Range;

use super::{Address, DatabaseOptions, PoolOptions, Replica};

/// A server of a group: one primary, its replicas, and its share of the logical shards.
///
/// The share is either a weight (1 by default) or explicit runs of shards; all servers of a group
/// use the same kind.
///
/// ```
/// use shard_orm::config::Server;
///
/// let by_weight = Server::new("a", "postgres://app@10.0.0.1/shop")
///     .replica("postgres://app@10.0.0.2/shop")
///     .weight(2);
/// let by_runs = Server::new("b", "postgres://app@10.0.0.3/shop").shards(0..8).shards(12..16);
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    pub(crate) name: String,
    pub(crate) primary: Address,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) weight: Option<u32>,
    pub(crate) runs: Vec<Range<u32>>,
    pub(crate) options: DatabaseOptions,
    pub(crate) pool: PoolOptions,
}

impl Server {
    /// A server with this name, unique in its group, at this URL; for SQLite, `sqlite://` and a
    /// folder.
    pub fn new(name: impl Into<String>, primary: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            primary: Address::new(primary),
            replicas: Vec::new(),
            weight: None,
            runs: Vec::new(),
            options: DatabaseOptions::new(),
            pool: PoolOptions::new(),
        }
    }

    /// Adds a replica: its URL, or a [`Replica`] with its weight.
    #[must_use]
    pub fn replica(mut self, replica: impl Into<Replica>) -> Self {
        self.replicas.push(replica.into());
        self
    }

    /// Sets its share of the logical shards, in proportion to the other weights. A server of weight
    /// 0 gets none.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = Some(weight);
        self
    }

    /// Adds a run of logical shards: the first is included, the last excluded.
    #[must_use]
    pub fn shards(mut self, run: Range<u32>) -> Self {
        self.runs.push(run);
        self
    }

    /// Sets session options, which override those of the group.
    #[must_use]
    pub fn options(mut self, options: DatabaseOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets pool options, which override those of the group and the cluster.
    #[must_use]
    pub fn pool(mut self, pool: PoolOptions) -> Self {
        self.pool = pool;
        self
    }
}
