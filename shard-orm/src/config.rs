//! What a cluster is made of, as its operators write it: one TOML file, or the same in code.
//!
//! Called once, when a cluster is opened. A [`Config`] is only a description; all checks run when
//! [`Config::topology`] turns it into a [`Topology`](crate::topology::Topology), and all mistakes are reported at once.

mod address;
mod change;
mod database;
mod fan_out;
mod file;
mod group;
mod health;
mod ids;
pub(crate) mod layout;
mod options;
mod pool;
mod problem;
mod read;
mod replica;
mod report;
mod server;
mod settings;
mod shard_runs;
mod strategy;

pub(crate) use address::{Address, Location};
pub use database::Database;
pub use fan_out::FanOut;
pub(crate) use file::{parse_file, parse_text};
pub use group::Group;
pub use health::{Fallback, HealthOptions, HealthSettings};
pub use ids::Ids;
pub(crate) use ids::Worker;
pub use options::DatabaseOptions;
pub use pool::PoolOptions;
pub use problem::{ConfigError, Problem};
pub use read::Read;
pub use replica::Replica;
pub(crate) use report::{Origin, Report};
pub use server::Server;
pub use settings::PoolSettings;
pub(crate) use shard_runs::Runs;
pub use strategy::StrategyConfig;

/// A cluster's databases and shard groups.
///
/// In a file:
///
/// ```toml
/// name = "shop-production"                # default: "default"
///
/// [databases.default]                     # unsharded, by name
/// primary = "sqlite://data/default.db"
///
/// [groups.shop]
/// logical_shards = 16
/// namespace = "shop_{shard}"              # default: the group's name, `_` and the shard
/// strategy = "hash"
///
/// [[groups.shop.servers]]
/// name = "a"
/// primary = "postgres://app:${SHOP_A}@10.0.0.1/shop"
/// replicas = ["postgres://app:${SHOP_A}@10.0.0.2/shop"]
/// weight = 2                              # share of logical shards; or shards = "0..8"
///
/// [pool]
/// max_connections = 20
/// acquire_timeout = "5s"
///
/// [health]
/// probe_interval = "1s"
/// max_lag = "30s"
/// ```
///
/// - `strategy` is `"hash"`, `"modulo"`, or a table: `{ type = "range", bounds = [1000, 2000] }`,
///   `{ type = "ring", virtual_nodes = 512, weights = [1, 1, 2] }`,
///   `{ type = "ring", compatible = "django-shard-library" }`, or
///   `{ type = "region", default = "eu", regions = { eu = "0..8", us = ["8..12", "12..16"] } }`.
/// - `read` of a group is `"primary"`, `"replica"` or `"session"`; `[groups.shop.pins]` holds lines like
///   `"42" = 3`.
/// - `[pool]`, `[groups.shop.pool]` and a server's or database's `pool` hold the fields of
///   [`PoolOptions`], the later overriding the earlier; `options` holds those of
///   [`DatabaseOptions`]. Times are texts with a unit: `"500ms"`, `"5s"`, `"10m"`, `"1h"`.
/// - `[health]` and `[groups.shop.health]` hold the fields of [`HealthOptions`], the later
///   overriding the earlier; `fallback` is `"primary"` or `"refuse"`, and `max_lag_bytes` a number
///   or a text like `"64MiB"`. A replica is a URL, or a table with its weight:
///   `{ url = "postgres://app@10.0.0.3/shop", weight = 3 }`.
/// - `[ids]` holds `worker`, which is a number or `{ lease = "default", ttl = "30s" }`,
///   `sequence_bits`, `worker_bits`, `shard_bits`, `tables` and `block`; see [`Ids`].
/// - `[fan_out]` holds `statements` and `statements_per_server`; see [`FanOut`].
/// - `master` and `slaves` may be written for `primary` and `replicas`.
/// - In every string, `${NAME}` is replaced by the environment variable and `$$` by `$`.
/// - URLs begin with `postgres://`, `postgresql://`, `mysql://`, `mariadb://` or `sqlite://`. What
///   follows `sqlite://` is a file for a named database, and for a group's server a folder, in
///   which each namespace is a file `<namespace>.db`. A relative one counts from the folder of the
///   configuration file, or from the current folder when there is no file.
///
/// In code:
///
/// ```
/// use shard_orm::config::{Config, Database, Group, Server};
///
/// let config = Config::new("shop")
///     .database("default", Database::new("sqlite://data/default.db"))
///     .group(
///         "shop",
///         Group::new(16)
///             .namespace("shop_{shard}")
///             .server(Server::new("a", "sqlite://data/a").weight(3))
///             .server(Server::new("b", "sqlite://data/b")),
///     );
/// let topology = config.topology()?;
/// let shop = topology.group("shop").unwrap();
/// assert_eq!(shop.placements()[11].server(), 0);
/// assert_eq!(shop.placements()[12].server(), 1);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) name: String,
    pub(crate) pool: PoolOptions,
    pub(crate) health: HealthOptions,
    pub(crate) ids: Ids,
    pub(crate) fan_out: FanOut,
    pub(crate) databases: Vec<(String, Database)>,
    pub(crate) groups: Vec<(String, Group)>,
    /// Where the description was read from, so that a check can name the line.
    pub(crate) origin: Origin,
}

impl Config {
    /// An empty cluster of this name. The name is kept in every namespace's record, so that a
    /// server of another cluster is told apart.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            pool: PoolOptions::new(),
            health: HealthOptions::new(),
            ids: Ids::new(),
            fan_out: FanOut::new(),
            databases: Vec::new(),
            groups: Vec::new(),
            origin: Origin::default(),
        }
    }

    /// Adds an unsharded database.
    #[must_use]
    pub fn database(mut self, name: impl Into<String>, database: Database) -> Self {
        self.databases.push((name.into(), database));
        self
    }

    /// Adds a shard group.
    #[must_use]
    pub fn group(mut self, name: impl Into<String>, group: Group) -> Self {
        self.groups.push((name.into(), group));
        self
    }

    /// Sets the pool options of every server that does not set its own.
    #[must_use]
    pub fn pool(mut self, pool: PoolOptions) -> Self {
        self.pool = pool;
        self
    }

    /// Sets how ids are made.
    #[must_use]
    pub fn ids(mut self, ids: Ids) -> Self {
        self.ids = ids;
        self
    }

    /// Sets how many statements a call over several logical shards runs at a time.
    #[must_use]
    pub fn fan_out(mut self, fan_out: FanOut) -> Self {
        self.fan_out = fan_out;
        self
    }

    /// Sets how the servers are watched that do not set their own.
    #[must_use]
    pub fn health(mut self, health: HealthOptions) -> Self {
        self.health = health;
        self
    }
}
