//! How the endpoints of a server are watched, as it is described.

use std::time::Duration;

use super::Report;

/// How a server's endpoints are watched, and when a replica serves reads. What is left out comes
/// from the level above, and at last from the defaults.
///
/// Only servers with replicas are watched, on PostgreSQL, MySQL and MariaDB: over one connection
/// more to each of their endpoints.
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

/// Where reads for replicas go when no replica can serve them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fallback {
    /// To the primary.
    #[default]
    Primary,
    /// Nowhere: they get [`Unavailable`](crate::ErrorKind::Unavailable), and the primary is
    /// spared.
    Refuse,
}

impl HealthOptions {
    /// None: all from the level above.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how often each endpoint is asked for its role and position. Default 1 second.
    ///
    /// It bounds how long a change of roles goes unseen by a cluster that sends nothing; a write
    /// that is refused, or a connection that is lost, makes it look at once.
    #[must_use]
    pub fn probe_interval(mut self, interval: Duration) -> Self {
        self.probe_interval = Some(interval);
        self
    }

    /// Sets how long an endpoint may take to answer that. Default 1 second.
    #[must_use]
    pub fn probe_timeout(mut self, timeout: Duration) -> Self {
        self.probe_timeout = Some(timeout);
        self
    }

    /// Sets how far in time a replica may lag behind and still serve reads. Default 30 seconds.
    ///
    /// Measured by this process, as the age of the oldest position of the primary that the
    /// replica is not known to have reached, so that no two clocks are compared; it is exact to
    /// about the probe interval.
    #[must_use]
    pub fn max_lag(mut self, lag: Duration) -> Self {
        self.max_lag = Some(lag);
        self
    }

    /// Sets how many bytes of the log a replica may lag behind and still serve reads. PostgreSQL
    /// alone counts in bytes; the others pass over it. Default: any number.
    #[must_use]
    pub fn max_lag_bytes(mut self, bytes: u64) -> Self {
        self.max_lag_bytes = Some(bytes);
        self
    }

    /// Sets how long a read of a [`Session`](crate::Session) waits for a replica that holds the
    /// session's last write, before the primary serves it. Default: not at all, since the primary
    /// answers sooner than a replica that has to be waited for.
    #[must_use]
    pub fn session_wait(mut self, wait: Duration) -> Self {
        self.session_wait = Some(wait);
        self
    }

    /// Sets where reads for replicas go when no replica can serve them. Default: to the primary.
    #[must_use]
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = Some(fallback);
        self
    }

    /// These, and from `lower` what these leave out.
    pub(crate) fn over(&self, lower: &Self) -> Self {
        Self {
            probe_interval: self.probe_interval.or(lower.probe_interval),
            probe_timeout: self.probe_timeout.or(lower.probe_timeout),
            max_lag: self.max_lag.or(lower.max_lag),
            max_lag_bytes: self.max_lag_bytes.or(lower.max_lag_bytes),
            session_wait: self.session_wait.or(lower.session_wait),
            fallback: self.fallback.or(lower.fallback),
        }
    }

    /// These, and what they leave out from the defaults.
    pub(crate) fn settings(&self) -> HealthSettings {
        let default = HealthSettings::default();
        HealthSettings {
            probe_interval: self.probe_interval.unwrap_or(default.probe_interval),
            probe_timeout: self.probe_timeout.unwrap_or(default.probe_timeout),
            max_lag: self.max_lag.unwrap_or(default.max_lag),
            max_lag_bytes: self.max_lag_bytes.or(default.max_lag_bytes),
            session_wait: self.session_wait.unwrap_or(default.session_wait),
            fallback: self.fallback.unwrap_or(default.fallback),
        }
    }

    /// Reports times under which nothing could be seen.
    pub(crate) fn check(&self, path: &str, report: &mut Report) {
        let times = [
            ("probe_interval", self.probe_interval),
            ("probe_timeout", self.probe_timeout),
        ];
        for (key, time) in times {
            if time == Some(Duration::ZERO) {
                report.add(
                    format!("{path}.{key}"),
                    "no time at all; use more than 0, or leave it out for the default",
                );
            }
        }
    }
}

/// How a server's endpoints are watched, with nothing left open; see [`HealthOptions`] for what
/// each means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthSettings {
    /// How often each endpoint is asked for its role and position.
    pub probe_interval: Duration,
    /// How long it may take to answer.
    pub probe_timeout: Duration,
    /// How far in time a replica may lag behind.
    pub max_lag: Duration,
    /// How many bytes of the log a replica may lag behind, if there is a limit.
    pub max_lag_bytes: Option<u64>,
    /// How long a session's read waits for a replica.
    pub session_wait: Duration,
    /// Where reads for replicas go when no replica can serve them.
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
