//! Generates snowflakes: one atomic number holds the last millisecond and sequence.
//!
//! Uses no database. `lease` grants the worker id and its duration. Called for each id.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::timeline::{Moment, Timeline};
use crate::clock::{Clock, SystemClock};
use crate::config::layout::Layout;
use crate::error::{Error, ErrorKind, Result};
use crate::route::mix64;

/// How far a burst may run ahead of the clock.
pub(super) const BORROWED_MILLISECONDS: u64 = 1_000;

/// Generates snowflakes for one worker.
///
/// All ids of one layout in a process come from one counter: they ascend strictly, across threads
/// and clusters.
pub struct Snowflakes<C = SystemClock> {
    layout: Layout,
    clock: C,
    counter: Arc<Counter>,
    grant: ArcSwapOption<Grant>,
}

/// The counter of one layout.
#[derive(Debug)]
struct Counter {
    /// The last id's millisecond and sequence, as one number.
    last: AtomicU64,
    timeline: Timeline,
}

/// The permission to generate ids as one worker.
#[derive(Debug)]
pub(super) struct Grant {
    worker: u32,
    /// When it ends, by the monotonic clock.
    ends: Option<i64>,
    /// The last millisecond that its ids may have.
    reserved: u64,
    withdrawn: AtomicBool,
}

/// Why no id can be generated immediately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It would be too far ahead of the clock: try again after this time.
    Ahead(Duration),
    /// There is no worker id, or its lease has expired.
    NoWorker,
    /// The machine's clock is before 2025.
    ClockUnset,
    /// No milliseconds are left, in September 2094.
    Exhausted,
}

impl Counter {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            last: AtomicU64::new(0),
            timeline: Timeline::new(),
        })
    }

    /// The process's counter of a layout.
    fn shared(layout: Layout) -> Arc<Self> {
        static ALL: Mutex<Vec<(Layout, Arc<Counter>)>> = Mutex::new(Vec::new());
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = all.iter().find(|(of, _)| *of == layout) {
            return Arc::clone(counter);
        }
        let counter = Self::new();
        all.push((layout, Arc::clone(&counter)));
        counter
    }
}

impl Grant {
    pub(super) fn new(worker: u32, ends: Option<i64>, reserved: u64) -> Self {
        Self {
            worker,
            ends,
            reserved,
            withdrawn: AtomicBool::new(false),
        }
    }
}

impl Snowflakes {
    /// With the system clock and the process's counter, and without a worker id yet.
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            clock: SystemClock,
            counter: Counter::shared(layout),
            grant: ArcSwapOption::empty(),
        }
    }
}

impl<C: Clock> Snowflakes<C> {
    /// For tests and benchmarks: a worker of its own, with a separate clock and counter.
    #[must_use]
    pub fn with_clock(layout: Layout, worker: u32, clock: C) -> Self {
        Self {
            layout,
            clock,
            counter: Counter::new(),
            grant: ArcSwapOption::from_pointee(Grant::new(worker, None, u64::MAX)),
        }
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    pub(super) fn moment(&self) -> Moment {
        self.counter.timeline.moment(&self.clock)
    }

    /// The milliseconds since 2025-01-01, if the clock is set.
    pub(super) fn millisecond(&self) -> Option<u64> {
        millisecond(self.moment())
    }

    /// Generates ids with this grant from now on, all after `floor`.
    pub(super) fn grant(&self, grant: Grant, floor: u64) {
        let bits = self.layout.sequence_bits();
        let floor = ((floor + 1) << bits) - 1;
        self.counter.last.fetch_max(floor, Ordering::SeqCst);
        self.grant.store(Some(Arc::new(grant)));
    }

    /// Stops generating ids, and returns the highest millisecond that a generated id can have.
    pub(super) fn withdraw(&self) -> u64 {
        if let Some(grant) = self.grant.swap(None) {
            // Stored before the last id is read, because generators check it afterwards: an id is
            // either seen below, or discarded there.
            grant.withdrawn.store(true, Ordering::SeqCst);
        }
        self.counter.last.load(Ordering::SeqCst) >> self.layout.sequence_bits()
    }

    /// Whether there is a worker id whose lease has not expired, with enough reserved time.
    pub(super) fn has_worker(&self) -> bool {
        let moment = self.moment();
        match &*self.grant.load() {
            Some(grant) => {
                let enough = |now: u64| now + BORROWED_MILLISECONDS <= grant.reserved;
                !grant.is_over(moment) && millisecond(moment).is_none_or(enough)
            }
            None => false,
        }
    }

    /// Generates an id for a row with this shard key, if that is possible immediately.
    ///
    /// # Errors
    /// The reason if it is not.
    pub fn try_next(&self, key: i64) -> Result<i64, Refusal> {
        self.try_next_of_hash(mix64(key.cast_unsigned()))
    }

    /// As [`try_next`](Self::try_next), for the key's hash.
    pub(super) fn try_next_of_hash(&self, hash: u64) -> Result<i64, Refusal> {
        let grant = self.grant.load();
        let grant = grant.as_ref().ok_or(Refusal::NoWorker)?;
        let moment = self.moment();
        if grant.is_over(moment) {
            return Err(Refusal::NoWorker);
        }
        let now = millisecond(moment).ok_or(Refusal::ClockUnset)?;
        let bits = self.layout.sequence_bits();
        let of_now = now.min(self.layout.last_millisecond()) << bits;
        let mut last = self.counter.last.load(Ordering::Relaxed);
        let next = loop {
            let next = of_now.max(last + 1);
            let millisecond = next >> bits;
            if millisecond > now + BORROWED_MILLISECONDS {
                let wait = millisecond - now - BORROWED_MILLISECONDS;
                return Err(Refusal::Ahead(Duration::from_millis(wait)));
            }
            if millisecond > grant.reserved {
                return Err(Refusal::NoWorker);
            }
            if millisecond >= self.layout.last_millisecond() {
                return Err(Refusal::Exhausted);
            }
            match self.counter.last.compare_exchange_weak(
                last,
                next,
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => break next,
                Err(other) => last = other,
            }
        };
        if grant.withdrawn.load(Ordering::SeqCst) {
            return Err(Refusal::NoWorker);
        }
        Ok(self.layout.join(next, grant.worker, hash))
    }
}

impl Grant {
    fn is_over(&self, moment: Moment) -> bool {
        self.ends.is_some_and(|ends| moment.elapsed >= ends)
    }
}

fn millisecond(moment: Moment) -> Option<u64> {
    u64::try_from(moment.now / 1_000)
        .ok()
        .filter(|_| moment.now > 0)
}

impl Refusal {
    /// The error of a refusal that waiting does not resolve.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::ClockUnset => Error::configuration(
                "the clock of this machine is before 2025-01-01, from which ids count; set the \
                 clock",
            ),
            Self::Exhausted => Error::unsupported(
                "the clock of this machine is beyond the last moment that fits in an id",
            ),
            Self::NoWorker => Error::new(ErrorKind::Unavailable, "there is no worker id"),
            Self::Ahead(wait) => Error::new(
                ErrorKind::Unavailable,
                format!("the next id is {wait:?} ahead of the clock"),
            ),
        }
    }
}

impl<C: fmt::Debug> fmt::Debug for Snowflakes<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snowflakes")
            .field("layout", &self.layout)
            .field(
                "worker",
                &self.grant.load().as_ref().map(|grant| grant.worker),
            )
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
