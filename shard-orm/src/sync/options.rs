//! The options of a sync, once or by a supervisor.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::schedule::Ended;
use super::task::Task;
use crate::error::{ErrorKind, Result};
use crate::lock::{Guard, LockManager};
use crate::model::CopyId;
use crate::replicate::Mode;
use crate::task::StopSignal;

/// The time for which a lock is held at a time, unless another one is set.
const LOCK_TTL: Duration = Duration::from_secs(30);
/// The time before its position from which `Incremental` reads again, where rows can appear late.
const OVERLAP: Duration = Duration::from_mins(1);
/// The number of copies on one server that are written to at a time.
const CONCURRENCY: usize = 4;

/// The options of a sync.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) mode: Option<Mode>,
    pub(super) overlap: Duration,
    pub(super) locks: Option<Arc<dyn LockManager>>,
    pub(super) lock_ttl: Duration,
    pub(super) concurrency: usize,
    /// Ends a sync that runs once, between two commits or within a transaction, which is rolled back.
    pub(super) stop: StopSignal,
    pub(super) on_end: OnEnd,
}

/// Takes a copy, and whether it is level with its source.
type Told = dyn Fn(&CopyId, bool) + Send + Sync;

/// Told when the run of a copy has ended.
#[derive(Clone, Default)]
pub(crate) struct OnEnd(pub(crate) Option<Arc<Told>>);

impl OnEnd {
    pub(super) fn tell(&self, task: &Task, result: &Result<Ended>) {
        let is_over = match result {
            Ok(ended) => !matches!(ended, Ended::Stopped),
            // It is tried again.
            Err(error) => error.kind() != ErrorKind::Fenced,
        };
        if let Some(told) = self.0.as_ref().filter(|_| is_over) {
            told(&task.into(), matches!(result, Ok(Ended::Level(_))));
        }
    }
}

impl fmt::Debug for OnEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "OnEnd(..)"
        } else {
            "OnEnd"
        })
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: None,
            overlap: OVERLAP,
            locks: None,
            lock_ttl: LOCK_TTL,
            concurrency: CONCURRENCY,
            stop: StopSignal::default(),
            on_end: OnEnd::default(),
        }
    }
}

impl Options {
    /// Takes the lock of a copy, where there are locks; `Err` says that another holds it.
    pub(super) async fn lock(&self, task: &Task) -> Result<Result<Option<Guard>, Held>> {
        let Some(locks) = &self.locks else {
            return Ok(Ok(None));
        };
        let taken = Guard::acquire(Arc::clone(locks), task.lock_key(), self.lock_ttl).await?;
        Ok(taken.map(Some).ok_or(Held))
    }
}

/// Another run holds the lock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held;
