//! Response times of a server by table, which set the delay of hedged reads.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The number of samples below which there is no estimate.
const FEWEST: u32 = 20;
/// The number of samples above which older ones are halved.
const MOST: u32 = 1_024;
/// Buckets per power of two.
const STEPS: u32 = 4;
/// Powers of two of a microsecond, up to an hour.
const DOUBLINGS: u32 = 32;

/// Response times of a server, by table.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Mutex<HashMap<Box<str>, Histogram>>);

impl Latencies {
    /// Records a response time.
    pub(crate) fn note(&self, table: &str, took: Duration) {
        let mut tables = self.lock();
        match tables.get_mut(table) {
            Some(histogram) => histogram.note(took),
            None => tables.entry(table.into()).or_default().note(took),
        }
    }

    /// The quantile `share` of the response times, once there are enough samples.
    pub(crate) fn share(&self, table: &str, share: f64) -> Option<Duration> {
        self.lock().get(table)?.share(share)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Histogram>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A histogram whose bucket bounds grow by about a fifth.
#[derive(Debug)]
struct Histogram {
    counts: Vec<u32>,
    total: u32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; (DOUBLINGS * STEPS) as usize],
            total: 0,
        }
    }
}

impl Histogram {
    fn note(&mut self, took: Duration) {
        if self.total >= MOST {
            for count in &mut self.counts {
                *count /= 2;
            }
            self.total = self.counts.iter().sum();
        }
        let last = self.counts.len() - 1;
        self.counts[bucket(took).min(last)] += 1;
        self.total += 1;
    }

    fn share(&self, share: f64) -> Option<Duration> {
        if self.total < FEWEST {
            return None;
        }
        let wanted = f64::from(self.total) * share;
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            f64::from(seen) >= wanted
        });
        bucket.map(bound)
    }
}

/// The bucket of a duration: its power of two and the next two bits.
fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(4);
    let doubling = micros.ilog2();
    let step = (micros >> (doubling - 2)) & 3;
    doubling as usize * STEPS as usize + usize::try_from(step).unwrap_or(0)
}

/// The exclusive upper bound of a bucket.
fn bound(bucket: usize) -> Duration {
    let (doubling, step) = (bucket / STEPS as usize, bucket % STEPS as usize);
    let quarter = 1_u64 << doubling.saturating_sub(2);
    Duration::from_micros(quarter * (step as u64 + 5))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_close_to_the_samples() {
        let latencies = Latencies::default();
        assert_eq!(latencies.share("orders", 0.9), None);
        for millis in 1..=100 {
            latencies.note("orders", Duration::from_millis(millis));
        }
        let near = |share, millis| {
            let found = latencies.share("orders", share).unwrap().as_secs_f64() * 1e3;
            assert!(
                found >= millis && found <= millis * 1.3,
                "{found} for {millis}"
            );
        };
        near(0.5, 50.0);
        near(0.9, 90.0);
        near(0.99, 99.0);
        assert_eq!(latencies.share("items", 0.9), None);
    }

    #[test]
    fn old_samples_fade() {
        let mut histogram = Histogram::default();
        for _ in 0..2_000 {
            histogram.note(Duration::from_millis(100));
        }
        for _ in 0..5_000 {
            histogram.note(Duration::from_millis(1));
        }
        assert!(histogram.share(0.95).unwrap() < Duration::from_millis(2));
    }

    #[test]
    fn any_duration_has_a_bucket() {
        let mut histogram = Histogram::default();
        for took in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            for _ in 0..FEWEST {
                histogram.note(took);
            }
        }
        assert!(histogram.share(1.0).is_some());
    }
}
