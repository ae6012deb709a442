//! The last outcomes of the connections of one pool, for health reports.
//!
//! Written where a connection is opened, pinged or lost, and where a write is refused. A write that
//! succeeds looks at one flag.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};

/// How long a refused write counts against its endpoint when no other one succeeds. A health check that keeps all writes away
/// would otherwise never see one succeed.
const REFUSAL_COUNTS_FOR: Duration = Duration::from_secs(10);

/// What a pool last learned of its endpoint.
#[derive(Debug, Clone)]
pub(crate) struct LastOutcome {
    pub(crate) at: Instant,
    /// Why the endpoint could not be used; `None` when it answered.
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
    /// There is a refusal: a write that succeeds takes it back.
    refused: AtomicBool,
}

#[derive(Debug, Default)]
struct Last {
    last_outcome: Option<LastOutcome>,
    /// Why no connection could be opened, until one was.
    not_opened: Option<String>,
    refusal: Option<Refusal>,
}

impl Outcomes {
    /// A connection was opened, or was not.
    pub(super) fn opened(&self, outcome: Result<(), &Error>) {
        let problem = outcome.err().map(Error::to_string);
        let mut last = self.lock();
        last.not_opened.clone_from(&problem);
        last.last_outcome = Some(now(problem));
    }

    /// A connection that was idle has answered.
    pub(super) fn answered(&self) {
        self.lock().last_outcome = Some(now(None));
    }

    /// A connection was lost.
    pub(super) fn lost(&self) {
        let problem = "a connection was lost, and none has answered since";
        self.lock().last_outcome = Some(now(Some(problem.to_owned())));
    }

    /// A statement failed: remembered when the endpoint takes no writes at all for its reason.
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

    /// A write succeeded.
    pub(super) fn wrote(&self) {
        if self.refused.load(Ordering::Relaxed) {
            self.refused.store(false, Ordering::Relaxed);
            self.lock().refusal = None;
        }
    }

    /// The last outcome, unless a connection has answered at that instant, which is later.
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
    pub(super) fn not_opened(&self) -> Option<String> {
        self.lock().not_opened.clone()
    }

    /// The last refused write, for as long as it counts.
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
