//! Hands figures to the recorder of the crate `metrics`: of counters and histograms what was added since
//! the last time.

use std::collections::{HashMap, HashSet};

use ::metrics::{Key, Label, Level, Metadata, Recorder, Unit};

use super::Metric;
use crate::observe::Histogram;

/// What was published so far.
#[derive(Debug, Default)]
pub(super) struct Published {
    counters: HashMap<Key, u64>,
    /// The number of values and their sum, by bucket; of each part that shares its labels with others.
    histograms: HashMap<(Key, String), Vec<(u64, u64)>>,
    gauges: HashSet<Key>,
}

/// Publishes once.
pub(super) struct Sink<'a> {
    recorder: &'a dyn Recorder,
    published: &'a mut Published,
    /// The gauges that were set this time.
    gauges: HashSet<Key>,
}

const METADATA: Metadata<'static> = Metadata::new("shard_orm", Level::INFO, Some("shard_orm"));

impl<'a> Sink<'a> {
    pub(super) fn new(recorder: &'a dyn Recorder, published: &'a mut Published) -> Self {
        Self {
            recorder,
            published,
            gauges: HashSet::new(),
        }
    }

    /// Publishes a counter that is `total` by now.
    pub(super) fn count(&mut self, metric: &Metric, labels: &[&str], total: u64) {
        let key = key(metric, labels);
        let counter = self.recorder.register_counter(&key, &METADATA);
        let before = self.published.counters.entry(key).or_default();
        counter.increment(added(total, *before));
        *before = total;
    }

    /// Publishes a gauge.
    pub(super) fn gauge(&mut self, metric: &Metric, labels: &[&str], value: f64) {
        let key = key(metric, labels);
        self.recorder.register_gauge(&key, &METADATA).set(value);
        self.gauges.insert(key);
    }

    /// Publishes a histogram, in microseconds if its unit is seconds. In the place of the new values of a
    /// bucket stands their mean, which gives the same sum.
    pub(super) fn histogram(&mut self, metric: &Metric, labels: &[&str], values: &Histogram) {
        self.histogram_part(metric, labels, "", values);
    }

    /// As [`histogram`](Self::histogram), of a part that shares its labels with others.
    pub(super) fn histogram_part(
        &mut self,
        metric: &Metric,
        labels: &[&str],
        part: &str,
        values: &Histogram,
    ) {
        let key = key(metric, labels);
        let histogram = self.recorder.register_histogram(&key, &METADATA);
        let unit = if metric.unit == Unit::Seconds {
            1e6
        } else {
            1.0
        };
        let published = self
            .published
            .histograms
            .entry((key, part.to_owned()))
            .or_default();
        for (bucket, (count, sum)) in values.read().enumerate() {
            if published.len() <= bucket {
                published.push((0, 0));
            }
            let before = published[bucket];
            published[bucket] = (count, sum);
            let new = added(count, before.0);
            if new > 0 {
                let mean = float(added(sum, before.1)) / float(new);
                let (lowest, highest) = values.range(bucket);
                // Counts and sums are read while calls add to them.
                let mean = mean.max(float(lowest)).min(float(highest));
                let number = usize::try_from(new).unwrap_or(usize::MAX);
                histogram.record_many(mean / unit, number);
            }
        }
    }

    /// Marks gauges as unknown that were published before and not this time: of servers that are gone.
    pub(super) fn end(self) {
        for gone in self.published.gauges.difference(&self.gauges) {
            self.recorder.register_gauge(gone, &METADATA).set(f64::NAN);
        }
        self.published.gauges = self.gauges;
    }
}

/// What was added to a counter, which begins anew with a new server.
fn added(total: u64, before: u64) -> u64 {
    total.checked_sub(before).unwrap_or(total)
}

fn key(metric: &Metric, values: &[&str]) -> Key {
    debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
    let labels = metric.labels.iter().zip(values);
    let labels = labels.map(|(name, value)| Label::new(*name, (*value).to_owned()));
    Key::from_parts(metric.name, labels.collect::<Vec<_>>())
}

/// Exact up to 2^53, which no counter reaches.
#[allow(clippy::cast_precision_loss)]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}
