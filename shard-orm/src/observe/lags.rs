//! How far the replicas of a server lag, now and some minutes ago.
//!
//! Noted by the task that begins the slots of the windows, by what the monitors of replicas have seen.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Windows;

/// The lag of each replica, by endpoint.
#[derive(Debug, Default)]
pub(crate) struct Lags(Mutex<BTreeMap<usize, Windows<Duration>>>);

/// The lag of a replica when each window began, with how long ago that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lag {
    pub(crate) endpoint: usize,
    pub(crate) begins: [(Duration, Duration); 3],
}

impl Lags {
    /// Begins a slot of the windows, with what is known now. Endpoints that are no replicas any more begin anew.
    pub(crate) fn tick(&self, now: Instant, lags: &[(usize, Duration)]) {
        let mut noted = self.lock();
        noted.retain(|endpoint, _| lags.iter().any(|(own, _)| own == endpoint));
        for (endpoint, lag) in lags {
            let new = || Windows::new(now, *lag);
            let windows = noted.entry(*endpoint).or_insert_with(new);
            windows.tick(now, *lag);
        }
    }

    /// What was noted of each replica.
    pub(crate) fn read(&self, now: Instant) -> Vec<Lag> {
        let noted = self.lock();
        let lag = |(endpoint, windows): (&usize, &Windows<Duration>)| Lag {
            endpoint: *endpoint,
            begins: windows
                .begins(now)
                .map(|(ago, lag)| (ago, lag.unwrap_or_default())),
        };
        noted.iter().map(lag).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Windows<Duration>>> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::TICK;
    use super::*;

    #[test]
    fn a_lag_is_known_as_it_was_minutes_ago() {
        let (lags, begun) = (Lags::default(), Instant::now());
        for tick in 0..=120 {
            let lag = Duration::from_secs(tick.into());
            lags.tick(begun + TICK * tick, &[(1, lag)]);
        }
        let read = lags.read(begun + TICK * 120);
        let [one, five, fifteen] = read[0].begins;
        let minutes = |minutes: u64| Duration::from_mins(minutes);
        assert_eq!(one, (minutes(1), Duration::from_secs(116)));
        assert!(
            five.0 >= minutes(5) && five.1 < Duration::from_secs(101),
            "{five:?}"
        );
        assert!(
            fifteen.0 >= minutes(15) && fifteen.1 < Duration::from_secs(61),
            "{fifteen:?}"
        );
    }

    #[test]
    fn an_endpoint_that_is_no_replica_is_forgotten() {
        let (lags, now) = (Lags::default(), Instant::now());
        lags.tick(now, &[(1, Duration::ZERO), (2, Duration::ZERO)]);
        lags.tick(now, &[(2, Duration::ZERO)]);
        assert_eq!(lags.read(now).len(), 1);
    }
}
