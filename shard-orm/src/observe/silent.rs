//! The types of [`recording`](super) without the feature `metrics`: they hold and do nothing.

use std::sync::Arc;
use std::time::Duration;

use super::{Event, Outcome, Pick};

/// Counts nothing.
#[derive(Debug, Default)]
pub(crate) struct Count(());

impl Count {
    pub(crate) fn increment(&self) {}
}

/// Measures nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch;

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self
    }
}

/// Counts nobody who waits.
#[derive(Debug, Default)]
pub(crate) struct Waiters(());

impl Waiters {
    pub(crate) fn enter(&self) -> &Self {
        self
    }
}

/// Records nothing of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Recorder;

impl Recorder {
    pub(crate) fn set_slow_call(&self, _threshold: Option<Duration>) {}
}

/// Records nothing of a server.
#[derive(Debug)]
pub(crate) struct ServerRecorder;

impl ServerRecorder {
    pub(crate) fn new(_recorder: &Arc<Recorder>) -> Self {
        Self
    }

    pub(crate) fn count(&self, _event: Event) {}

    /// The microseconds that a connection was waited for.
    pub(crate) fn waited(&self, _stopwatch: Stopwatch) -> u32 {
        0
    }
}

/// Records nothing of a logical shard.
#[derive(Debug, Default)]
pub(crate) struct ShardRecorder;

/// Records nothing of the calls in a namespace.
#[derive(Debug)]
pub(crate) struct Observed;

impl Observed {
    pub(crate) fn new(_server: &Arc<ServerRecorder>, _shard: Arc<ShardRecorder>) -> Self {
        Self
    }

    pub(crate) fn shard(&self) -> Arc<ShardRecorder> {
        Arc::default()
    }

    pub(crate) fn count(&self, _event: Event) {}

    pub(crate) fn slow_call(&self) -> u64 {
        u64::MAX
    }

    pub(crate) fn call(&self, _outcome: &Outcome) -> Pick {
        Pick::No
    }

    pub(crate) fn share(&self, _outcome: &Outcome, _of: usize) {}

    pub(crate) fn scatter(&self, _statements: usize, _straggled: u64) {}

    pub(crate) fn statement(
        &self,
        _pick: Pick,
        _outcome: &Outcome,
        _named: (&str, u32, &str, &str),
        _fingerprint: String,
    ) {
    }
}
