//! A call that runs: what is noted until its end, and where its time goes.
//!
//! A call has three parts: it waits for a connection, it waits for the database, and it works itself, which is
//! mostly the conversion of rows. `backend` notes the second part while it reads a response: only when nothing has
//! arrived is the clock read, once or twice for each wait, so that rows that arrive together cost nothing.

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Instant;

use super::{Moment, begin};

/// A statement of at most so many bytes, with its arguments, takes next to no time to be rendered.
const SMALL: usize = 4 << 10;
/// Nothing was waited for yet: the first wait begins once there is a connection. A [`SMALL`] statement is sent
/// at once, so the clock is not read for that.
const NOTHING_YET: i32 = 0;
/// Next to nothing was waited for, and the clock is read when the next wait begins.
const AS_GOOD_AS_NOTHING: i32 = 1;
/// The microseconds of a tick, in which waits are counted: nine hours have room.
const TICK: u64 = 16;

/// What is noted of a call while it runs. The future of each call holds one, and no two threads change it at a time.
#[derive(Debug)]
pub(crate) struct Running {
    /// `None` if nobody wants to know how long it takes.
    begun: Option<Moment>,
    /// The ticks in which the database was waited for. While it is, the beginning of the wait is subtracted, and one,
    /// which makes it negative.
    awaited: AtomicI32,
    /// The microseconds until its end, and one; 0 until then, and if they are more than an hour.
    took: AtomicU32,
    /// The microseconds that a connection was waited for, times two; and one if a replica serves it.
    queued_and_role: AtomicU32,
    rows: AtomicU32,
}

/// The time of a call and its parts, in microseconds. What is left is the call's own work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "metrics"), allow(dead_code))]
pub(crate) struct Times {
    pub(crate) all: u64,
    /// A connection was waited for.
    pub(crate) queued: u64,
    /// The database was waited for.
    pub(crate) awaited: u64,
}

impl Times {
    /// What is neither of the two.
    pub(crate) fn rest(self) -> u64 {
        self.all.saturating_sub(self.queued + self.awaited)
    }
}

impl Running {
    pub(crate) fn begin(traced: bool) -> Self {
        Self {
            begun: begin(traced),
            awaited: AtomicI32::new(NOTHING_YET),
            took: AtomicU32::new(0),
            queued_and_role: AtomicU32::new(0),
            rows: AtomicU32::new(0),
        }
    }

    /// Whether anybody wants to know what comes of it.
    pub(crate) fn is_observed(&self) -> bool {
        self.begun.is_some()
    }

    /// The microseconds since it began; `None` if nobody wants to know.
    #[inline]
    fn elapsed_micros(&self) -> Option<u64> {
        self.begun.map(Moment::elapsed_micros)
    }

    /// It ends now, and the reading of the clock serves its connection too. `None` if nobody wants to know.
    ///
    /// The last wait ended when the response [`arrived`](Self::arrived). Differences of times take longer to compute
    /// than the clock takes to read, and only of a slow call its parts are of interest.
    #[inline]
    pub(crate) fn ends(&self, arrived: Option<Instant>, slow_call: u64) -> Option<Instant> {
        let begun = self.begun?;
        let now = Instant::now();
        let took = begun.micros_until(now);
        let noted = u32::try_from(took + 1).unwrap_or(0);
        self.took.store(noted, Ordering::Relaxed);
        if took >= slow_call {
            self.arrived(arrived);
        }
        Some(now)
    }

    /// The wait ended then, if something has arrived.
    #[cold]
    pub(crate) fn arrived(&self, arrived: Option<Instant>) {
        if let (Some(begun), Some(arrived)) = (self.begun, arrived) {
            self.wait_ends_after(begun.micros_until(arrived));
        }
    }

    /// The microseconds until it [ended](Self::ends), or else until now; `None` if nobody wants to know.
    #[inline]
    pub(crate) fn took(&self) -> Option<u64> {
        match self.took.load(Ordering::Relaxed).checked_sub(1) {
            None => self.elapsed_micros(),
            Some(took) => Some(took.into()),
        }
    }

