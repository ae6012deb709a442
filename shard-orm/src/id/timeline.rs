//! The time by which ids are made: it follows two clocks and never goes back.
//!
//! The wall clock shows the time but can step; the monotonic clock never steps but starts anywhere.
//! A [`Timeline`] follows the wall clock forwards, and the monotonic clock while the wall clock
//! stands still or goes back.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::Clock;

/// A time derived from two clocks, which never goes back.
#[derive(Debug)]
pub(super) struct Timeline {
    /// The largest observed lead of the wall clock over the monotonic one.
    offset: AtomicI64,
}

/// A moment, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Since 2025-01-01 00:00:00 UTC.
    pub(super) now: i64,
    /// By the monotonic clock.
    pub(super) elapsed: i64,
}

impl Timeline {
    pub(super) const fn new() -> Self {
        Self {
            offset: AtomicI64::new(i64::MIN),
        }
    }

    pub(super) fn moment(&self, clock: &impl Clock) -> Moment {
        // The wall clock is read first: a thread that is delayed between the two then sees too
        // small a difference, which changes nothing. In the other order, a difference that is too
        // large would be kept.
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
    use crate::clock::SystemClock;

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
    fn time_follows_steps_forwards_and_ignores_steps_back() {
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
