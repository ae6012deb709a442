//! A histogram of atomics with fixed buckets.
//!
//! Each bucket has the number and the sum of its values, so that a reader knows their exact mean: what
//! is published in its place falls into the same bucket and gives the same sum.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A histogram with the buckets of `bounds`, and one for larger values.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// The first bucket for values of so many binary digits.
    begins: [u8; 65],
    /// So many buckets have but one value each, whose sum follows from their number.
    single: usize,
    /// The number of values and their sum, by bucket.
    buckets: Box<[(AtomicU64, AtomicU64)]>,
}

impl Histogram {
    pub(crate) fn new(bounds: &'static [u64]) -> Self {
        let begin = |digits: usize| {
            let lowest = 1_u64
                .checked_shl(u32::try_from(digits).unwrap_or(0))
                .map_or(0, |above| above / 2);
            let bucket = bounds.partition_point(|bound| *bound < lowest);
            u8::try_from(bucket).unwrap_or(0)
        };
        Self {
            bounds,
            begins: std::array::from_fn(begin),
            single: (0..)
                .zip(bounds)
                .take_while(|(at, bound)| at == *bound)
                .count(),
            buckets: (0..=bounds.len()).map(|_| Default::default()).collect(),
        }
    }

    /// Adds a value, and returns how many its bucket had.
    #[inline]
    pub(crate) fn add(&self, value: u64) -> u64 {
        let small = usize::try_from(value).unwrap_or(usize::MAX);
        if small < self.single
            && let Some((count, _)) = self.buckets.get(small)
        {
            return count.fetch_add(1, Ordering::Relaxed);
        }
        let digits = u64::BITS - value.leading_zeros();
        let mut bucket = usize::from(self.begins[digits as usize]);
        // Few bounds have the same number of digits.
        while self.bounds.get(bucket).is_some_and(|bound| *bound < value) {
            bucket += 1;
        }
        // There is one bucket more than bounds.
        let Some((count, sum)) = self.buckets.get(bucket) else {
            return 0;
        };
        sum.fetch_add(value, Ordering::Relaxed);
        count.fetch_add(1, Ordering::Relaxed)
    }

    /// The lowest and the highest value of a bucket.
    pub(crate) fn range(&self, bucket: usize) -> (u64, u64) {
        let below = bucket
            .checked_sub(1)
            .and_then(|below| self.bounds.get(below));
        let highest = self.bounds.get(bucket).copied();
        (
            below.map_or(0, |below| below + 1),
            highest.unwrap_or(u64::MAX),
        )
    }

    /// The number of values and their sum, by bucket. Values that are added meanwhile may be counted
    /// in one of them only.
    pub(crate) fn read(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let buckets = (0..).zip(&*self.buckets);
        buckets.map(move |(value, (count, sum))| {
            let count = load(count);
            let is_single = usize::try_from(value).is_ok_and(|bucket| bucket < self.single);
            (count, if is_single { count * value } else { load(sum) })
        })
    }
}

/// A quantile of durations counted by the buckets of `bounds`, in microseconds: interpolated within
/// its bucket. `None` without a value.
pub(crate) fn quantile(counts: &[u64], bounds: &[u64], share: f64) -> Option<Duration> {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return None;
    }
    let wanted = as_f64(total) * share;
    let mut before = 0.0;
    for (bucket, count) in counts.iter().enumerate() {
        let count = as_f64(*count);
        if before + count >= wanted && count > 0.0 {
            let lower = bucket.checked_sub(1).map_or(0, |below| bounds[below]);
            let upper = bounds.get(bucket).copied().unwrap_or(lower);
            let within = (wanted - before) / count;
            let micros = as_f64(lower) + as_f64(upper - lower) * within;
            return Some(Duration::from_secs_f64(micros / 1e6));
        }
        before += count;
    }
    None
}

/// Exact up to 2^53, which no counter reaches.
#[allow(clippy::cast_precision_loss)]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::bounds::{COUNTS, DURATIONS};
    use super::*;

    #[test]
    fn bounds_ascend() {
        for bounds in [&DURATIONS[..], &COUNTS[..]] {
            assert!(bounds.is_sorted_by(|one, next| one < next));
        }
    }

    #[test]
    fn a_bucket_has_the_values_up_to_its_bound() {
        let histogram = Histogram::new(&COUNTS);
        for value in [0, 1, 2, 3, 5, 6, 1_000_000, 1_000_001, u64::from(u32::MAX)] {
            histogram.add(value);
        }
        let read: Vec<(u64, u64)> = histogram.read().collect();
        assert_eq!(read[..5], [(1, 0), (1, 1), (1, 2), (2, 8), (1, 6)]);
        assert_eq!(read[19], (1, 1_000_000));
        assert_eq!(read[20].0, 2);
    }

    #[test]
    fn the_sum_of_a_bucket_of_one_value_follows_from_its_number() {
        let (rows, times) = (Histogram::new(&COUNTS), Histogram::new(&DURATIONS));
        assert_eq!((rows.single, times.single), (3, 0));
        for value in [0, 1, 1, 2, 2, 2] {
            rows.add(value);
            times.add(value);
        }
        let read: Vec<(u64, u64)> = rows.read().collect();
        assert_eq!(read[..4], [(1, 0), (2, 2), (3, 6), (0, 0)]);
        assert_eq!(times.read().next(), Some((6, 8)));
    }

    #[test]
    fn quantiles_are_within_the_bucket_of_the_value() {
        let histogram = Histogram::new(&DURATIONS);
        assert_eq!(quantile(&[0; 38], &DURATIONS, 0.5), None);
        for millis in 1..=100 {
            histogram.add(millis * 1_000);
        }
        let counts: Vec<u64> = histogram.read().map(|(count, _)| count).collect();
        for (share, millis) in [(0.5, 50.0), (0.9, 90.0), (0.99, 99.0)] {
            let found = quantile(&counts, &DURATIONS, share).unwrap().as_secs_f64() * 1e3;
            assert!((found - millis).abs() < 2.0, "{found} for {millis}");
        }
    }

    #[test]
    fn what_is_longer_than_the_last_bound_has_that_bound() {
        let histogram = Histogram::new(&DURATIONS);
        histogram.add(u64::from(u32::MAX));
        let counts: Vec<u64> = histogram.read().map(|(count, _)| count).collect();
        let longest = quantile(&counts, &DURATIONS, 0.99).unwrap();
        assert_eq!(longest, Duration::from_mins(1));
    }
}