    /// A connection was taken, for which it waited so many microseconds.
    #[inline]
    pub(crate) fn served(&self, queued: u32, replica: bool) {
        // Nothing to add, and it is the primary until then.
        if queued > 0 || replica || self.queued_and_role.load(Ordering::Relaxed) != 0 {
            self.note_served(queued, replica);
        }
    }

    #[cold]
    fn note_served(&self, queued: u32, replica: bool) {
        let before = self.queued_and_role.load(Ordering::Relaxed) & !1;
        let queued = before.saturating_add(queued.saturating_mul(2)) & !1;
        let role = u32::from(replica);
        self.queued_and_role.store(queued | role, Ordering::Relaxed);
    }

    /// So far it has waited for what it needs besides a connection.
    #[cold]
    pub(crate) fn queued_until_now(&self) {
        let elapsed = self.elapsed_micros().unwrap_or_default();
        let queued = u32::try_from(elapsed).unwrap_or(u32::MAX);
        self.queued_and_role.store(0, Ordering::Relaxed);
        self.served(queued, false);
    }

    pub(crate) fn is_at_replica(&self) -> bool {
        self.queued_and_role.load(Ordering::Relaxed) % 2 == 1
    }

    fn queued(&self) -> u64 {
        u64::from(self.queued_and_role.load(Ordering::Relaxed) / 2)
    }

    /// So many more rows were read, which not every database counts itself.
    #[inline]
    pub(crate) fn add_rows(&self, more: usize) {
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let rows = self.rows.load(Ordering::Relaxed);
        self.rows
            .store(rows.saturating_add(more), Ordering::Relaxed);
    }

    pub(crate) fn rows(&self) -> u64 {
        u64::from(self.rows.load(Ordering::Relaxed))
    }

    /// The statement is asked again, perhaps on another connection: until that answers, the database is waited for.
    #[cold]
    pub(crate) fn begins_again(&self) {
        self.rows.store(0, Ordering::Relaxed);
        self.work_takes_time();
        self.wait_begins();
    }

    /// A statement of so many bytes was rendered and is sent.
    #[inline]
    pub(crate) fn sends(&self, bytes: usize) {
        if bytes > SMALL {
            self.work_takes_time();
        }
    }

    /// What it does before the first wait takes time of its own.
    fn work_takes_time(&self) {
        if cfg!(feature = "metrics") && self.awaited.load(Ordering::Relaxed) == NOTHING_YET {
            self.awaited.store(AS_GOOD_AS_NOTHING, Ordering::Relaxed);
        }
    }

    /// Whether the database is waited for.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        cfg!(feature = "metrics") && self.awaited.load(Ordering::Relaxed) < 0
    }

    /// Nothing has arrived yet.
    #[inline]
    pub(crate) fn wait_begins(&self) {
        if !cfg!(feature = "metrics") {
            return;
        }
        let awaited = self.awaited.load(Ordering::Relaxed);
        // Polled again for nothing: the wait goes on.
        if awaited < 0 {
            return;
        }
        let from = match awaited {
            NOTHING_YET => self.queued(),
            _ => self.elapsed_micros().unwrap_or_default(),
        };
        let awaited = awaited.saturating_sub(ticks(from)).saturating_sub(1);
        self.awaited.store(awaited, Ordering::Relaxed);
    }

    /// Something has arrived so many microseconds after its beginning.
    fn wait_ends_after(&self, micros: u64) {
        let awaited = self.awaited.load(Ordering::Relaxed);
        if awaited < 0 {
            let awaited = awaited.saturating_add(ticks(micros)).saturating_add(1);
            self.awaited
                .store(awaited.max(AS_GOOD_AS_NOTHING), Ordering::Relaxed);
        }
    }

    /// The database was waited for so many microseconds, by another clock.
    pub(crate) fn add_awaited(&self, micros: u64) {
        if cfg!(feature = "metrics") {
            let awaited = self.awaited.load(Ordering::Relaxed);
            let awaited = awaited.saturating_add(ticks(micros));
            self.awaited.store(awaited, Ordering::Relaxed);
        }
    }

    /// The parts of a call that took so long.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code))]
    pub(crate) fn times(&self, all: u64) -> Times {
        let mut awaited = self.awaited.load(Ordering::Relaxed);
        if awaited < 0 {
            // It was given up while it waited.
            awaited = awaited.saturating_add(ticks(all)).saturating_add(1);
        }
        let queued = self.queued().min(all);
        let awaited = u64::try_from(awaited).unwrap_or_default() * TICK;
        Times {
            all,
            queued,
            awaited: awaited.min(all - queued),
        }
    }
}

