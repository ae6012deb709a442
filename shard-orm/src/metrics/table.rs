//! All metrics: the one place that says how they are called and what they mean.
//!
//! A test compares it with the guide's table, and another one the dashboard and the rules of
//! `docs/operations`.

use std::fmt;

use ::metrics::Unit;

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A number that only grows.
    Counter,
    /// A value at this moment.
    Gauge,
    /// How many values there were of each size.
    Histogram,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The kind.
    pub kind: Kind,
    /// The unit.
    pub unit: Unit,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

/// Bounds in seconds for exporters whose histograms need some. Each is a bound of the library's own
/// histograms, so that buckets are exact.
///
/// ```
/// use shard_orm::metrics::DURATION_BUCKETS;
///
/// // With `metrics-exporter-prometheus`:
/// // builder.set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &DURATION_BUCKETS)
/// assert!(DURATION_BUCKETS.is_sorted());
/// ```
pub const DURATION_BUCKETS: [f64; 15] = [
    0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];

/// The same for numbers of rows and statements.
///
/// ```
/// assert_eq!(shard_orm::metrics::COUNT_BUCKETS[1], 1.0);
/// ```
pub const COUNT_BUCKETS: [f64; 8] = [0.0, 1.0, 10.0, 50.0, 100.0, 1_000.0, 10_000.0, 100_000.0];

const SERVER: &[&str] = &["group", "server"];
const ENDPOINT: &[&str] = &["group", "server", "endpoint"];
const POOL: &[&str] = &["group", "server", "role", "endpoint"];
const CALL: &[&str] = &["group", "server", "role", "verb"];

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, $unit:ident, $labels:expr, $help:literal;)+) => {
        $(pub(super) const $constant: Metric = Metric {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: $labels,
            help: $help,
        };)+

        /// All metrics, in the order of the guide.
        ///
        /// ```
        /// for metric in shard_orm::metrics::METRICS {
        ///     println!("{} ({}): {}", metric.name, metric.kind, metric.help);
        /// }
        /// ```
        pub const METRICS: &[Metric] = &[$($constant),+];
    };
}

