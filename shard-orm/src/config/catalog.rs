//! The configuration of a process that takes its topology from a catalog.

use std::path::PathBuf;
use std::time::Duration;

use super::Report;

/// The shortest interval that is accepted for polls and heartbeats.
const SHORTEST: Duration = Duration::from_millis(100);

/// How a process follows the [catalog](crate::catalog): where it is, how often to look for a new
/// topology, and how the process presents itself to operators.
///
/// It is the only part of a configuration that is not stored in the catalog itself: each process
/// has its own.
///
/// ```
/// use std::time::Duration;
/// use shard_orm::config::{Catalog, Config, Database};
///
/// let config = Config::new("shop")
///     .database("default", Database::new("postgres://app:${PASSWORD}@10.0.0.1/main"))
///     .catalog(
///         Catalog::new("default")
///             .poll(Duration::from_secs(2))
///             .process("checkout")
///             .local_copy("/var/lib/shop/topology.toml"),
///     );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    pub(crate) database: String,
    pub(crate) poll: Duration,
    pub(crate) timeout: Duration,
    pub(crate) switch_wait: Duration,
    pub(crate) process: Option<String>,
    pub(crate) heartbeat: Option<Duration>,
    #[cfg_attr(not(feature = "metrics"), allow(dead_code))]
    pub(crate) sizes: Option<Duration>,
    pub(crate) local_copy: Option<PathBuf>,
    /// Whether the local copy is written, and not only read.
    pub(crate) keeps_copy: bool,
}

impl Catalog {
    /// The catalog in this named database. In a configuration file, the local copy is then next to
    /// the file; in code there is none until [`local_copy`](Self::local_copy) names it.
    pub fn new(database: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            poll: Duration::from_secs(5),
            timeout: Duration::from_secs(5),
            switch_wait: Duration::from_secs(5),
            process: None,
            heartbeat: Some(Duration::from_secs(10)),
            sizes: Some(Duration::from_hours(1)),
            local_copy: None,
            keeps_copy: true,
        }
    }

    /// Sets how often to look for a new topology: at least 100 ms, by default 5 s. PostgreSQL
    /// notifies the process as well, unless a pooler of transactions is in between.
    #[must_use]
    pub fn poll(mut self, interval: Duration) -> Self {
        self.poll = interval;
        self
    }

    /// Sets how long to wait for an answer of the catalog: at least 100 ms, by default 5 s. When
    /// the process starts, the local copy is used after that time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long a statement waits while its logical shard changes servers; by default 5 s. It
    /// then fails with [`ShardMoved`](crate::ErrorKind::ShardMoved).
    #[must_use]
    pub fn switch_wait(mut self, limit: Duration) -> Self {
        self.switch_wait = limit;
        self
    }

    /// Sets the name of the process in the list of processes: up to 64 ASCII letters, digits, `_`,
    /// `.` and `-`. The default is the name of the executable.
    #[must_use]
    pub fn process(mut self, name: impl Into<String>) -> Self {
        self.process = Some(name.into());
        self
    }

    /// Sets how often the process reports that it is alive and which epoch it uses, and, with the feature
    /// `metrics`, publishes its statistics: at least 100 ms, by default 10 s; `None` keeps it out of the list of
    /// processes.
    #[must_use]
    pub fn heartbeat(mut self, interval: Option<Duration>) -> Self {
        self.heartbeat = interval;
        self
    }

    /// Sets how often one of the processes measures the servers, so that their growth is known over days: at least 100 ms,
    /// by default an hour; `None` keeps this process from it. It needs the feature `metrics` and a
    /// [`heartbeat`](Self::heartbeat). All processes should have the same.
    #[must_use]
    pub fn sizes(mut self, period: Option<Duration>) -> Self {
        self.sizes = period;
        self
    }

    /// Sets the file with the last topology, which is used if the catalog is unavailable when the
    /// process starts.
    #[must_use]
    pub fn local_copy(mut self, file: impl Into<PathBuf>) -> Self {
        self.local_copy = Some(file.into());
        self
    }

    /// Reports intervals that are too short, and an invalid name.
    pub(crate) fn check(&self, databases: &[&str], report: &mut Report) {
        if !databases.contains(&&*self.database) {
            report.add(
                "catalog",
                format!(
                    "the catalog is in database `{}`, which is not configured; add \
                     [databases.{}], or name another database",
                    self.database, self.database
                ),
            );
        }
        for (key, interval) in [
            ("poll", Some(self.poll)),
            ("timeout", Some(self.timeout)),
            ("heartbeat", self.heartbeat),
            ("sizes", self.sizes),
        ] {
            if interval.is_some_and(|interval| interval < SHORTEST) {
                report.add(
                    format!("catalog.{key}"),
                    "the interval is too short; use at least \"100ms\"",
                );
            }
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let is_name =
            |name: &String| !name.is_empty() && name.len() <= 64 && name.chars().all(allowed);
        if self.process.as_ref().is_some_and(|name| !is_name(name)) {
            report.add(
                "catalog.process",
                "not a valid name of a process; use 1 to 64 ASCII letters, digits, `_`, `.` and `-`",
            );
        }
    }
}
