//! The configuration of a server.

use std::ops::Range;

use super::{Address, DatabaseOptions, PoolOptions, Replica, ServerState};

/// A server of a group: one primary, its replicas, and its share of the logical shards.
///
/// The share is either a weight (1 by default) or explicit runs of shards; all servers of a group
/// use the same kind. Next to explicit runs, a weight is the share to aim for when shards are
/// moved.
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
    /// `None` if the weight decides.
    pub(crate) runs: Option<Vec<Range<u32>>>,
    pub(crate) state: ServerState,
    /// In bytes.
    pub(crate) capacity: Option<u64>,
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
            runs: None,
            state: ServerState::Active,
            capacity: None,
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
        self.runs.get_or_insert_default().push(run);
        self
    }

    /// Gives it no logical shard, in a group whose servers list theirs.
    #[must_use]
    pub fn without_shards(mut self) -> Self {
        self.runs = Some(Vec::new());
        self
    }

    /// Sets the state; by default [`ServerState::Active`].
    #[must_use]
    pub fn state(mut self, state: ServerState) -> Self {
        self.state = state;
        self
    }

    /// Sets how many bytes of rows it is meant to hold: plans keep to it, and a move beyond it is refused. There is no
    /// limit by default.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = Some(bytes);
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
