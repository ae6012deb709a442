//! The limits of one server's pool, with nothing left open.

use std::time::Duration;

/// The limits of a pool of connections; see [`PoolOptions`](crate::config::PoolOptions) for what
/// each means.
///
/// ```
/// use shard_orm::config::PoolSettings;
///
/// assert_eq!(PoolSettings::default().max_connections, 10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolSettings {
    /// The most connections that are open at a time.
    pub max_connections: u32,
    /// How long a statement waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// After how long without use a connection is closed.
    pub idle_timeout: Duration,
    /// After how long a connection is closed in any case.
    pub max_lifetime: Duration,
    /// After how long without use a connection is pinged before its next statement.
    pub ping_after_idle: Duration,
    /// How long the server may work on a statement, if there is a limit.
    pub statement_timeout: Option<Duration>,
    /// How many prepared statements a connection keeps, if it was set.
    pub statement_cache: Option<usize>,
    /// How many connections read from a SQLite file at a time.
    pub sqlite_readers: u32,
    /// How long SQLite waits for another process's lock.
    pub busy_timeout: Duration,
    /// The page cache of each SQLite connection, in KiB.
    pub sqlite_cache_kib: u32,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_mins(10),
            max_lifetime: Duration::from_mins(30),
            ping_after_idle: Duration::from_secs(30),
            statement_timeout: None,
            statement_cache: None,
            sqlite_readers: 4,
            busy_timeout: Duration::from_secs(5),
            sqlite_cache_kib: 16 * 1024,
        }
    }
}
