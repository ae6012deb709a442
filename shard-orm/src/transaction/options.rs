//! How a transaction runs.

use std::time::Duration;

use crate::backend::begin;
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
        begin(
            dialect,
            self.isolation.map(Isolation::words),
            self.read_only,
        )
    }
}
