//! The calls of one server by role and verb, and what else happens on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::bounds::{COUNTS, DURATIONS};
use super::moment::micros;
use super::{Event, Histogram, Lags, Load, Outcome, Pick, Recorder, Seen, Stopwatch, Windows};
use crate::error::ErrorKind;

/// The most verbs of a role; those beyond share the last place.
const VERBS: usize = 24;
/// The name of the last place.
const OTHER: &str = "other";
/// One of so many calls in a bucket of durations has its text recorded.
const SAMPLE: u64 = 512;
/// The buckets of durations.
const BUCKETS: usize = DURATIONS.len() + 1;

/// The calls of one verb in one role.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) verb: &'static str,
    /// In microseconds.
    pub(crate) durations: Histogram,
    pub(crate) rows: Histogram,
    errors: [AtomicU64; ErrorKind::ALL.len()],
}

impl Cell {
    fn new(verb: &'static str) -> Box<Self> {
        Box::new(Self {
            verb,
            durations: Histogram::new(&DURATIONS),
            rows: Histogram::new(&COUNTS),
            errors: std::array::from_fn(|_| AtomicU64::new(0)),
        })
    }

    /// The kinds of errors that have occurred, and how often.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (ErrorKind, u64)> {
        let counts = self
            .errors
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let kinds = ErrorKind::ALL.into_iter().zip(counts);
        kinds.filter(|(_, count)| *count > 0)
    }

    pub(crate) fn load(&self) -> Load {
        let (calls, micros) = sum(self.durations.read());
        Load {
            calls,
            micros,
            errors: self.errors().map(|(_, count)| count).sum(),
            rows: sum(self.rows.read()).1,
        }
    }
}

fn sum(buckets: impl Iterator<Item = (u64, u64)>) -> (u64, u64) {
    buckets.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// The counters of one role of a server, over all verbs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) load: Load,
    /// The number of calls by bucket of durations.
    pub(crate) durations: Durations,
}

/// Calls by bucket of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Durations(pub(crate) [u64; BUCKETS]);

impl Default for Durations {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Totals {
    /// Adds what another process has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.load.add(other.load);
        for (own, other) in self.durations.0.iter_mut().zip(other.durations.0) {
            *own = own.saturating_add(other);
        }
    }

    /// What was added since.
    pub(crate) fn since(mut self, before: &Self) -> Self {
        self.load = self.load.since(before.load);
        for (own, before) in self.durations.0.iter_mut().zip(before.durations.0) {
            *own = own.saturating_sub(before);
        }
        self
    }
}

/// A role of a server: as primary or as replica.
#[derive(Debug)]
struct Role {
    cells: [OnceLock<Box<Cell>>; VERBS],
    windows: Mutex<Windows<Totals>>,
}

impl Role {
    fn new(now: Instant) -> Self {
        Self {
            cells: std::array::from_fn(|_| OnceLock::new()),
            windows: Mutex::new(Windows::new(now, Totals::default())),
        }
    }

    /// The place of a verb. There are few, and the first ones are the most frequent.
    #[inline]
    fn cell(&self, verb: &'static str) -> &Cell {
        // Equal texts are nearly always the same one.
        let known = self.cells().find(|cell| std::ptr::eq(cell.verb, verb));
        known.unwrap_or_else(|| self.cell_by_text(verb))
    }

    #[cold]
    fn cell_by_text(&self, verb: &'static str) -> &Cell {
        let [others @ .., last] = &self.cells;
        let places = others.iter();
        let mut cells = places.map(|place| place.get_or_init(|| Cell::new(verb)));
        let own = cells.find(|cell| cell.verb == verb);
        own.unwrap_or_else(|| last.get_or_init(|| Cell::new(OTHER)))
    }

    fn cells(&self) -> impl Iterator<Item = &Cell> {
        // They are taken one after the other.
        self.cells.iter().map_while(|cell| Some(&**cell.get()?))
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for cell in self.cells() {
            totals.load.add(cell.load());
            for (own, (count, _)) in totals.durations.0.iter_mut().zip(cell.durations.read()) {
                *own += count;
            }
        }
        totals
    }

