//! What the last look at the catalog found, for reports.

use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use super::Follower;
use crate::cluster::CatalogReadiness;
use crate::error::Error;

/// The last answer of the catalog, and why there was none since.
#[derive(Debug, Default)]
pub(super) struct Answer {
    answered: Option<Instant>,
    problem: Option<String>,
}

impl Follower {
    /// Notes the outcome of a look.
    pub(super) fn note_answer(&self, error: Option<&Error>) {
        let mut answer = self.answer();
        if error.is_none() {
            answer.answered = Some(Instant::now());
        }
        answer.problem = error.map(ToString::to_string);
    }

    /// Whether the catalog can be followed.
    pub(in crate::cluster) fn readiness(&self) -> CatalogReadiness {
        let answer = self.answer();
        CatalogReadiness {
            answered: answer.answered.map(|at| at.elapsed()),
            problem: answer.problem.clone(),
        }
    }

    fn answer(&self) -> MutexGuard<'_, Answer> {
        // No code that can panic runs under the lock.
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
