//! Real database servers for tests: private, in a temporary folder, on a free port of the loopback interface.
//!
//! A test that only needs a server calls [`postgres`], [`mariadb`] or [`redis`] and shares it with all others.
//! A test that kills, stops or restarts its server starts its own with [`PostgresServer::start`],
//! [`MariaDbServer::start`] or [`RedisServer::start`].
//!
//! A server does not outlive the process that started it, however that process ends: the kernel ends the server
//! with its parent (`setpriv --pdeathsig`), and a small shell process removes the folder.

mod account;
mod folder;
mod instance;
mod mariadb;
mod node;
mod pgbouncer;
mod ports;
mod postgres;
mod process;
mod programs;
mod redis;
mod template;

use std::{env, fmt};

use tokio::sync::OnceCell;

pub use self::mariadb::MariaDbServer;
pub use self::node::{Node, Pair, Rights, pair};
pub use self::pgbouncer::PgBouncer;
pub use self::postgres::PostgresServer;
pub use self::process::{Signal, signal, signal_tree, spawn};
pub use self::redis::RedisServer;

/// The environment variable with the address of the PostgreSQL server that all tests share.
pub const POSTGRES_VARIABLE: &str = "SHARD_ORM_TEST_POSTGRES";
/// The environment variable with the address of the MariaDB server that all tests share.
pub const MARIADB_VARIABLE: &str = "SHARD_ORM_TEST_MARIADB";
/// The environment variable with the address of the Redis server that all tests share.
pub const REDIS_VARIABLE: &str = "SHARD_ORM_TEST_REDIS";

/// Why a server could not be found, started or stopped, with the end of its log where there is one.
#[derive(Debug, Clone)]
pub struct ServerError {
    message: String,
}

impl ServerError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }

    /// Wraps what the operating system said with what was being done.
    pub(crate) fn while_doing(what: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self::new(format!("{what}: {error}"))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ServerError {}

/// The address of the PostgreSQL server that all tests share, as `postgres://postgres@127.0.0.1:PORT/postgres`.
///
/// It is read from `SHARD_ORM_TEST_POSTGRES`; without that variable the first call starts a server, which lives as
/// long as this process.
///
/// # Errors
/// When PostgreSQL is not installed or does not start.
pub async fn postgres() -> Result<&'static str, ServerError> {
    static GIVEN: OnceCell<String> = OnceCell::const_new();
    static STARTED: OnceCell<PostgresServer> = OnceCell::const_new();
    if let Ok(url) = env::var(POSTGRES_VARIABLE) {
        return Ok(GIVEN.get_or_init(async || url).await);
    }
    let server = STARTED.get_or_try_init(PostgresServer::start).await?;
    Ok(server.url())
}

/// The address of the MariaDB server that all tests share, as `mysql://app:PASSWORD@127.0.0.1:PORT`, without a
/// database.
///
/// It is read from `SHARD_ORM_TEST_MARIADB`; without that variable the first call starts a server, which lives as
/// long as this process.
///
/// # Errors
/// When MariaDB is not installed or does not start.
pub async fn mariadb() -> Result<&'static str, ServerError> {
    static GIVEN: OnceCell<String> = OnceCell::const_new();
    static STARTED: OnceCell<MariaDbServer> = OnceCell::const_new();
    if let Ok(url) = env::var(MARIADB_VARIABLE) {
        return Ok(GIVEN.get_or_init(async || url).await);
    }
    let server = STARTED.get_or_try_init(MariaDbServer::start).await?;
    Ok(server.url())
}

/// The address of the Redis server that all tests share, as `redis://127.0.0.1:PORT`.
///
/// It is read from `SHARD_ORM_TEST_REDIS`; without that variable the first call starts a server, which lives as
/// long as this process.
///
/// # Errors
/// When Redis is not installed or does not start.
pub async fn redis() -> Result<&'static str, ServerError> {
    static GIVEN: OnceCell<String> = OnceCell::const_new();
    static STARTED: OnceCell<RedisServer> = OnceCell::const_new();
    if let Ok(url) = env::var(REDIS_VARIABLE) {
        return Ok(GIVEN.get_or_init(async || url).await);
    }
    let server = STARTED.get_or_try_init(RedisServer::start).await?;
    Ok(server.url())
}
