//! The sizes of servers since the page was started, by which their growth is known where the catalog has too few.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use shard_orm::admin::Status;
use shard_orm::statistics::Trend;

/// The least time between two samples, and the most samples: those of two days.
const BETWEEN: Duration = Duration::from_mins(10);
const MOST: usize = 288;

/// The sizes of each server, by group and name.
type Samples = BTreeMap<(String, String), VecDeque<(SystemTime, u64)>>;

/// The sizes of all servers.
#[derive(Debug, Default)]
pub(crate) struct Sizes(Mutex<Samples>);

impl Sizes {
    /// Notes the sizes of a reading. A server of which a size is not known is left out.
    pub(crate) fn note(&self, status: &Status, at: SystemTime) {
        let mut sums: BTreeMap<(String, String), Option<u64>> = BTreeMap::new();
        for group in &status.groups {
            for namespace in &group.shards {
                let name = (group.name.clone(), namespace.server.clone());
                let sum = sums.entry(name).or_insert(Some(0));
                *sum = sum.zip(namespace.bytes).map(|(sum, own)| sum + own);
            }
        }
        for (name, bytes) in sums {
            if let Some(bytes) = bytes {
                self.add(name, at, bytes);
            }
        }
    }

    fn add(&self, name: (String, String), at: SystemTime, bytes: u64) {
        let mut sizes = self.lock();
        let own = sizes.entry(name).or_default();
        let is_new = |(last, _): &(SystemTime, u64)| {
            at.duration_since(*last).is_ok_and(|since| since >= BETWEEN)
        };
        if own.back().is_none_or(is_new) {
            own.push_back((at, bytes));
        }
        if own.len() > MOST {
            own.pop_front();
        }
    }

    /// How fast a server grows; `None` before that was measured for an hour.
    pub(crate) fn trend(&self, group: &str, server: &str) -> Option<Trend> {
        let sizes = self.lock();
        let own = sizes.get(&(group.to_owned(), server.to_owned()))?;
        Trend::of(&own.iter().copied().collect::<Vec<_>>())
    }

    fn lock(&self) -> MutexGuard<'_, Samples> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_kept_now_and_then_and_are_bounded() {
        let sizes = Sizes::default();
        let name = || ("shop".to_owned(), "a".to_owned());
        let at = |minute: u64| SystemTime::UNIX_EPOCH + Duration::from_mins(minute);
        for minute in 0..10_000 {
            sizes.add(name(), at(minute), 1_000 * minute);
        }
        assert_eq!(sizes.lock().get(&name()).unwrap().len(), MOST);
        let trend = sizes.trend("shop", "a").unwrap();
        assert_eq!(trend.bytes_per_day.round(), 1_000.0 * 60.0 * 24.0);
        assert!(sizes.trend("shop", "b").is_none());
    }
}
