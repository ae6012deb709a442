//! The configuration of a shard group.

use super::Read;
use super::{DatabaseOptions, HealthOptions, PoolOptions, Server, StrategyConfig};

/// A shard group: how its keys are distributed over logical shards, and on which servers these are.
///
/// ```
/// use shard_orm::config::{Group, Server, StrategyConfig};
/// use shard_orm::Read;
///
/// let group = Group::new(16)
///     .namespace("shop_{shard}")
///     .strategy(StrategyConfig::Hash)
///     .pin(42, 3)
///     .read(Read::Replica)
///     .server(Server::new("a", "postgres://app@10.0.0.1/shop"));
/// ```
#[derive(Debug, Clone)]
pub struct Group {
    pub(crate) logical_shards: u32,
    pub(crate) namespace: Option<String>,
    pub(crate) static_namespace: Option<String>,
    pub(crate) strategy: StrategyConfig,
    pub(crate) pins: Vec<(i64, u32)>,
    pub(crate) read: Read,
    pub(crate) options: DatabaseOptions,
    pub(crate) pool: PoolOptions,
    pub(crate) health: HealthOptions,
    pub(crate) find_by_id: bool,
    /// Of each logical shard whose namespace is not the first one that it had.
    pub(crate) generations: Vec<(u32, u32)>,
    /// The fingerprints of earlier routings, which records may have.
    pub(crate) former_routings: Vec<String>,
    pub(crate) servers: Vec<Server>,
}

impl Group {
    /// A group with this number of logical shards (1 to 65,536), routed by
    /// [`StrategyConfig::Hash`].
    ///
    /// Choose several times the number of servers that you expect for a start: logical shards are the unit of moves.
    /// Later they can be split.
    #[must_use]
    pub fn new(logical_shards: u32) -> Self {
        Self {
            logical_shards,
            namespace: None,
            static_namespace: None,
            strategy: StrategyConfig::Hash,
            pins: Vec::new(),
            read: Read::Primary,
            options: DatabaseOptions::new(),
            pool: PoolOptions::new(),
            health: HealthOptions::new(),
            find_by_id: false,
            generations: Vec::new(),
            former_routings: Vec::new(),
            servers: Vec::new(),
        }
    }

    /// Sets the template of the namespaces' names, in which `{shard}` is the number of the logical
    /// shard. The default is the group's name, `_` and the number.
    #[must_use]
    pub fn namespace(mut self, template: impl Into<String>) -> Self {
        self.namespace = Some(template.into());
        self
    }

    /// Sets the name of the namespace in which each server keeps its copies of static tables. The
    /// default is the group's name and `_static`.
    #[must_use]
    pub fn static_namespace(mut self, name: impl Into<String>) -> Self {
        self.static_namespace = Some(name.into());
        self
    }

    /// Sets the routing strategy: a [`StrategyConfig`], or any
    /// [`Strategy`](crate::route::Strategy).
    #[must_use]
    pub fn strategy(mut self, strategy: impl Into<StrategyConfig>) -> Self {
        self.strategy = strategy.into();
        self
    }

    /// Pins a key to a logical shard, regardless of the strategy.
    #[must_use]
    pub fn pin(mut self, key: i64, shard: u32) -> Self {
        self.pins.push((key, shard));
        self
    }

    /// Sets the default read policy of queries.
    #[must_use]
    pub fn read(mut self, read: Read) -> Self {
        self.read = read;
        self
    }

    /// Sets the session options of connections to its servers.
    #[must_use]
    pub fn options(mut self, options: DatabaseOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets pool options, which override those of the cluster.
    #[must_use]
    pub fn pool(mut self, pool: PoolOptions) -> Self {
        self.pool = pool;
        self
    }

    /// Requires that rows can be found by a snowflake id alone. This needs the strategy
    /// [`StrategyConfig::Hash`]; a configuration with another one is refused.
    #[must_use]
    pub fn find_by_id(mut self) -> Self {
        self.find_by_id = true;
        self
    }

    /// Adds a server. Logical shards are assigned in the order of the servers.
    #[must_use]
    pub fn server(mut self, server: Server) -> Self {
        self.servers.push(server);
        self
    }

    /// Sets the generation of a logical shard's namespace, from 1. It increases when the shard moves;
    /// from 2, it is part of the namespace's name: `shop_3_g2`.
    #[must_use]
    pub fn generation(mut self, shard: u32, generation: u32) -> Self {
        self.generations.push((shard, generation));
        self
    }

    /// Accepts namespaces that were set up under an earlier routing of the group, by its fingerprint. Each
    /// split and merge adds one: the records of the logical shards that it leaves alone are not rewritten.
    #[must_use]
    pub fn former_routing(mut self, fingerprint: impl Into<String>) -> Self {
        self.former_routings.push(fingerprint.into());
        self
    }

    /// Sets health options, which override those of the cluster.
    #[must_use]
    pub fn health(mut self, health: HealthOptions) -> Self {
        self.health = health;
        self
    }
}