metrics! {
    CALLS = "shard_orm_operations_total", Counter, Count, CALL,
        "Calls that have ended, with or without an error.";
    ERRORS = "shard_orm_operation_errors_total", Counter, Count,
        &["group", "server", "role", "verb", "kind"],
        "Calls that ended with an error, by its kind.";
    DURATIONS = "shard_orm_operation_duration_seconds", Histogram, Seconds, CALL,
        "The time of a call, with the wait for a connection.";
    ROWS = "shard_orm_operation_rows", Histogram, Count, CALL,
        "The rows that a successful call returned or changed.";
    CANCELLED = "shard_orm_operations_cancelled_total", Counter, Count, SERVER,
        "Calls whose futures were dropped before their end: by a timeout of the application, by the error of another part of the call, or as the slower of two hedged reads.";
    RETRIES = "shard_orm_retries_total", Counter, Count, &["group", "server", "reason"],
        "Statements and transactions that the library sent again, by the reason.";
    LOST = "shard_orm_connections_lost_total", Counter, Count, SERVER,
        "Connections that were lost while they were used.";
    UNKNOWN = "shard_orm_outcomes_unknown_total", Counter, Count, SERVER,
        "Writes and commits whose response was lost: they may have been carried out.";
    POOL_SIZE = "shard_orm_pool_connections", Gauge, Count, POOL,
        "Open connections.";
    POOL_IN_USE = "shard_orm_pool_connections_in_use", Gauge, Count, POOL,
        "Connections in use or being opened.";
    POOL_MAX = "shard_orm_pool_connections_max", Gauge, Count, POOL,
        "The most connections.";
    POOL_WAITING = "shard_orm_pool_waiting", Gauge, Count, POOL,
        "Calls that wait for a connection to become free.";
    POOL_WAIT = "shard_orm_pool_wait_seconds", Histogram, Seconds, SERVER,
        "The waits for a connection: a free one, a new one, or a ping. A call that got one at once is not counted.";
    SCATTER = "shard_orm_scatter_statements", Histogram, Count, &["group"],
        "The statements of a call over several logical shards.";
    STRAGGLER = "shard_orm_scatter_straggler_seconds", Histogram, Seconds, SERVER,
        "How long such a call waited for its last statement, which was at this server, after its median one.";
    LAG = "shard_orm_replica_lag_seconds", Gauge, Seconds, ENDPOINT,
        "How far a replica is behind its primary.";
    LAG_BYTES = "shard_orm_replica_lag_bytes", Gauge, Bytes, ENDPOINT,
        "The same in bytes of the log, on PostgreSQL.";
    SERVING = "shard_orm_endpoint_serving", Gauge, Count, ENDPOINT,
        "Whether an endpoint serves: 1, or 0. Not published before the first contact.";
    WRITABLE = "shard_orm_server_writable", Gauge, Count, SERVER,
        "Whether a server takes writes: 1, or 0. Not published before the first contact.";
    ROLE_CHANGES = "shard_orm_role_changes_total", Counter, Count, SERVER,
        "How often another endpoint has become the primary.";
    PRIMARY_READS = "shard_orm_primary_reads_total", Counter, Count, &["group", "server", "reason"],
        "Reads that went to the primary in the place of a replica, by the reason.";
    CACHE_HITS = "shard_orm_statement_cache_hits_total", Counter, Count, &["group"],
        "Statements whose SQL was rendered before.";
    CACHE_MISSES = "shard_orm_statement_cache_misses_total", Counter, Count, &["group"],
        "Statements whose SQL was rendered and kept.";
    EPOCH = "shard_orm_topology_epoch", Gauge, Count, &[],
        "The epoch of the topology in use.";
    CATALOG_UP = "shard_orm_catalog_up", Gauge, Count, &[],
        "Whether the catalog could be read the last time: 1, or 0.";
    CATALOG_AGE = "shard_orm_catalog_answer_age_seconds", Gauge, Seconds, &[],
        "How long ago the catalog answered last.";
    UNSERVED = "shard_orm_shards_unserved", Gauge, Count, &["group"],
        "Logical shards whose server is known not to serve reads or writes.";
    ANOMALIES = "shard_orm_anomalies", Gauge, Count, &["group", "rule"],
        "What is unusual in the calls of the process, or of all processes on request, by the rule; `filling` on request.";
    USED = "shard_orm_server_used_bytes", Gauge, Bytes, SERVER,
        "The bytes of a server's logical shards, as they were measured last. On request.";
    CAPACITY = "shard_orm_server_capacity_bytes", Gauge, Bytes, SERVER,
        "The capacity of a server that has one. On request.";
    MEASURED = "shard_orm_server_measured_timestamp_seconds", Gauge, Seconds, SERVER,
        "When its bytes were measured last, in seconds since 1970. On request.";
    FULL = "shard_orm_server_full_timestamp_seconds", Gauge, Seconds, SERVER,
        "When its capacity is filled by the straight line through its sizes, in seconds since 1970. Not published if that is not within ten years. On request.";
    SYNC_AGE = "shard_orm_sync_age_seconds", Gauge, Seconds, &["table", "group", "server"],
        "How long ago the source of a static table's copy was read to its end, by a supervisor of this process.";
    SYNC_FAILURES = "shard_orm_sync_failures", Gauge, Count, &["table", "group", "server"],
        "The rounds of a copy that have failed since the last success.";
    SYNC_BLOCKED = "shard_orm_sync_rows_blocked", Gauge, Count, &["table", "group", "server"],
        "Deletions that could not be applied to a copy, since other rows refer to the row.";
    SYNC_WRITTEN = "shard_orm_sync_rows_written_total", Counter, Count, &["table", "group", "server"],
        "The rows of a copy that were written.";
    JOBS = "shard_orm_jobs", Gauge, Count, &["group", "kind"],
        "Moves, splits, merges and clones that are not over. On request.";
    JOB_ROWS = "shard_orm_job_rows_copied", Gauge, Count, &["group", "kind"],
        "The rows that these have copied. On request.";
    JOB_ESTIMATED = "shard_orm_job_rows_estimated", Gauge, Count, &["group", "kind"],
        "The rows that they have to copy, as estimated at their beginning. On request.";
    JOB_BACKLOG = "shard_orm_job_backlog", Gauge, Count, &["group", "kind"],
        "The changes that they have captured and not applied. On request.";
    JOB_AGE = "shard_orm_job_age_seconds", Gauge, Seconds, &["group", "kind"],
        "The time since the oldest of them was created. On request.";
    SHARD_CALLS = "shard_orm_shard_operations_total", Counter, Count, &["group", "shard"],
        "Calls by logical shard. On request.";
    SHARD_ERRORS = "shard_orm_shard_errors_total", Counter, Count, &["group", "shard"],
        "Errors by logical shard. On request.";
    SHARD_ROWS = "shard_orm_shard_rows_total", Counter, Count, &["group", "shard"],
        "Rows by logical shard. On request.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::observe;

    #[test]
    fn names_follow_the_conventions() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            let name = metric.name;
            assert!(name.starts_with("shard_orm_"), "{name}");
            assert_eq!(
                metric.kind == Kind::Counter,
                name.ends_with("_total"),
                "{name}"
            );
            assert_eq!(
                metric.unit == Unit::Seconds,
                name.ends_with("_seconds"),
                "{name}"
            );
            assert!(metric.help.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn only_what_is_published_on_request_names_a_logical_shard() {
        for metric in METRICS {
            let named = metric.labels.contains(&"shard");
            assert!(
                !named || metric.help.ends_with("On request."),
                "{}",
                metric.name
            );
            assert!(!metric.labels.contains(&"key"));
        }
    }

    #[test]
    #[allow(clippy::cast_precision_loss)] // Small numbers.
    fn buckets_are_among_the_bounds_that_are_counted() {
        for bound in DURATION_BUCKETS {
            let has = |micros: &u64| *micros as f64 / 1e6 == bound;
            assert!(observe::DURATIONS.iter().any(has), "{bound}");
        }
        for bound in COUNT_BUCKETS {
            let has = |count: &u64| *count as f64 == bound;
            assert!(observe::COUNTS.iter().any(has), "{bound}");
        }
    }
}
