//! The complete limits of one server's pool.

use std::time::Duration;

/// The limits of a pool; see [`PoolOptions`](crate::config::PoolOptions) for each.
///
/// ```
/// use shard_orm::config::PoolSettings;
///
/// assert_eq!(PoolSettings::default().max_connections, 10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolSettings {
    /// The maximum number of open connections.
    pub max_connections: u32,
    /// The timeout for a free connection.
    pub acquire_timeout: Duration,
    /// The timeout for opening a connection.
    pub connect_timeout: Duration,
    /// The idle time after which a connection is closed.
    pub idle_timeout: Duration,
    /// The age at which a connection is closed.
    pub max_lifetime: Duration,
    /// The idle time after which a connection is pinged before its next statement.
    pub ping_after_idle: Duration,
    /// The server's time limit for a statement, if any.
    pub statement_timeout: Option<Duration>,
    /// The number of prepared statements that a connection keeps, if set.
    pub statement_cache: Option<usize>,
    /// The number of connections that read from a SQLite file.
    pub sqlite_readers: u32,
    /// How long SQLite waits for a lock of another process.
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
