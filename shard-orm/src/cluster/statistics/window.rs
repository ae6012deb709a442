//! The calls within a window of time.

use std::time::Duration;

use super::spans::{Counts, Span, Spans};
use crate::observe::{DURATIONS, Load, Totals, quantile};

/// The calls within the last minutes, and all since the cluster was opened.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Windows {
    /// The last minute.
    pub one: Window,
    /// The last 5 minutes.
    pub five: Window,
    /// The last 15 minutes.
    pub fifteen: Window,
    /// The older half of these 15 minutes, as what the last minute is compared with: it ends four minutes ago at
    /// least, so that what has just begun is not in it. Empty for a logical shard, and within the first minutes.
    pub earlier: Window,
    /// Since the beginning.
    pub total: Window,
}

/// The calls within a window.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Window {
    /// How long the window is: up to a quarter longer than its name says, and shorter in the beginning. Of several
    /// processes, the mean by which the numbers of calls in a second add up.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "over_seconds", serialize_with = "crate::units::seconds_of")
    )]
    pub over: Duration,
    /// The calls that have ended, with or without an error. A call over several logical shards is one
    /// for each statement at its server, and one for each logical shard.
    pub calls: u64,
    /// Those that ended with an error.
    pub errors: u64,
    /// The rows that were returned or changed.
    pub rows: u64,
    /// The sum of the calls' durations, with the waits for connections.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "busy_seconds", serialize_with = "crate::units::seconds_of")
    )]
    pub busy: Duration,
    /// The duration within which half of the calls ended; `None` without a call, and for a logical
    /// shard. Interpolated between bounds that are at most two thirds apart.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "p50_seconds", serialize_with = "crate::units::seconds")
    )]
    pub p50: Option<Duration>,
    /// The duration within which 99 of 100 calls ended.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "p99_seconds", serialize_with = "crate::units::seconds")
    )]
    pub p99: Option<Duration>,
}

impl Window {
    pub(super) fn new(load: Load, durations: Option<(&[u64], &[u64])>) -> Self {
        let share = |share| durations.and_then(|(counts, bounds)| quantile(counts, bounds, share));
        Self {
            over: Duration::ZERO,
            calls: load.calls,
            errors: load.errors,
            rows: load.rows,
            busy: Duration::from_micros(load.micros),
            p50: share(0.5),
            p99: share(0.99),
        }
    }

    pub(super) fn of_load(load: Load) -> Self {
        Self::new(load, None)
    }

    pub(super) fn of_totals(totals: &Totals) -> Self {
        Self::new(totals.load, Some((&totals.durations.0, &DURATIONS)))
    }

    pub(super) fn over(mut self, over: Duration) -> Self {
        self.over = over;
        self
    }

    /// The calls in a second; 0 for an empty window.
    #[must_use]
    pub fn calls_per_second(&self) -> f64 {
        self.rate(self.calls)
    }

    /// The errors in a second.
    #[must_use]
    pub fn errors_per_second(&self) -> f64 {
        self.rate(self.errors)
    }

    /// The rows in a second.
    #[must_use]
    pub fn rows_per_second(&self) -> f64 {
        self.rate(self.rows)
    }

    /// The mean duration of a call; `None` without a call.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        (self.calls > 0)
            .then(|| Duration::from_secs_f64(self.busy.as_secs_f64() / float(self.calls)))
    }

    fn rate(&self, number: u64) -> f64 {
        if self.over.is_zero() {
            return 0.0;
        }
        float(number) / self.over.as_secs_f64()
    }
}

impl<T: Counts> From<&Span<T>> for Window {
    fn from(span: &Span<T>) -> Self {
        span.counts.window().over(span.over)
    }
}

impl<T: Counts> From<&Spans<T>> for Windows {
    fn from(spans: &Spans<T>) -> Self {
        Self {
            one: (&spans.one).into(),
            five: (&spans.five).into(),
            fifteen: (&spans.fifteen).into(),
            earlier: (&spans.earlier).into(),
            total: (&spans.total).into(),
        }
    }
}

/// Exact up to 2^53, which no counter reaches.
#[allow(clippy::cast_precision_loss)]
fn float(number: u64) -> f64 {
    number as f64
}
