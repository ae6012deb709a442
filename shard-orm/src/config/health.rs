//! The configuration of health monitoring.

use std::time::Duration;

use super::Report;

/// How the endpoints of a server are monitored, and when a replica serves reads. Fields that are
/// not set come from the level above, and finally from the defaults.
///
/// Only servers with replicas on PostgreSQL, MySQL and MariaDB are monitored, over one additional
/// connection to each endpoint.
///
/// ```
/// use std::time::Duration;
/// use shard_orm::config::{Fallback, HealthOptions};
///
/// let health = HealthOptions::new()
///     .max_lag(Duration::from_secs(5))
///     .fallback(Fallback::Refuse);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthOptions {
    pub(crate) probe_interval: Option<Duration>,
    pub(crate) probe_timeout: Option<Duration>,
    pub(crate) max_lag: Option<Duration>,
    pub(crate) max_lag_bytes: Option<u64>,
    pub(crate) session_wait: Option<Duration>,
    pub(crate) fallback: Option<Fallback>,
}

/// The fallback for reads from replicas when no replica is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fallback {
    /// The primary.
    #[default]
    Primary,
    /// None: the read fails with [`Unavailable`](crate::ErrorKind::Unavailable), which spares the
    /// primary.
    Refuse,
}

impl HealthOptions {
    /// No settings: everything comes from the level above.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the interval at which each endpoint is probed for its role and position. Default: 1
    /// second.
    ///
    /// An idle cluster notices a change of roles within this interval. A refused write or a lost
    /// connection triggers a probe at once.
    #[must_use]
    pub fn probe_interval(mut self, interval: Duration) -> Self {
        self.probe_interval = Some(interval);
        self
    }

    /// Sets the timeout of a probe. Default: 1 second.
    #[must_use]
    pub fn probe_timeout(mut self, timeout: Duration) -> Self {
        self.probe_timeout = Some(timeout);
        self
    }

    /// Sets the lag up to which a replica serves reads. Default: 30 seconds.
    ///
    /// The lag is measured by this process, as the age of the oldest primary position that the
    /// replica is not known to have reached, so no clocks are compared. It is accurate to about the
    /// probe interval.
    #[must_use]
    pub fn max_lag(mut self, lag: Duration) -> Self {
        self.max_lag = Some(lag);
        self
    }

    /// Sets how many bytes of the log a replica may lag behind and still serve reads. Only
    /// PostgreSQL measures bytes; the others ignore this limit. Default: unlimited.
    #[must_use]
    pub fn max_lag_bytes(mut self, bytes: u64) -> Self {
        self.max_lag_bytes = Some(bytes);
        self
    }

    /// Sets how long a read of a [`Session`](crate::Session) waits for a replica to catch up with
    /// the session's last write, before the primary serves it. Default: no wait, since the primary
    /// answers sooner.
    #[must_use]
    pub fn session_wait(mut self, wait: Duration) -> Self {
        self.session_wait = Some(wait);
        self
    }

    /// Sets the fallback for reads from replicas when no replica is available. Default: the
    /// primary.
    #[must_use]
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = Some(fallback);
        self
    }

    /// Reports durations that would make monitoring impossible.
    pub(crate) fn check(&self, path: &str, report: &mut Report) {
        let times = [
            ("probe_interval", self.probe_interval),
            ("probe_timeout", self.probe_timeout),
        ];
        report.check_durations(path, &times);
    }
}

/// The complete health settings of a server; see [`HealthOptions`] for each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthSettings {
    /// The interval between probes of each endpoint.
    pub probe_interval: Duration,
    /// The timeout of a probe.
    pub probe_timeout: Duration,
    /// The lag up to which a replica serves reads.
    pub max_lag: Duration,
    /// The number of bytes by which a replica may lag, if limited.
    pub max_lag_bytes: Option<u64>,
    /// How long a session's read waits for a replica.
    pub session_wait: Duration,
    /// The fallback for reads from replicas when no replica is available.
    pub fallback: Fallback,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            probe_interval: Duration::from_secs(1),
            probe_timeout: Duration::from_secs(1),
            max_lag: Duration::from_secs(30),
            max_lag_bytes: None,
            session_wait: Duration::ZERO,
            fallback: Fallback::Primary,
        }
    }
}

impl HealthSettings {
    /// Overrides these settings with the options that are set.
    pub(crate) fn with(self, options: &HealthOptions) -> Self {
        Self {
            probe_interval: options.probe_interval.unwrap_or(self.probe_interval),
            probe_timeout: options.probe_timeout.unwrap_or(self.probe_timeout),
            max_lag: options.max_lag.unwrap_or(self.max_lag),
            max_lag_bytes: options.max_lag_bytes.or(self.max_lag_bytes),
            session_wait: options.session_wait.unwrap_or(self.session_wait),
            fallback: options.fallback.unwrap_or(self.fallback),
        }
    }
}
