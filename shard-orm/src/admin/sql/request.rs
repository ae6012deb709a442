//! What is to be run, and where.

use std::fmt;
use std::sync::Arc;

use sqlx::SqlSafeStr;

use super::report::SqlOutcome;
use crate::admin::key::Key;
use crate::task::StopSignal;

/// Where SQL runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlPlace {
    /// On the logical shard that owns a key.
    Key {
        /// The shard group.
        group: String,
        /// The key.
        key: Key,
    },
    /// On the logical shard with this number.
    Shard {
        /// The shard group.
        group: String,
        /// The logical shard.
        shard: u32,
    },
    /// On each logical shard.
    EachShard {
        /// The shard group.
        group: String,
    },
    /// Once on each server, in no namespace.
    EachServer {
        /// The shard group.
        group: String,
    },
    /// In a named database.
    Database {
        /// Its name.
        name: String,
    },
}

/// SQL to be run by [`run_sql`](super::run_sql), and how.
///
/// On a logical shard, names without a namespace mean its tables: `SELECT count(*) FROM orders`. The
/// text may hold several statements. On PostgreSQL, they are one transaction unless the text begins
/// one itself. On MySQL and MariaDB, DDL commits by itself.
#[must_use = "it is run by `run_sql`"]
#[derive(Clone)]
pub struct SqlRequest {
    pub(super) place: SqlPlace,
    pub(super) text: Arc<str>,
    pub(super) transaction: bool,
    pub(super) replica: bool,
    pub(super) stop_at_first_error: bool,
    pub(super) most: usize,
    pub(super) per_server: usize,
    pub(super) stop: StopSignal,
    pub(super) observer: Option<Arc<Observe>>,
}

/// Called with each outcome.
pub(super) type Observe = dyn Fn(&SqlOutcome) + Send + Sync;

impl SqlRequest {
    /// A request for the primaries: at most eight statements at a time, and two on one server.
    ///
    /// The text is a literal, or one that the caller vouches for with
    /// [`AssertSqlSafe`](crate::sqlx::AssertSqlSafe).
    pub fn new(place: SqlPlace, text: impl SqlSafeStr) -> Self {
        Self {
            place,
            text: text.into_sql_str().as_str().into(),
            transaction: false,
            replica: false,
            stop_at_first_error: false,
            most: 8,
            per_server: 2,
            stop: StopSignal::default(),
            observer: None,
        }
    }

    /// Runs the text in a transaction, which is rolled back if a statement fails: one in each
    /// place, and none over all of them.
    pub fn transaction(mut self, transaction: bool) -> Self {
        self.transaction = transaction;
        self
    }

    /// Runs the text on replicas. A place without an available replica fails.
    pub fn on_replicas(mut self, replicas: bool) -> Self {
        self.replica = replicas;
        self
    }

    /// Begins in no further place after an error.
    pub fn stop_at_first_error(mut self, stop: bool) -> Self {
        self.stop_at_first_error = stop;
        self
    }

    /// Sets the number of places at a time, in total and on one server; at least one.
    pub fn parallel(mut self, total: usize, per_server: usize) -> Self {
        self.most = total.max(1);
        self.per_server = per_server.max(1);
        self
    }

    /// Begins in no further place once the signal is given.
    pub fn stop_on(mut self, signal: StopSignal) -> Self {
        self.stop = signal;
        self
    }

    /// Calls `observe` with each outcome as soon as it is known.
    pub fn observe(mut self, observe: impl Fn(&SqlOutcome) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observe));
        self
    }
}

impl fmt::Debug for SqlRequest {
    /// Shows no SQL, which may hold values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlRequest")
            .field("place", &self.place)
            .field("transaction", &self.transaction)
            .field("replica", &self.replica)
            .finish_non_exhaustive()
    }
}