    fn windows(&self) -> std::sync::MutexGuard<'_, Windows<Totals>> {
        // No code that can panic runs under the lock.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The counters of one server. They belong to it for as long as the topology has it unchanged.
#[derive(Debug)]
pub(crate) struct ServerRecorder {
    pub(crate) begun: Instant,
    recorder: Arc<Recorder>,
    /// As primary, and as replica.
    roles: [Role; 2],
    events: [AtomicU64; Event::ALL.len()],
    /// The waits for connections, in microseconds.
    pub(crate) waits: Histogram,
    /// The statements of calls over several logical shards that ended here.
    pub(crate) widths: Histogram,
    /// How long these calls waited for the last statement after the median one, in microseconds.
    pub(crate) stragglers: Histogram,
    /// How far its replicas lag.
    pub(crate) lags: Lags,
}

impl ServerRecorder {
    pub(crate) fn new(recorder: &Arc<Recorder>) -> Self {
        Self {
            begun: recorder.now(),
            recorder: Arc::clone(recorder),
            roles: [Role::new(recorder.now()), Role::new(recorder.now())],
            events: std::array::from_fn(|_| AtomicU64::new(0)),
            waits: Histogram::new(&DURATIONS),
            widths: Histogram::new(&COUNTS),
            stragglers: Histogram::new(&DURATIONS),
            lags: Lags::default(),
        }
    }

    pub(crate) fn count(&self, event: Event) {
        self.events[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn events(&self, event: Event) -> u64 {
        self.events[event as usize].load(Ordering::Relaxed)
    }

    /// Records a wait for a connection, and returns it in microseconds.
    pub(crate) fn waited(&self, stopwatch: Stopwatch) -> u32 {
        let waited = micros(stopwatch.elapsed());
        self.waits.add(waited);
        u32::try_from(waited).unwrap_or(u32::MAX)
    }

    pub(super) fn scatter(&self, statements: usize, straggled: u64) {
        self.widths.add(statements as u64);
        self.stragglers.add(straggled);
    }

    #[inline]
    pub(super) fn slow_call(&self) -> u64 {
        self.recorder.slow_call()
    }

    #[inline]
    pub(super) fn call(&self, outcome: &Outcome) -> Pick {
        let cell = self.roles[usize::from(outcome.replica)].cell(outcome.verb);
        let before = cell.durations.add(outcome.took);
        match outcome.rows {
            Ok(rows) => {
                cell.rows.add(rows);
            }
            Err(kind) => {
                cell.errors[kind as usize].fetch_add(1, Ordering::Relaxed);
            }
        }
        if outcome.took >= self.slow_call() {
            Pick::Slow
        } else if before.is_multiple_of(SAMPLE) {
            Pick::Sample
        } else {
            Pick::No
        }
    }

    pub(super) fn statement(&self, seen: &Seen<'_>, fingerprint: String) {
        self.recorder.statement(seen, fingerprint, SAMPLE);
    }

    /// The verbs of a role with their counters.
    pub(crate) fn cells(&self, replica: bool) -> impl Iterator<Item = &Cell> {
        self.roles[usize::from(replica)].cells()
    }

    pub(crate) fn totals(&self, replica: bool) -> Totals {
        self.roles[usize::from(replica)].totals()
    }

    /// Begins a slot of the windows.
    pub(crate) fn tick(&self, now: Instant) {
        for role in &self.roles {
            let totals = role.totals();
            role.windows().tick(now, totals);
        }
    }

    /// What each window of a role goes back to.
    pub(crate) fn begins(&self, replica: bool, now: Instant) -> [(Duration, Option<Totals>); 3] {
        self.roles[usize::from(replica)].windows().begins(now)
    }

    /// How long the older half of the longest window is, and the counters at its ends.
    pub(crate) fn earlier(&self, replica: bool) -> Option<(Duration, Totals, Totals)> {
        self.roles[usize::from(replica)].windows().earlier()
    }
}
