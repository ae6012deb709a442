//! The last outcomes of one pool's connections, for health reports.
//!
//! Written when a connection is opened, pinged or lost, and when a write is refused. A successful
//! write reads one flag.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};

/// How long a refused write counts against its endpoint unless a later one succeeds. A health check
/// that diverts all writes would otherwise never see a success.
const REFUSAL_COUNTS_FOR: Duration = Duration::from_secs(10);

/// The last outcome of an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct LastOutcome {
    pub(crate) at: Instant,
    /// Why the endpoint was unusable; `None` if it answered.
    pub(crate) problem: Option<String>,
}

/// A write that the endpoint refused.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) at: Instant,
    pub(crate) kind: ErrorKind,
    pub(crate) problem: String,
}

/// The last outcomes of one pool.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    last: Mutex<Last>,
    /// Whether a refusal is recorded: a successful write clears it.
    refused: AtomicBool,
}

#[derive(Debug, Default)]
struct Last {
    last_outcome: Option<LastOutcome>,
    /// Why no connection could be opened, until one succeeds.
    open_error: Option<String>,
    refusal: Option<Refusal>,
}

impl Outcomes {
    /// Records an attempt to open a connection.
    pub(super) fn opened(&self, outcome: Result<(), &Error>) {
        let problem = outcome.err().map(Error::to_string);
        let mut last = self.lock();
        last.open_error.clone_from(&problem);
        last.last_outcome = Some(now(problem));
    }

    /// Records a ping that was answered.
    pub(super) fn answered(&self) {
        self.lock().last_outcome = Some(now(None));
    }

    /// Records a lost connection.
    pub(super) fn lost(&self) {
        let problem = "a connection was lost, and no other has answered since";
        self.lock().last_outcome = Some(now(Some(problem.to_owned())));
    }

    /// Records a failed statement, if its reason applies to all writes to the endpoint.
    pub(super) fn failed(&self, error: &Error) {
        if matches!(error.kind(), ErrorKind::ReadOnly | ErrorKind::StorageFull) {
            self.refused.store(true, Ordering::Relaxed);
            self.lock().refusal = Some(Refusal {
                at: Instant::now(),
                kind: error.kind(),
                problem: error.to_string(),
            });
        }
    }

    /// Records a successful write.
    pub(super) fn wrote(&self) {
        if self.refused.load(Ordering::Relaxed) {
            self.refused.store(false, Ordering::Relaxed);
            self.lock().refusal = None;
        }
    }

    /// The last outcome, unless a connection answered later, at `answered`.
    pub(super) fn last_outcome(&self, answered: Option<Instant>) -> Option<LastOutcome> {
        let last_outcome = self.lock().last_outcome.clone();
        let later = answered.filter(|at| {
            last_outcome
                .as_ref()
                .is_none_or(|last_outcome| *at > last_outcome.at)
        });
        later.map_or(last_outcome, |at| Some(LastOutcome { at, problem: None }))
    }

    /// Why the last attempt to open a connection failed.
    pub(super) fn open_error(&self) -> Option<String> {
        self.lock().open_error.clone()
    }

    /// The last refused write, until it expires.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let refusal = self.lock().refusal.clone();
        refusal.filter(|refusal| refusal.at.elapsed() < REFUSAL_COUNTS_FOR)
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        // No code that can panic runs under the lock.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now(problem: Option<String>) -> LastOutcome {
    LastOutcome {
        at: Instant::now(),
        problem,
    }
}
