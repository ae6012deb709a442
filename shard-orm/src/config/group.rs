//! A shard group, as it is described.

use super::Read;
use super::{DatabaseOptions, HealthOptions, PoolOptions, Server, StrategyConfig};

/// A shard group: how its keys are spread over logical shards, and where these live.
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
    pub(crate) servers: Vec<Server>,
}

impl Group {
    /// A group of that many logical shards, 1 to 65,536, routed by [`StrategyConfig::Hash`].
    ///
    /// Choose several times the servers that it may ever have: a logical shard is what moves.
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
            servers: Vec::new(),
        }
    }

    /// Sets the template of its namespaces' names, in which `{shard}` stands for the number of
    /// the logical shard. Without one it is the group's name, `_` and the number.
    #[must_use]
    pub fn namespace(mut self, template: impl Into<String>) -> Self {
        self.namespace = Some(template.into());
        self
    }

    /// Sets the name of the namespace in which each of its servers holds its copies of static tables.
    /// Without one it is the group's name and `_static`.
    #[must_use]
    pub fn static_namespace(mut self, name: impl Into<String>) -> Self {
        self.static_namespace = Some(name.into());
        self
    }

    /// Sets how keys are spread: a [`StrategyConfig`], or any
    /// [`Strategy`](crate::route::Strategy).
    #[must_use]
    pub fn strategy(mut self, strategy: impl Into<StrategyConfig>) -> Self {
        self.strategy = strategy.into();
        self
    }

    /// Pins a key to a logical shard, whatever the strategy says.
    #[must_use]
    pub fn pin(mut self, key: i64, shard: u32) -> Self {
        self.pins.push((key, shard));
        self
    }

    /// Sets where queries read that do not say it themselves.
    #[must_use]
    pub fn read(mut self, read: Read) -> Self {
        self.read = read;
        self
    }

    /// Sets what each connection to its servers is told when it opens.
    #[must_use]
    pub fn options(mut self, options: DatabaseOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets pool options, over those of the whole cluster.
    #[must_use]
    pub fn pool(mut self, pool: PoolOptions) -> Self {
        self.pool = pool;
        self
    }

    /// Promises that its rows can be found by a snowflake alone, which needs the strategy
    /// [`StrategyConfig::Hash`]: under another one, the configuration is refused.
    #[must_use]
    pub fn find_by_id(mut self) -> Self {
        self.find_by_id = true;
        self
    }

    /// Adds a server. Logical shards are handed out in the order of the servers.
    #[must_use]
    pub fn server(mut self, server: Server) -> Self {
        self.servers.push(server);
        self
    }

    /// Sets how its endpoints are watched, over what the whole cluster sets.
    #[must_use]
    pub fn health(mut self, health: HealthOptions) -> Self {
        self.health = health;
        self
    }
}
