//! The configuration of a cluster: a TOML file, or the same in code.
//!
//! Read once, when a cluster is opened. A [`Config`] is only a description. [`Config::topology`]
//! checks it, turns it into a [`Topology`](crate::topology::Topology), and reports all problems at
//! once.

mod address;
mod catalog;
mod change;
mod database;
mod document;
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
mod server_state;
mod settings;
mod shard_runs;
mod strategy;

use std::time::Duration;

pub(crate) use address::{Address, Location};
pub use catalog::Catalog;
pub use database::Database;
pub use fan_out::FanOut;
pub(crate) use file::{parse_document, parse_file, parse_text};
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
pub use server_state::ServerState;
pub use settings::PoolSettings;
pub(crate) use shard_runs::Runs;
pub use strategy::{RegionShards, StrategyConfig};

/// The duration from which a call is slow, unless another one is set.
const SLOW_CALL: Duration = Duration::from_secs(1);

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
///   Explicit ranges are lines like `4000000000000000 = 1` in `[groups.shop.strategy.ranges]`; see
///   [`Ranges`](crate::route::Ranges).
/// - `read` of a group is `"primary"`, `"replica"` or `"session"`; `[groups.shop.pins]` holds lines like
///   `"42" = 3`.
/// - `[pool]`, `[groups.shop.pool]` and the `pool` of a server or database hold the fields of
///   [`PoolOptions`]; later ones override earlier ones. `options` holds the fields of
///   [`DatabaseOptions`]. Durations are strings with a unit: `"500ms"`, `"5s"`, `"10m"`, `"1h"`.
/// - `[health]` and `[groups.shop.health]` hold the fields of [`HealthOptions`]; the later
///   overrides the earlier. `fallback` is `"primary"` or `"refuse"`, and `max_lag_bytes` is a
///   number or a string like `"64MiB"`. A replica is a URL, or a table with its weight: `{ url =
///   "postgres://app@10.0.0.3/shop", weight = 3 }`.
/// - `[ids]` holds `worker` (a number, or `{ lease = "default", ttl = "30s" }`), `sequence_bits`,
///   `worker_bits`, `shard_bits`, `tables` and `block`; see [`Ids`].
/// - `[fan_out]` holds `statements` and `statements_per_server`; see [`FanOut`].
/// - `slow_call` is the duration from which a call is logged as slow (`"1s"`), or `"off"`; see
///   [`Config::slow_call`].
/// - `catalog` is the name of the database that holds the [catalog](crate::catalog), or a table with
///   `database`, `poll`, `timeout`, `switch_wait`, `process`, `heartbeat` (a duration or `"off"`) and `local_copy`;
///   see [`Catalog`].
/// - `master` and `slaves` are accepted for `primary` and `replicas`.
/// - In every string, `${NAME}` is replaced by the environment variable and `$$` by `$`.
/// - URLs begin with `postgres://`, `postgresql://`, `mysql://`, `mariadb://` or `sqlite://`. After
///   `sqlite://` comes a file for a named database, and a folder for a group's server, in which
///   each namespace is a file `<namespace>.db`. A relative path is resolved against the folder of
///   the configuration file, or against the current folder if there is no file.
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
/// assert_eq!(shop.placement(11).unwrap().server(), 0);
/// assert_eq!(shop.placement(12).unwrap().server(), 1);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) name: String,
    pub(crate) pool: PoolOptions,
    pub(crate) health: HealthOptions,
    pub(crate) ids: Ids,
    pub(crate) fan_out: FanOut,
    pub(crate) slow_call: Option<Duration>,
    pub(crate) catalog: Option<Catalog>,
    pub(crate) databases: Vec<(String, Database)>,
    pub(crate) groups: Vec<(String, Group)>,
    /// Where the configuration was read from, for line numbers in problems.
    pub(crate) origin: Origin,
}

impl Config {
    /// An empty configuration with this cluster name. Every namespace's record holds the name,
    /// which tells apart servers of different clusters.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            pool: PoolOptions::new(),
            health: HealthOptions::new(),
            ids: Ids::new(),
            fan_out: FanOut::new(),
            slow_call: Some(SLOW_CALL),
            catalog: None,
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

    /// Sets the default pool options of all servers.
    #[must_use]
    pub fn pool(mut self, pool: PoolOptions) -> Self {
        self.pool = pool;
        self
    }

    /// Sets the configuration of generated ids.
    #[must_use]
    pub fn ids(mut self, ids: Ids) -> Self {
        self.ids = ids;
        self
    }

    /// Sets the concurrency limits of calls over several logical shards.
    #[must_use]
    pub fn fan_out(mut self, fan_out: FanOut) -> Self {
        self.fan_out = fan_out;
        self
    }

    /// Sets the duration from which a call is logged as slow: by default one second; `None` for
    /// never. It includes the wait for a connection. Calls are timed with the feature `metrics`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use shard_orm::config::Config;
    ///
    /// let config = Config::new("shop").slow_call(Duration::from_millis(200));
    /// ```
    #[must_use]
    pub fn slow_call(mut self, from: impl Into<Option<Duration>>) -> Self {
        self.slow_call = from.into();
        self
    }

    /// Takes the topology from a [catalog](crate::catalog), and follows its changes.
    #[must_use]
    pub fn catalog(mut self, catalog: Catalog) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// Leaves the process out of the catalog's list of processes, and keeps no local copy: for tools
    /// that open the cluster for a moment.
    #[must_use]
    pub fn unlisted(mut self) -> Self {
        if let Some(catalog) = &mut self.catalog {
            catalog.heartbeat = None;
            catalog.keeps_copy = false;
        }
        self
    }

    /// Sets the default health options of all servers.
    #[must_use]
    pub fn health(mut self, health: HealthOptions) -> Self {
        self.health = health;
        self
    }
}
