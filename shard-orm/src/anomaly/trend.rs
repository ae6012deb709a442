//! The growth of a server by a straight line through its sizes.

use std::time::{Duration, SystemTime};

/// The fewest samples that have a trend, and the shortest time between the first and the last one.
const SAMPLES: usize = 3;
const SHORTEST: Duration = Duration::from_hours(1);
const DAY: f64 = 86_400.0;
/// Beyond this nobody plans.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// How fast a server grows: a straight line through its sizes, by least squares.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use shard_orm::statistics::Trend;
///
/// let hour = |hour: u64| SystemTime::UNIX_EPOCH + Duration::from_hours(hour);
/// let trend = Trend::of(&[(hour(0), 1_000), (hour(12), 1_500), (hour(24), 2_000)]).unwrap();
/// assert_eq!(trend.bytes_per_day.round(), 1_000.0);
/// assert_eq!(trend.full_at(4_000), Some(hour(72)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Trend {
    /// The growth; negative if it shrinks.
    pub bytes_per_day: f64,
    /// The size at the last sample, by the line.
    pub bytes: f64,
    /// When the last sample was taken.
    pub until: SystemTime,
    /// The time between the first sample and the last one.
    pub over: Duration,
}

impl Trend {
    /// The trend of these sizes in bytes, in the order of their times; `None` if there are fewer than three, or they
    /// were taken within less than an hour.
    #[must_use]
    pub fn of(samples: &[(SystemTime, u64)]) -> Option<Self> {
        let (first, last) = (samples.first()?.0, samples.last()?.0);
        let over = last.duration_since(first).ok()?;
        if samples.len() < SAMPLES || over < SHORTEST {
            return None;
        }
        #[allow(clippy::cast_precision_loss)] // Exact up to 2^53 bytes.
        let points = samples.iter().map(|(at, bytes)| {
            // Samples from before a clock was set back are as old as the first one.
            let since = at.duration_since(first).unwrap_or_default();
            (since.as_secs_f64() / DAY, *bytes as f64)
        });
        let points: Vec<(f64, f64)> = points.collect();
        #[allow(clippy::cast_precision_loss)] // Few.
        let number = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / number;
        let (day, bytes) = (mean(|point| point.0), mean(|point| point.1));
        let (mut covariance, mut variance) = (0.0, 0.0);
        for (x, y) in &points {
            covariance += (x - day) * (y - bytes);
            variance += (x - day) * (x - day);
        }
        if variance <= 0.0 {
            return None;
        }
        let bytes_per_day = covariance / variance;
        Some(Self {
            bytes_per_day,
            bytes: bytes + bytes_per_day * (over.as_secs_f64() / DAY - day),
            until: last,
            over,
        })
    }

    /// When the line reaches this size; `None` if it does not within ten years. The time of the last sample if it has
    /// reached it by then.
    #[must_use]
    pub fn full_at(&self, capacity: u64) -> Option<SystemTime> {
        #[allow(clippy::cast_precision_loss)] // Exact up to 2^53 bytes.
        let left = capacity as f64 - self.bytes;
        if left <= 0.0 {
            return Some(self.until);
        }
        if self.bytes_per_day <= 0.0 {
            return None;
        }
        let left = Duration::try_from_secs_f64(left / self.bytes_per_day * DAY).ok()?;
        // Whole seconds: the rest is noise.
        let left = Duration::from_secs((left + Duration::from_millis(500)).as_secs());
        (left <= LONGEST).then(|| self.until + left)
    }
}
