//! The options of a transaction.

use std::time::Duration;

use crate::backend::begin;
use crate::dialect::Dialect;

/// The isolation level of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isolation {
    /// Each statement sees the data committed before it.
    ReadCommitted,
    /// All statements see one snapshot.
    RepeatableRead,
    /// Transactions behave as if they ran one after another.
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

/// The options of a transaction: isolation level, read-only, and retries.
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
    /// The server's isolation level, read-write, with up to five attempts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the isolation level. SQLite is serializable at every level.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// Makes it read-only. It still runs on the primary.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// The maximum number of times that
    /// [`Cluster::transaction_with`](crate::Cluster::transaction_with) runs its closure; 1 for no
    /// retry.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// The maximum wait before the first retry. Each further one waits up to twice as long.
    pub fn backoff(mut self, backoff: Duration) -> Self {
        self.backoff = backoff;
        self
    }

    /// The statements that begin the transaction, in one text.
    pub(super) fn begin(&self, dialect: Dialect) -> String {
        begin(
            dialect,
            self.isolation.map(Isolation::words),
            self.read_only,
        )
    }
}