fn ticks(micros: u64) -> i32 {
    i32::try_from(micros / TICK).unwrap_or(i32::MAX)
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    fn wait_ends(call: &Running) {
        call.arrived(Some(Instant::now()));
    }

    const PAUSE: Duration = Duration::from_millis(20);

    /// A call in which these take place, each after a pause; and its parts in pauses.
    fn parts(steps: &[fn(&Running)]) -> (u64, u64, u64) {
        let call = Running::begin(false);
        for step in steps {
            sleep(PAUSE);
            step(&call);
        }
        let times = call.times(call.took().unwrap_or_default());
        assert_eq!(times.all, times.queued + times.awaited + times.rest());
        // Nearly all of a pause may pass between two steps on a busy machine.
        let pauses = |micros: u64| micros / 20_000;
        (
            pauses(times.queued),
            pauses(times.awaited),
            pauses(times.rest()),
        )
    }

    #[test]
    fn a_call_that_waits_once_works_after_it() {
        let (_, awaited, rest) = parts(&[Running::wait_begins, wait_ends, |_| {}]);
        assert!(awaited >= 2 && rest >= 1, "{awaited} {rest}");
    }

    #[test]
    fn a_poll_for_nothing_does_not_end_a_wait() {
        let (_, awaited, _) = parts(&[
            Running::wait_begins,
            Running::wait_begins,
            Running::wait_begins,
            wait_ends,
        ]);
        assert!(awaited >= 4, "{awaited}");
    }

    #[test]
    fn work_between_two_waits_is_no_wait() {
        let (_, awaited, rest) = parts(&[
            Running::wait_begins,
            wait_ends,
            Running::wait_begins,
            wait_ends,
        ]);
        assert!(awaited >= 3 && rest >= 1, "{awaited} {rest}");
    }

    #[test]
    fn the_work_before_a_large_statement_is_no_wait() {
        let (_, awaited, rest) = parts(&[
            |call| call.sends(SMALL + 1),
            Running::wait_begins,
            wait_ends,
        ]);
        assert!(awaited >= 1 && rest >= 2, "{awaited} {rest}");
    }

    #[test]
    fn a_call_that_is_given_up_has_waited_until_then() {
        let (queued, awaited, _) =
            parts(&[Running::queued_until_now, Running::wait_begins, |_| {}]);
        assert!(queued >= 1 && awaited >= 2, "{queued} {awaited}");
    }

    #[test]
    fn what_comes_after_the_end_is_not_its_time() {
        let call = Running::begin(false);
        assert!(call.ends(None, u64::MAX).is_some());
        let took = call.took();
        sleep(PAUSE);
        assert_eq!(call.took(), took);
    }

    #[test]
    fn only_of_a_slow_call_it_is_computed_when_the_response_arrived() {
        for (slow_call, awaited) in [(40_000, 1), (u64::MAX, 2)] {
            let call = Running::begin(false);
            call.wait_begins();
            sleep(PAUSE);
            let arrived = Instant::now();
            sleep(PAUSE);
            call.ends(Some(arrived), slow_call);
            let times = call.times(call.took().unwrap_or_default());
            assert!(times.awaited / 20_000 >= awaited, "{times:?}");
            assert_eq!(times.rest() >= 20_000, awaited == 1, "{times:?}");
        }
    }

    #[test]
    fn the_role_and_the_wait_for_a_connection_share_a_word() {
        let call = Running::begin(false);
        call.served(1_000, true);
        assert!(call.is_at_replica());
        call.served(500, false);
        assert!(!call.is_at_replica());
        assert_eq!(call.times(10_000).queued, 1_500);
        call.served(u32::MAX, true);
        assert!(call.is_at_replica());
    }
}
