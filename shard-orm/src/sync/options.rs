//! The options of a sync, once or by a supervisor.

use std::sync::Arc;
use std::time::Duration;

use super::task::Task;
use crate::error::Result;
use crate::lock::{Guard, LockManager};
use crate::replicate::Mode;

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
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: None,
            overlap: OVERLAP,
            locks: None,
            lock_ttl: LOCK_TTL,
            concurrency: CONCURRENCY,
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
