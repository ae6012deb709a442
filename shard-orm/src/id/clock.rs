//! The clocks that ids are made by, and the time that they agree on.
//!
//! The wall clock says what time it is, but steps; the other one never steps, but starts anywhere.
//! A [`Timeline`] follows the wall clock forwards and the other one when the wall clock stands still
//! or goes back.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::layout::EPOCH_SECONDS;

/// A source of time, in microseconds.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time of day since 2025-01-01 00:00:00 UTC; negative before. May step in either
    /// direction.
    fn wall(&self) -> i64;

    /// The time since some moment. Never goes back, and counts the time in which the machine sleeps
    /// or the process is stopped.
    fn elapsed(&self) -> i64;
}

/// The clocks of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> i64 {
        let epoch = UNIX_EPOCH + Duration::from_secs(EPOCH_SECONDS);
        match SystemTime::now().duration_since(epoch) {
            Ok(since) => micros(since),
            Err(before) => micros(before.duration()).saturating_neg(),
        }
    }

    /// `CLOCK_BOOTTIME`: unlike `CLOCK_MONOTONIC` it goes on while the machine is suspended, in which
    /// the databases' clocks go on as well.
    #[cfg(target_os = "linux")]
    fn elapsed(&self) -> i64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        now.tv_sec
            .saturating_mul(1_000_000)
            .saturating_add(now.tv_nsec / 1_000)
    }

    #[cfg(not(target_os = "linux"))]
    fn elapsed(&self) -> i64 {
        use std::sync::LazyLock;
        use std::time::Instant;

        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        micros(START.elapsed())
    }
}

pub(crate) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// One time made of two clocks, which never goes back.
#[derive(Debug)]
pub(super) struct Timeline {
    /// The most by which the wall clock has been ahead of the other one.
    offset: AtomicI64,
}

/// The time at one moment, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Since 2025-01-01 00:00:00 UTC.
    pub(super) now: i64,
    /// By the clock that never steps.
    pub(super) elapsed: i64,
}

impl Timeline {
    pub(super) const fn new() -> Self {
        Self {
            offset: AtomicI64::new(i64::MIN),
        }
    }

    pub(super) fn moment(&self, clock: &impl Clock) -> Moment {
        // The wall clock first: a thread that is held up between the two then sees too small a
        // difference, which changes nothing; the other way round it would be kept for good.
        let wall = clock.wall();
        let elapsed = clock.elapsed();
        let seen = wall.saturating_sub(elapsed);
        let known = self.offset.load(Ordering::Relaxed);
        let offset = if seen > known {
            self.offset.fetch_max(seen, Ordering::Relaxed).max(seen)
        } else {
            known
        };
        Moment {
            now: elapsed.saturating_add(offset),
            elapsed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use super::*;

    #[derive(Debug, Default)]
    struct Set {
        wall: AtomicI64,
        elapsed: AtomicI64,
    }

    impl Clock for Set {
        fn wall(&self) -> i64 {
            self.wall.load(Ordering::Relaxed)
        }

        fn elapsed(&self) -> i64 {
            self.elapsed.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn the_time_follows_a_step_forwards_and_goes_on_through_a_step_back() {
        let clock = Set::default();
        let timeline = Timeline::new();
        let at = |wall, elapsed| {
            clock.wall.store(wall, Ordering::Relaxed);
            clock.elapsed.store(elapsed, Ordering::Relaxed);
            timeline.moment(&clock).now
        };
        assert_eq!(at(1_000, 50), 1_000);
        assert_eq!(at(5_000, 60), 5_000);
        assert_eq!(at(100, 70), 5_010);
        assert_eq!(at(100, 80), 5_020);
        assert_eq!(at(6_000, 90), 6_000);
    }

    #[test]
    fn the_system_clock_is_after_2025_and_advances() {
        let timeline = Timeline::new();
        let first = timeline.moment(&SystemClock);
        let second = timeline.moment(&SystemClock);
        assert!(first.now > 0);
        assert!(second.now >= first.now && second.elapsed >= first.elapsed);
    }
}
