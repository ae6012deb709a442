//! The recent positions of a primary: the basis for replica lag and for write marks.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::backend::Position;

/// The number of samples kept for write marks.
const RECENT: usize = 256;
/// The number of position changes kept for measuring lag.
const CHANGES: usize = 512;

/// The positions of one primary, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    /// When each of the last probes began, and its position.
    recent: VecDeque<(Instant, Position)>,
    /// When each position was first seen; thinned out with age.
    changes: VecDeque<(Instant, Position)>,
}

impl History {
    /// Records the position found by a probe of the primary that began at `began`.
    pub(super) fn note(&mut self, began: Instant, position: &Position) {
        if self
            .recent
            .back()
            .is_some_and(|(_, last)| !position.is_of(last))
        {
            self.clear();
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((began, position.clone()));
        if self.changes.back().is_none_or(|(_, last)| last != position) {
            self.changes.push_back((began, position.clone()));
            if self.changes.len() > CHANGES {
                self.thin();
            }
        }
    }

    /// Clears the history when another primary takes over.
    pub(super) fn clear(&mut self) {
        self.recent.clear();
        self.changes.clear();
    }

    /// The first position requested after `acknowledged` that is exact: it covers everything that
    /// the primary had acknowledged by then.
    pub(super) fn after(&self, acknowledged: Instant) -> Option<&Position> {
        let first = self
            .recent
            .partition_point(|(began, _)| *began < acknowledged);
        // Skips positions of a promoted primary that has not written anything yet.
        let mut later = self.recent.range(first..).map(|(_, position)| position);
        later.find(|position| position.is_exact())
    }

    /// The latest position.
    pub(super) fn last(&self) -> Option<&Position> {
        self.recent.back().map(|(_, position)| position)
    }

    /// How long before `now` the primary was first seen beyond this position.
    pub(super) fn lag(&self, position: &Position, now: Instant) -> Duration {
        // Newest first: a replica is rarely far behind.
        let mut lag = Duration::ZERO;
        for (seen, of_primary) in self.changes.iter().rev() {
            if position.holds(of_primary) {
                break;
            }
            lag = now.saturating_duration_since(*seen);
        }
        lag
    }

    /// Drops every second change of the older half: for a large lag, the size matters more than the
    /// instant.
    fn thin(&mut self) {
        let half = self.changes.len() / 2;
        let mut number = 0;
        self.changes.retain(|_| {
            number += 1;
            number > half || number % 2 == 1
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::backend::Wal;

    fn wal(timeline: u32, lsn: u64) -> Position {
        Position::Wal(Wal {
            system: 1,
            timeline,
            lsn,
        })
    }

    #[test]
    fn a_write_is_covered_by_the_first_later_probe() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut history = History::default();
        history.note(at(0), &wal(1, 100));
        history.note(at(10), &wal(1, 200));
        history.note(at(20), &wal(1, 300));
        assert_eq!(history.after(at(0)), Some(&wal(1, 100)));
        assert_eq!(history.after(at(1)), Some(&wal(1, 200)));
        assert_eq!(history.after(at(20)), Some(&wal(1, 300)));
        assert_eq!(history.after(at(21)), None);
        // Positions of a new primary do not cover earlier writes to the old one, but all later
        // ones.
        history.note(at(30), &wal(2, 50));
        assert_eq!(history.after(at(5)), Some(&wal(2, 50)));
    }

    #[test]
    fn lag_is_the_age_of_the_first_unreached_position() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut history = History::default();
        for second in 0..10 {
            history.note(at(second), &wal(1, 100 * second));
        }
        let lag = |lsn| history.lag(&wal(1, lsn), at(10)).as_secs();
        assert_eq!(lag(900), 0);
        assert_eq!(lag(899), 1);
        assert_eq!(lag(500), 4);
        assert_eq!(lag(0), 9);
        // The primary is idle: a replica at its last position does not lag.
        history.note(at(100), &wal(1, 900));
        assert_eq!(history.lag(&wal(1, 900), at(100)).as_secs(), 0);
        assert_eq!(history.lag(&wal(1, 800), at(100)).as_secs(), 91);
    }

    #[test]
    fn a_long_history_is_thinned_and_keeps_its_ends() {
        let start = Instant::now();
        let mut history = History::default();
        for step in 0..10_000_u64 {
            history.note(start + Duration::from_millis(step), &wal(1, step));
        }
        assert!(history.changes.len() <= CHANGES);
        let now = start + Duration::from_millis(10_000);
        assert_eq!(history.lag(&wal(1, 9_999), now), Duration::ZERO);
        let oldest = history.changes.front().unwrap().0;
        assert_eq!(oldest, start);
    }
}
