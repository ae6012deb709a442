//! How a transaction runs.

use std::time::Duration;

use crate::dialect::Dialect;

/// How far a transaction is kept apart from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// All statements see one state.
    RepeatableRead,
    /// As if transactions ran one after another.
    Serializable,
}

impl Isolation {
    fn words(self) -> &'static str {
        match self {
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

/// How a transaction runs: isolation, read only, and how often it is tried again.
///
/// ```
/// use shard_orm::{Isolation, TxOptions};
///
/// let options = TxOptions::new().isolation(Isolation::Serializable).read_only();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct TxOptions {
    pub(super) isolation: Option<Isolation>,
    pub(super) read_only: bool,
    pub(super) attempts: u32,
    pub(super) backoff: Duration,
}

impl Default for TxOptions {
    fn default() -> Self {
        Self {
            isolation: None,
            read_only: false,
            attempts: 5,
            backoff: Duration::from_millis(10),
        }
    }
}

impl TxOptions {
    /// The server's own isolation level, for reading and writing, tried five times.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the isolation level. SQLite is serializable at any.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// Takes no writes. It runs on the primary all the same.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// How often [`Cluster::transaction_with`](crate::Cluster::transaction_with) runs its closure
    /// at most, 1 for no retry.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// How long the first retry waits at most; each further one waits up to twice as long.
    pub fn backoff(mut self, backoff: Duration) -> Self {
        self.backoff = backoff;
        self
    }

    /// The statements that begin such a transaction, in one text.
    pub(super) fn begin(&self, dialect: Dialect) -> String {
        match dialect {
            Dialect::Postgres => {
                let mut text = "BEGIN".to_owned();
                if let Some(isolation) = self.isolation {
                    text = format!("{text} ISOLATION LEVEL {}", isolation.words());
                }
                if self.read_only {
                    text.push_str(" READ ONLY");
                }
                text
            }
            Dialect::MySql => {
                let start = if self.read_only {
                    "START TRANSACTION READ ONLY"
                } else {
                    "START TRANSACTION"
                };
                match self.isolation {
                    // It holds for the next transaction only.
                    Some(isolation) => format!(
                        "SET TRANSACTION ISOLATION LEVEL {}; {start}",
                        isolation.words()
                    ),
                    None => start.to_owned(),
                }
            }
            // A transaction that may write takes the write lock at once: one that took it later
            // could fail for a reason that no waiting mends.
            Dialect::Sqlite if self.read_only => "BEGIN DEFERRED".to_owned(),
            Dialect::Sqlite => "BEGIN IMMEDIATE".to_owned(),
        }
    }
}
