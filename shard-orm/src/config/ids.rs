//! The configuration of generated ids.

use std::time::Duration;

use super::layout::Layout;
use crate::error::Result;

/// The worker id of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Worker {
    /// A number that no other process uses.
    Number(u32),
    /// Any free id, leased from this named database.
    Lease(String),
}

/// The configuration of generated ids, for models whose primary key has `generate`.
///
/// Snowflakes need a worker id: a [`lease`](Self::lease), or a [`worker`](Self::worker) number that
/// no other process uses. Ids from a table need a database: [`tables`](Self::tables). The other
/// kinds need nothing.
///
/// ```
/// use std::time::Duration;
/// use shard_orm::config::{Config, Database, Ids};
///
/// let config = Config::new("shop")
///     .database("default", Database::new("sqlite://data/default.db"))
///     .ids(Ids::new().lease("default").lease_ttl(Duration::from_secs(30)).tables("default"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    pub(crate) worker: Option<Worker>,
    pub(crate) lease_ttl: Duration,
    pub(crate) sequence_bits: u32,
    pub(crate) worker_bits: u32,
    pub(crate) shard_bits: u32,
    pub(crate) tables: Option<String>,
    pub(crate) block: u32,
}

impl Default for Ids {
    fn default() -> Self {
        let layout = Layout::default();
        Self {
            worker: None,
            lease_ttl: Duration::from_secs(30),
            sequence_bits: layout.sequence_bits(),
            worker_bits: layout.worker_bits(),
            shard_bits: layout.shard_bits(),
            tables: None,
            block: 1_000,
        }
    }
}

impl Ids {
    /// No worker id, no database for tables, and the default layout.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a fixed worker id. No other process may use the same number at the same time.
    #[must_use]
    pub fn worker(mut self, worker: u32) -> Self {
        self.worker = Some(Worker::Number(worker));
        self
    }

    /// Leases a free worker id from this named database.
    #[must_use]
    pub fn lease(mut self, database: impl Into<String>) -> Self {
        self.worker = Some(Worker::Lease(database.into()));
        self
    }

    /// Sets the duration of a lease: 1 second to 1 hour, by default 30 seconds. It is renewed three
    /// times as often.
    #[must_use]
    pub fn lease_ttl(mut self, ttl: Duration) -> Self {
        self.lease_ttl = ttl;
        self
    }

    /// Sets the widths of a snowflake's parts in bits, 22 in total; see [`Layout`]. They must never
    /// change once an id has been stored.
    #[must_use]
    pub fn bits(mut self, sequence: u32, worker: u32, shard: u32) -> Self {
        self.sequence_bits = sequence;
        self.worker_bits = worker;
        self.shard_bits = shard;
        self
    }

    /// Keeps the sequences of `generate = "table"` in this named database.
    #[must_use]
    pub fn tables(mut self, database: impl Into<String>) -> Self {
        self.tables = Some(database.into());
        self
    }

    /// Sets how many numbers of a sequence a process reserves at once: 1 to 1,000,000, by default
    /// 1,000.
    #[must_use]
    pub fn block(mut self, ids: u32) -> Self {
        self.block = ids;
        self
    }

    /// The ids of a process with `own` in its configuration, where the catalog holds `self`: the
    /// catalog decides, but a worker id belongs to a process. If the catalog has no `[ids]`, the
    /// process uses its own.
    pub(crate) fn for_process(&self, own: &Self) -> Self {
        if *self == Self::default() {
            return own.clone();
        }
        let mut ids = self.clone();
        if own.worker.is_some() {
            ids.worker.clone_from(&own.worker);
            ids.lease_ttl = own.lease_ttl;
        }
        ids
    }

    pub(crate) fn layout(&self) -> Result<Layout> {
        Layout::new(self.sequence_bits, self.worker_bits, self.shard_bits)
    }

    pub(crate) fn has_worker(&self) -> bool {
        self.worker.is_some()
    }

    pub(crate) fn worker_number(&self) -> Option<u32> {
        match self.worker {
            Some(Worker::Number(number)) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn lease_database(&self) -> Option<&str> {
        match &self.worker {
            Some(Worker::Lease(database)) => Some(database),
            _ => None,
        }
    }

    pub(crate) fn tables_database(&self) -> Option<&str> {
        self.tables.as_deref()
    }

    pub(crate) fn block_size(&self) -> u32 {
        self.block
    }
}
