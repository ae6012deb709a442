//! The configuration of connection pools.

use std::time::Duration;

use super::PoolSettings;
use super::Report;

/// The limits of each server's pool. Fields that are not set come from the level above, and finally
/// from the defaults.
///
/// ```
/// use std::time::Duration;
/// use shard_orm::config::PoolOptions;
///
/// let pool = PoolOptions::new().max_connections(20).acquire_timeout(Duration::from_secs(2));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolOptions {
    pub(crate) max_connections: Option<u32>,
    pub(crate) acquire_timeout: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) ping_after_idle: Option<Duration>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) statement_cache: Option<usize>,
    pub(crate) sqlite_readers: Option<u32>,
    pub(crate) busy_timeout: Option<Duration>,
    pub(crate) sqlite_cache_kib: Option<u32>,
}

impl PoolOptions {
    /// No settings: everything comes from the level above.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the maximum number of open connections to a server. Default: 10.
    #[must_use]
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.max_connections = Some(connections);
        self
    }

    /// Sets the timeout for a free connection. Default: 5 seconds.
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = Some(timeout);
        self
    }

    /// Sets the timeout for opening a connection. Default: 5 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// Sets the idle time after which a connection is closed. Default: 10 minutes.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Sets the age at which a connection is closed. Default: 30 minutes.
    #[must_use]
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = Some(lifetime);
        self
    }

    /// Sets the idle time after which a connection is pinged before its next statement. Default: 30
    /// seconds.
    #[must_use]
    pub fn ping_after_idle(mut self, idle: Duration) -> Self {
        self.ping_after_idle = Some(idle);
        self
    }

    /// Sets the server's time limit for a statement. Default: unlimited.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = Some(timeout);
        self
    }

    /// Sets the number of prepared statements that a connection keeps. Default: depends on the
    /// number of namespaces on the server.
    #[must_use]
    pub fn statement_cache(mut self, statements: usize) -> Self {
        self.statement_cache = Some(statements);
        self
    }

    /// Sets the number of connections that read from a SQLite file; one more writes. Default: 4.
    /// Ignored by other databases.
    #[must_use]
    pub fn sqlite_readers(mut self, connections: u32) -> Self {
        self.sqlite_readers = Some(connections);
        self
    }

    /// Sets how long SQLite waits for a lock of another process. Default: 5 seconds. Ignored by
    /// other databases.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = Some(timeout);
        self
    }

    /// Sets the page cache of each SQLite connection, in KiB. Default: 16,384. Ignored by other
    /// databases.
    #[must_use]
    pub fn sqlite_cache_kib(mut self, kib: u32) -> Self {
        self.sqlite_cache_kib = Some(kib);
        self
    }

    /// Reports limits that would make the pool unusable.
    pub(crate) fn check(&self, path: &str, report: &mut Report) {
        let counts = [
            ("max_connections", self.max_connections, "connections"),
            ("sqlite_readers", self.sqlite_readers, "readers"),
            ("sqlite_cache_kib", self.sqlite_cache_kib, "KiB"),
        ];
        for (key, count, unit) in counts {
            if count == Some(0) {
                report.add(format!("{path}.{key}"), format!("0 {unit}; use 1 or more"));
            }
        }
        let times = [
            ("acquire_timeout", self.acquire_timeout),
            ("connect_timeout", self.connect_timeout),
            ("idle_timeout", self.idle_timeout),
            ("max_lifetime", self.max_lifetime),
            ("statement_timeout", self.statement_timeout),
        ];
        report.check_durations(path, &times);
    }
}

impl PoolSettings {
    /// Overrides these settings with the options that are set.
    pub(crate) fn with(self, options: &PoolOptions) -> Self {
        Self {
            max_connections: options.max_connections.unwrap_or(self.max_connections),
            acquire_timeout: options.acquire_timeout.unwrap_or(self.acquire_timeout),
            connect_timeout: options.connect_timeout.unwrap_or(self.connect_timeout),
            idle_timeout: options.idle_timeout.unwrap_or(self.idle_timeout),
            max_lifetime: options.max_lifetime.unwrap_or(self.max_lifetime),
            ping_after_idle: options.ping_after_idle.unwrap_or(self.ping_after_idle),
            statement_timeout: options.statement_timeout.or(self.statement_timeout),
            statement_cache: options.statement_cache.or(self.statement_cache),
            sqlite_readers: options.sqlite_readers.unwrap_or(self.sqlite_readers),
            busy_timeout: options.busy_timeout.unwrap_or(self.busy_timeout),
            sqlite_cache_kib: options.sqlite_cache_kib.unwrap_or(self.sqlite_cache_kib),
        }
    }
}
