//! One task's calls: each may be cut, is monitored, and has its outcome recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shard_orm::{Error, ErrorKind, Result};

use crate::cut::Cut;
use crate::outcome::Outcome;
use crate::random::Random;
use crate::run::{Counts, Run};

/// The waits of a single statement, of which any may be the last.
const POLLS_OF_A_STATEMENT: u32 = 9;
/// Those of a whole transaction.
const POLLS_OF_A_TRANSACTION: u32 = 40;

/// One task's way of doing things.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) run: Arc<Run>,
    pub(crate) task: usize,
    pub(crate) random: Random,
}

/// What came of a write: its value, when it was acknowledged.
#[derive(Debug)]
pub(crate) struct CallResult<T> {
    pub(crate) outcome: Outcome,
    pub(crate) value: Option<T>,
}

impl Client {
    /// Runs a write outside of transactions.
    pub(crate) async fn write<T>(
        &mut self,
        what: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> CallResult<T> {
        let cut = Cut::random(&mut self.random, POLLS_OF_A_STATEMENT);
        let Some(result) = self.cut(what, cut, call).await else {
            let outcome = if cut.before_all() {
                Outcome::Refused
            } else {
                Outcome::Unknown
            };
            return self.outcome(outcome, None);
        };
        match result {
            Ok(value) => self.outcome(Outcome::Done, Some(value)),
            Err(error) => {
                let outcome = self.outcome_of(what, &error);
                self.outcome(outcome, None)
            }
        }
    }

    /// Runs a transaction that sets `committing` before it sends its COMMIT.
    pub(crate) async fn transact<T>(
        &mut self,
        what: &'static str,
        committing: &AtomicBool,
        call: impl Future<Output = Result<T>>,
    ) -> Outcome {
        let cut = Cut::random(&mut self.random, POLLS_OF_A_TRANSACTION);
        let outcome = match self.cut(what, cut, call).await {
            None if committing.load(Ordering::Relaxed) => Outcome::Unknown,
            // Without a COMMIT it must not have happened, wherever it was cut.
            None => Outcome::Refused,
            Some(Ok(_)) => Outcome::Done,
            Some(Err(error)) => {
                let outcome = self.outcome_of(what, &error);
                let lost = error.kind() == ErrorKind::OutcomeUnknown;
                if lost && !committing.load(Ordering::Relaxed) {
                    self.run
                        .fail(format_args!("{what}: unknown before its COMMIT: {error:?}"));
                }
                outcome
            }
        };
        self.outcome::<()>(outcome, None).outcome
    }

    /// Runs a read that the library may ask again; `None` when it was cut or did not get through.
    pub(crate) async fn read<T>(
        &mut self,
        what: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> Option<T> {
        let cut = Cut::random(&mut self.random, POLLS_OF_A_STATEMENT);
        match self.cut(what, cut, call).await? {
            Ok(value) => {
                Counts::add(&self.run.counts.read);
                Some(value)
            }
            // Its session was killed, and that of the second attempt too.
            Err(error) if error.kind() == ErrorKind::Unavailable => None,
            Err(error) => {
                self.run.fail(format_args!("{what}: {error:?}"));
                None
            }
        }
    }

    /// Runs something until it is done or cut.
    pub(crate) async fn cut<T>(
        &mut self,
        what: &'static str,
        cut: Cut,
        call: impl Future<Output = T>,
    ) -> Option<T> {
        self.run.doing(self.task, what);
        let done = cut.run(call).await;
        if done.is_none() {
            Counts::add(&self.run.counts.cut);
        }
        done
    }

    fn outcome_of(&self, what: &'static str, error: &Error) -> Outcome {
        Outcome::of_error(error).unwrap_or_else(|| {
            self.run.fail(format_args!("{what}: {error:?}"));
            Outcome::Unknown
        })
    }

    fn outcome<T>(&self, outcome: Outcome, value: Option<T>) -> CallResult<T> {
        let counts = &self.run.counts;
        Counts::add(match outcome {
            Outcome::Done => &counts.done,
            Outcome::Refused => &counts.refused,
            Outcome::Unknown => &counts.unknown,
        });
        CallResult { outcome, value }
    }
}
