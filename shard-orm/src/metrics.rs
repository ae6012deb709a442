//! Metrics of the calls of this process, for Prometheus, OpenTelemetry and others.
//!
//! The recorders count in atomics of their own. A [`Publisher`] hands what was added since the last time
//! to the recorder of the crate [`metrics`](https://docs.rs/metrics), so that every exporter for it works
//! and a call costs the same with any of them. All names are in [`METRICS`], which the guide lists.
//!
//! ```no_run
//! # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
//! use std::time::Duration;
//! use shard_orm::metrics::Publisher;
//!
//! // After an exporter was installed:
//! shard_orm::metrics::describe();
//! let publishing = Publisher::new(&cluster).every(Duration::from_secs(5));
//! # Ok(())
//! # }
//! ```
//!
//! No label is a key, a logical shard or a table, so that the number of time series does not grow with
//! the data: [`Publisher::shards`] adds series for logical shards on request.

#[cfg(feature = "reshard")]
mod jobs;
mod names;
mod publish;
mod sink;
mod sizes;
mod table;

pub use self::publish::{Publisher, Publishing};
pub use self::table::{COUNT_BUCKETS, DURATION_BUCKETS, Kind, METRICS, Metric};

/// Describes all metrics to the exporter that is installed: their units and what they mean.
///
/// Call it once, after the exporter was installed and before anything is published.
///
/// ```
/// shard_orm::metrics::describe();
/// ```
pub fn describe() {
    ::metrics::with_recorder(|recorder| {
        for metric in METRICS {
            let (name, help) = (metric.name.into(), metric.help.into());
            match metric.kind {
                Kind::Counter => recorder.describe_counter(name, Some(metric.unit), help),
                Kind::Gauge => recorder.describe_gauge(name, Some(metric.unit), help),
                Kind::Histogram => recorder.describe_histogram(name, Some(metric.unit), help),
            }
        }
    });
}
