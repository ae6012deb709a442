//! The configured concurrency limits of calls over several logical shards.

use std::thread::available_parallelism;

use super::Report;

/// The concurrency limits of calls over several logical shards.
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

    /// Sets how many statements of one call run at a time on all servers together: at least 1, by
    /// default 256.
    #[must_use]
    pub fn statements(mut self, statements: usize) -> Self {
        self.statements = statements;
        self
    }

    /// Sets how many statements of one call run at a time on one server: at least 1, by default two
    /// per processor of this machine, within 4 to 16.
    ///
    /// Each holds a connection of the server's pool while it runs. One statement covers up to 64
    /// logical shards on a PostgreSQL, MySQL or MariaDB server, and one logical shard on SQLite.
    #[must_use]
    pub fn statements_per_server(mut self, statements: usize) -> Self {
        self.statements_per_server = statements;
        self
    }

    /// Reports limits that would allow no statement.
    pub(crate) fn check(&self, report: &mut Report) {
        for (key, value) in [
            ("statements", self.statements),
            ("statements_per_server", self.statements_per_server),
        ] {
            if value == 0 || value > MOST {
                report.add(
                    format!("fan_out.{key}"),
                    format!("must be a number from 1 to {MOST}"),
                );
            }
        }
    }
}

/// An upper bound that a tokio semaphore supports.
const MOST: usize = 1_000_000;
