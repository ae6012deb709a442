//! The recorders of a namespace and the small counters, with the feature `metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Event, Outcome, Pick, Seen, ServerRecorder, ShardRecorder};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Measures a wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The number of those who wait for a connection.
#[derive(Debug, Default)]
pub(crate) struct Waiters(AtomicU64);

impl Waiters {
    /// Counts one more until the result is dropped.
    pub(crate) fn enter(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One who waits.
#[derive(Debug)]
pub(crate) struct Waiting<'a>(&'a Waiters);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where the calls in a namespace are recorded.
#[derive(Debug)]
pub(crate) struct Observed {
    server: Arc<ServerRecorder>,
    shard: Arc<ShardRecorder>,
}

impl Observed {
    pub(crate) fn new(server: &Arc<ServerRecorder>, shard: Arc<ShardRecorder>) -> Self {
        Self {
            server: Arc::clone(server),
            shard,
        }
    }

    /// The recorder of the logical shard, which follows it to another server.
    pub(crate) fn shard(&self) -> Arc<ShardRecorder> {
        Arc::clone(&self.shard)
    }

    pub(crate) fn load(&self) -> &ShardRecorder {
        &self.shard
    }

    pub(crate) fn count(&self, event: Event) {
        self.server.count(event);
    }

    /// The microseconds from which on a call is slow.
    #[inline]
    pub(crate) fn slow_call(&self) -> u64 {
        self.server.slow_call()
    }

    /// Records a call, but for its logical shards; see [`share`](Self::share).
    #[inline]
    pub(crate) fn call(&self, outcome: &Outcome) -> Pick {
        self.server.call(outcome)
    }

    /// Records the share of one of `of` logical shards in a call. The database does not say how its
    /// time and rows are divided among them: each has as much as the others.
    #[inline]
    pub(crate) fn share(&self, outcome: &Outcome, of: usize) {
        self.shard.call(outcome, of);
    }

    /// Records a call over several logical shards, whose last statement was here: the number of its
    /// statements, and how many microseconds after the median one the last one ended.
    pub(crate) fn scatter(&self, statements: usize, straggled: u64) {
        self.server.scatter(statements, straggled);
    }

    /// Records the text of a picked call: its group, logical shard, server and table, and the
    /// fingerprint.
    pub(crate) fn statement(
        &self,
        pick: Pick,
        outcome: &Outcome,
        named: (&str, u32, &str, &str),
        fingerprint: String,
    ) {
        let seen = Seen {
            pick,
            outcome,
            named,
        };
        self.server.statement(&seen, fingerprint);
    }
}
