//! One task's way of doing things: each call may be cut, is watched, and has its fate noted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shard_orm::{Error, ErrorKind, Result};

use crate::cut::Cut;
use crate::dice::Dice;
use crate::fate::Fate;
use crate::run::{Counts, Run};

/// The waits of a single statement, of which any may be the last.
const POLLS_OF_A_STATEMENT: u32 = 9;
/// Those of a whole transaction.
const POLLS_OF_A_TRANSACTION: u32 = 40;

/// One task's way of doing things.
#[derive(Debug)]
pub(crate) struct Hand {
    pub(crate) run: Arc<Run>,
    pub(crate) task: usize,
    pub(crate) dice: Dice,
}

/// What came of a write: its value, when it was acknowledged.
#[derive(Debug)]
pub(crate) struct Outcome<T> {
    pub(crate) fate: Fate,
    pub(crate) value: Option<T>,
}

impl Hand {
    /// Runs a write outside of transactions.
    pub(crate) async fn write<T>(
        &mut self,
        what: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> Outcome<T> {
        let cut = Cut::random(&mut self.dice, POLLS_OF_A_STATEMENT);
        let Some(result) = self.cut(what, cut, call).await else {
            let fate = if cut.before_all() {
                Fate::Refused
            } else {
                Fate::Unknown
            };
            return self.outcome(fate, None);
        };
        match result {
            Ok(value) => self.outcome(Fate::Done, Some(value)),
            Err(error) => {
                let fate = self.fate_of(what, &error);
                self.outcome(fate, None)
            }
        }
    }

    /// Runs a transaction that sets `committing` before it sends its COMMIT.
    pub(crate) async fn transact<T>(
        &mut self,
        what: &'static str,
        committing: &AtomicBool,
        call: impl Future<Output = Result<T>>,
    ) -> Fate {
        let cut = Cut::random(&mut self.dice, POLLS_OF_A_TRANSACTION);
        let fate = match self.cut(what, cut, call).await {
            None if committing.load(Ordering::Relaxed) => Fate::Unknown,
            // Without a COMMIT it must not have happened, wherever it was cut.
            None => Fate::Refused,
            Some(Ok(_)) => Fate::Done,
            Some(Err(error)) => {
                let fate = self.fate_of(what, &error);
                let lost = error.kind() == ErrorKind::OutcomeUnknown;
                if lost && !committing.load(Ordering::Relaxed) {
                    self.run
                        .fail(format_args!("{what}: unknown before its COMMIT: {error:?}"));
                }
                fate
            }
        };
        self.outcome::<()>(fate, None).fate
    }

    /// Runs a read that the library may ask again; `None` when it was cut or did not get through.
    pub(crate) async fn read<T>(
        &mut self,
        what: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> Option<T> {
        let cut = Cut::random(&mut self.dice, POLLS_OF_A_STATEMENT);
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

    fn fate_of(&self, what: &'static str, error: &Error) -> Fate {
        Fate::of_error(error).unwrap_or_else(|| {
            self.run.fail(format_args!("{what}: {error:?}"));
            Fate::Unknown
        })
    }

    fn outcome<T>(&self, fate: Fate, value: Option<T>) -> Outcome<T> {
        let counts = &self.run.counts;
        Counts::add(match fate {
            Fate::Done => &counts.done,
            Fate::Refused => &counts.refused,
            Fate::Unknown => &counts.unknown,
        });
        Outcome { fate, value }
    }
}
