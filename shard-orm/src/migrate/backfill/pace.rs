//! The pace of backfills: how many rows a second on one server, and the pause after each batch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The limits of backfills.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::migrate) struct Throttle {
    /// The rows of a batch, instead of what the file says.
    pub(in crate::migrate) batch: Option<u64>,
    /// The most rows that are read in a second on one server.
    pub(in crate::migrate) rows_per_second: Option<u64>,
    /// The pause after each batch in one namespace.
    pub(in crate::migrate) pause: Duration,
}

/// The pace of the backfills of one run.
pub(in crate::migrate) struct Pace {
    pub(in crate::migrate) throttle: Throttle,
    /// When the next batch may start, by server.
    next: Mutex<BTreeMap<Arc<str>, Instant>>,
}

impl Pace {
    pub(in crate::migrate) fn new(throttle: Throttle) -> Self {
        Self {
            throttle,
            next: Mutex::default(),
        }
    }

    /// Waits until a batch of so many rows may start on a server. Batches of several namespaces start
    /// one after the other.
    pub(in crate::migrate) async fn start(&self, server: &Arc<str>, rows: u64) {
        if let Some(rate) = self.throttle.rows_per_second {
            tokio::time::sleep_until(self.reserve(server, rows, rate, Instant::now())).await;
        }
    }

    /// The time at which a batch may start that is ready now, and for which the next one waits.
    fn reserve(&self, server: &Arc<str>, rows: u64, rate: u64, now: Instant) -> Instant {
        // No code that can panic runs under the lock.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let next = next.entry(Arc::clone(server)).or_insert(now);
        let start = (*next).max(now);
        *next = start + time_for(rows, rate);
        start
    }

    /// Pauses after a batch.
    pub(in crate::migrate) async fn rest(&self) {
        if !self.throttle.pause.is_zero() {
            tokio::time::sleep(self.throttle.pause).await;
        }
    }
}

/// The time that so many rows take at a rate, at most a day.
fn time_for(rows: u64, per_second: u64) -> Duration {
    const DAY: Duration = Duration::from_hours(24);
    let nanos = u128::from(rows) * 1_000_000_000 / u128::from(per_second.max(1));
    u64::try_from(nanos).map_or(DAY, |nanos| Duration::from_nanos(nanos).min(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_start_no_faster_than_the_rate_of_their_server() {
        let pace = Pace::new(Throttle::default());
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let begun = Instant::now();
        let start = |server, after| {
            let now = begun + Duration::from_millis(after);
            (pace.reserve(server, 50, 100, now) - begun).as_millis()
        };
        assert_eq!([start(&a, 0), start(&a, 0), start(&a, 1)], [0, 500, 1_000]);
        assert_eq!(start(&b, 1), 1);
        // Time in which nothing ran is not made up for.
        assert_eq!([start(&a, 9_000), start(&a, 9_000)], [9_000, 9_500]);
    }

    #[test]
    fn any_rate_has_a_time() {
        assert_eq!(time_for(1, 3).as_nanos(), 333_333_333);
        assert_eq!(time_for(u64::MAX, 0), Duration::from_hours(24));
        assert_eq!(time_for(0, 1), Duration::ZERO);
    }
}
