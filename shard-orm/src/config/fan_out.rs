//! How many statements a call over several logical shards runs at a time, as it is described.

use std::thread::available_parallelism;

use super::Report;

/// How many statements a call over several logical shards runs at a time.
///
/// ```
/// use shard_orm::config::{Config, FanOut};
///
/// let config = Config::new("shop").fan_out(FanOut::new().statements(64).statements_per_server(4));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FanOut {
    pub(crate) statements: usize,
    pub(crate) statements_per_server: usize,
}

impl Default for FanOut {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self {
            statements: 256,
            statements_per_server: (2 * processors).clamp(4, 16),
        }
    }
}

impl FanOut {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many statements of one call run at a time, on all servers together: 1 or more, 256
    /// by default.
    #[must_use]
    pub fn statements(mut self, statements: usize) -> Self {
        self.statements = statements;
        self
    }

    /// Sets how many statements of one call run at a time on one server: 1 or more. By default two
    /// for each processor of this machine, and 4 to 16.
    ///
    /// Each takes a connection of the server's pool while it runs. One statement asks up to 64
    /// logical shards of a PostgreSQL, MySQL or MariaDB server, and one of SQLite.
    #[must_use]
    pub fn statements_per_server(mut self, statements: usize) -> Self {
        self.statements_per_server = statements;
        self
    }

    /// Reports limits under which nothing would run.
    pub(crate) fn check(&self, report: &mut Report) {
        for (key, value) in [
            ("statements", self.statements),
            ("statements_per_server", self.statements_per_server),
        ] {
            if value == 0 || value > MOST {
                report.add(
                    format!("fan_out.{key}"),
                    format!("a number from 1 to {MOST} is needed"),
                );
            }
        }
    }
}

/// What a semaphore of the runtime counts without doubt.
const MOST: usize = 1_000_000;
