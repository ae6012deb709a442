//! A cluster of two logical shards on a chosen server.

use std::time::Duration;

use shard_orm::config::{
    Config, Database, DatabaseOptions, Group, PoolOptions, Server, StrategyConfig,
};
use shard_orm::{Cluster, Dialect};

/// Longer than anything takes that is to happen at all.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);
pub(crate) const SHARDS: u32 = 2;

/// The configuration of a server: on PostgreSQL a URL with a database, on MariaDB one with a database beside which
/// the namespaces are, on SQLite a folder.
pub(crate) fn config(
    dialect: Dialect,
    url: &str,
    options: DatabaseOptions,
    pool: PoolOptions,
) -> Config {
    let default = match dialect {
        Dialect::Sqlite => format!("{url}/default-file.db"),
        _ => url.to_owned(),
    };
    // On MariaDB databases are shared by all tests of a server.
    let prefix = match dialect {
        Dialect::MySql => format!("{}_", url.rsplit_once('/').unwrap().1),
        _ => String::new(),
    };
    let pool = pool.acquire_timeout(LIMIT);
    let group = Group::new(SHARDS)
        .namespace(format!("{prefix}shop_{{shard}}"))
        .strategy(StrategyConfig::Modulo)
        .options(options.clone())
        .pool(pool.clone())
        .server(Server::new("a", url));
    Config::new("sessions")
        .database(
            "default",
            Database::new(default).options(options).pool(pool),
        )
        .group("shop", group)
}

pub(crate) async fn connect(dialect: Dialect, url: &str, options: DatabaseOptions) -> Cluster {
    Cluster::connect(&config(dialect, url, options, PoolOptions::new()))
        .await
        .unwrap()
}
