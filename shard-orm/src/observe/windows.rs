//! Windows of 1, 5 and 15 minutes over counters that only grow.
//!
//! Each window is a ring of four slots: a slot holds the counters as they were when it began, and a
//! window is what was added since the oldest one. A task of the cluster begins a slot every
//! [`TICK`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time between two calls of [`Windows::tick`]: a quarter of the shortest window.
pub(crate) const TICK: Duration = Duration::from_secs(15);
/// The slots of a window.
const SLOTS: usize = 4;
/// How many ticks a slot lasts, by window.
const TICKS: [u32; 3] = [1, 5, 15];

/// The rings of the three windows.
#[derive(Debug)]
pub(crate) struct Windows<T> {
    ticks: u32,
    rings: [VecDeque<(Instant, T)>; 3],
}

impl<T: Copy> Windows<T> {
    /// Begins all windows.
    pub(crate) fn new(now: Instant, value: T) -> Self {
        let ring = || VecDeque::from([(now, value)]);
        Self {
            ticks: 0,
            rings: [ring(), ring(), ring()],
        }
    }

    /// Begins a slot where one is due.
    pub(crate) fn tick(&mut self, now: Instant, value: T) {
        self.ticks = self.ticks.wrapping_add(1);
        for (ring, ticks) in self.rings.iter_mut().zip(TICKS) {
            if self.ticks.is_multiple_of(ticks) {
                if ring.len() > SLOTS {
                    ring.pop_front();
                }
                ring.push_back((now, value));
            }
        }
    }

    /// How far each window goes back, and the counters at its beginning. A window is up to a quarter
    /// longer than its name says, and shorter in the beginning.
    pub(crate) fn begins(&self, now: Instant) -> [(Duration, Option<T>); 3] {
        let begin = |ring: &VecDeque<(Instant, T)>| match ring.front() {
            Some((begun, value)) => (now.saturating_duration_since(*begun), Some(*value)),
            None => (Duration::ZERO, None),
        };
        self.rings.each_ref().map(begin)
    }

    /// The older half of the longest window: how long it is, and the counters at its beginning and its end. `None`
    /// until it ends several minutes ago, so that nothing recent is in it.
    pub(crate) fn earlier(&self) -> Option<(Duration, T, T)> {
        let [_, _, ring] = &self.rings;
        // The slot at hand is not complete, and the one before may have ended just now.
        let middle = ring.len().saturating_sub(1) / 2;
        let ((begun, first), (ended, last)) = (*ring.front()?, *ring.get(middle)?);
        (middle > 0).then(|| (ended.saturating_duration_since(begun), first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The calls of each window, after so many ticks with one call in each.
    fn calls(ticks: u32) -> [(Duration, u32); 3] {
        let begun = Instant::now();
        let mut windows = Windows::new(begun, 0);
        for tick in 1..=ticks {
            windows.tick(begun + TICK * tick, tick);
        }
        let now = begun + TICK * ticks;
        let begins = windows.begins(now);
        begins.map(|(over, value)| (over, ticks - value.unwrap_or(0)))
    }

    #[test]
    fn a_window_forgets_what_is_older() {
        let minutes = |minutes: u64| Duration::from_mins(minutes);
        assert_eq!(calls(0), [(Duration::ZERO, 0); 3]);
        assert_eq!(calls(4), [(minutes(1), 4); 3]);
        assert_eq!(
            calls(20),
            [(minutes(1), 4), (minutes(5), 20), (minutes(5), 20)]
        );
        assert_eq!(
            calls(6_000),
            [(minutes(1), 4), (minutes(5), 20), (minutes(15), 60)]
        );
    }

    #[test]
    fn what_was_earlier_ends_minutes_ago() {
        let begun = Instant::now();
        let mut windows = Windows::new(begun, 0);
        for tick in 1..=400 {
            windows.tick(begun + TICK * tick, tick);
            let ago = windows.earlier().map(|(over, first, last)| {
                assert_eq!(over, TICK * (last - first));
                (tick - first, tick - last)
            });
            match ago {
                None => assert!(tick < 30, "{tick}"),
                Some((begun, ended)) => {
                    assert!(
                        (30..75).contains(&begun) && (15..45).contains(&ended),
                        "{tick}: {ago:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_window_is_never_a_quarter_longer() {
        for ticks in 0..200 {
            for ((over, calls), most) in calls(ticks).into_iter().zip([5, 25, 75]) {
                assert!(calls <= most && over <= TICK * most, "{ticks}: {over:?}");
            }
        }
    }

    #[test]
    fn memory_is_bounded() {
        let begun = Instant::now();
        let mut windows = Windows::new(begun, ());
        for _ in 0..10_000 {
            windows.tick(begun, ());
        }
        assert!(windows.rings.iter().all(|ring| ring.len() == SLOTS + 1));
    }
}
