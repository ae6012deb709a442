//! The seam for statistics and the slow-call log: the engine says here what has happened.
//!
//! Called by `connect`, `exec`, `plan`, `transaction` and `cluster`. With the feature `metrics` the
//! types are counters ([`recording`]); without it they are empty and their methods compile to
//! nothing ([`silent`]). A call takes no lock and allocates nothing: it adds to atomics of its
//! server and its logical shard. `cluster::statistics` reads them, and `metrics` publishes them.

#[cfg(feature = "metrics")]
mod bounds;
mod event;
#[cfg(feature = "metrics")]
mod histogram;
#[cfg(feature = "metrics")]
mod lags;
mod moment;
#[cfg(feature = "metrics")]
mod recording;
mod running;
#[cfg(feature = "metrics")]
mod server;
#[cfg(feature = "metrics")]
mod shard;
#[cfg(not(feature = "metrics"))]
mod silent;
#[cfg(feature = "metrics")]
mod statements;
#[cfg(feature = "metrics")]
mod windows;

#[cfg(all(test, feature = "metrics"))]
pub(crate) use self::bounds::COUNTS;
#[cfg(feature = "metrics")]
pub(crate) use self::{
    bounds::DURATIONS,
    histogram::{Histogram, quantile},
    lags::Lags,
    recording::{Count, Observed, Stopwatch, Waiters},
    server::{Cell, Durations, ServerRecorder, Totals},
    shard::{Load, ShardRecorder},
    statements::{Recorder, Seen, StatementRecord},
    windows::{TICK, Windows},
};
pub(crate) use event::Event;
pub(crate) use moment::{Moment, begin};
pub(crate) use running::Running;
#[cfg(not(feature = "metrics"))]
pub(crate) use silent::{
    Count, Observed, Recorder, ServerRecorder, ShardRecorder, Stopwatch, Waiters,
};

use crate::error::ErrorKind;

/// The result of one call, for the statistics.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "metrics"), allow(dead_code))]
pub(crate) struct Outcome {
    /// `select`, `insert`, ..
    pub(crate) verb: &'static str,
    /// Whether a replica served it.
    pub(crate) replica: bool,
    /// From the beginning of the call to its end, in microseconds.
    pub(crate) took: u64,
    /// The rows returned or changed, or why there are none.
    pub(crate) rows: Result<u64, ErrorKind>,
}

impl Observed {
    /// Records the end of a transaction, which has begun then and is no statement of `exec`: its verb, and its group,
    /// logical shard and server.
    pub(crate) fn timed(
        &self,
        verb: &'static str,
        (group, shard, server): (&str, u32, &str),
        begun: Option<Moment>,
        rows: Result<u64, ErrorKind>,
    ) {
        let Some(begun) = begun else { return };
        let outcome = Outcome {
            verb,
            replica: false,
            took: begun.elapsed_micros(),
            rows,
        };
        let pick = self.call(&outcome);
        self.share(&outcome, 1);
        if pick == Pick::Slow {
            tracing::warn!(
                target: "shard_orm::slow",
                group,
                shard,
                shards = 1,
                server,
                role = "primary",
                verb,
                table = "",
                micros = outcome.took,
                waited_micros = 0,
                // A commit returns no rows to convert.
                network_micros = outcome.took,
                decode_micros = 0,
                rows = 0,
                error = rows.err().map(tracing::field::display),
                fingerprint = verb.to_uppercase(),
                "slow call"
            );
        }
    }
}

/// Whether the text of a call is recorded too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "metrics"), allow(dead_code))]
pub(crate) enum Pick {
    /// No: nearly all calls.
    No,
    /// As one of a sample.
    Sample,
    /// Because it was slow.
    Slow,
}
