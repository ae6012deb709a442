//! The load of one logical shard.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Outcome, Windows};

/// Counters of calls that only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    pub(crate) rows: u64,
    /// The sum of the calls' durations, in microseconds.
    pub(crate) micros: u64,
}

impl Load {
    pub(crate) fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.errors = self.errors.saturating_add(other.errors);
        self.rows = self.rows.saturating_add(other.rows);
        self.micros = self.micros.saturating_add(other.micros);
    }

    /// What was added since.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(before.calls),
            errors: self.errors.saturating_sub(before.errors),
            rows: self.rows.saturating_sub(before.rows),
            micros: self.micros.saturating_sub(before.micros),
        }
    }
}

/// The counters of one logical shard. A shard that moves keeps them.
#[derive(Debug)]
pub(crate) struct ShardRecorder {
    calls: AtomicU64,
    errors: AtomicU64,
    rows: AtomicU64,
    micros: AtomicU64,
    windows: Mutex<Windows<Load>>,
}

impl Default for ShardRecorder {
    fn default() -> Self {
        Self {
            calls: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            micros: AtomicU64::new(0),
            windows: Mutex::new(Windows::new(Instant::now(), Load::default())),
        }
    }
}

impl ShardRecorder {
    #[inline]
    pub(super) fn call(&self, outcome: &Outcome, of: usize) {
        // Nearly always one: a division takes longer than the rest.
        let share = |all: u64| if of > 1 { all / of as u64 } else { all };
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.micros
            .fetch_add(share(outcome.took), Ordering::Relaxed);
        match outcome.rows {
            Ok(0) => {}
            Ok(rows) => {
                self.rows.fetch_add(share(rows), Ordering::Relaxed);
            }
            Err(_) => {
                self.errors.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn total(&self) -> Load {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        Load {
            calls: load(&self.calls),
            errors: load(&self.errors),
            rows: load(&self.rows),
            micros: load(&self.micros),
        }
    }

    /// Begins a slot of the windows.
    pub(crate) fn tick(&self, now: Instant) {
        let total = self.total();
        self.windows().tick(now, total);
    }

    /// What each window goes back to.
    pub(crate) fn begins(&self, now: Instant) -> [(Duration, Option<Load>); 3] {
        self.windows().begins(now)
    }

    fn windows(&self) -> std::sync::MutexGuard<'_, Windows<Load>> {
        // No code that can panic runs under the lock.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
