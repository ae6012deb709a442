//! What keeps one copy up to its source.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::{Either, select, select_all};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};

use super::Supervise;
use super::board::Board;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::Guard;
use crate::model::CopyId;
use crate::sync::pause::{Pauses, spread};
use crate::sync::plan::Held;
use crate::sync::run::Run;
use crate::sync::task::Task;
use crate::task::caught;

/// How soon a copy is begun again that another run has overtaken.
const OVERTAKEN: Duration = Duration::from_millis(50);
/// How many rounds a copy waits for the rows of another table before that is warned of.
const PATIENCE: u32 = 20;

/// What keeps one copy up to its source.
pub(super) struct Keeper {
    pub(super) copy: CopyId,
    pub(super) task: Task,
    /// Told when the source has said that its table has changed.
    pub(super) wake: Arc<Notify>,
    /// Told when another copy on the same server has come further.
    pub(super) further: Arc<Notify>,
    /// What tells those.
    pub(super) neighbours: Vec<Arc<Notify>>,
    pub(super) how: Arc<Supervise>,
    pub(super) board: Arc<Board>,
    pub(super) slots: Arc<Semaphore>,
}

/// Why a copy is left alone for a while.
enum Left {
    /// Another supervisor holds it.
    Held,
    /// Another run has begun, of a process that waits for a row or of another supervisor.
    Overtaken,
    /// It failed.
    Failed(Error),
}

impl From<Error> for Left {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Overtaken => Self::Overtaken,
            _ => Self::Failed(error),
        }
    }
}

/// What has gone on so far without a round that came to its end.
struct Course {
    failures: u32,
    /// Between two runs that overtake each other.
    overtaken: Pauses,
    /// Rounds that waited for the rows of another table, one after the other.
    waits: u32,
}

impl Keeper {
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut course = Course {
            failures: 0,
            overtaken: Pauses::new(OVERTAKEN, self.how.every),
            waits: 0,
        };
        loop {
            // The users' hooks run in it.
            let round = caught(
                "the copying of its rows",
                self.hold(&mut stopped, &mut course),
            );
            let left = match round.await {
                Ok(Ok(())) => return,
                Ok(Err(left)) => left,
                Err(panicked) => Left::Failed(panicked),
            };
            let pause = match left {
                Left::Held => {
                    self.board.write(&self.copy, |status| status.held = false);
                    self.spread(self.how.every)
                }
                // Who was faster has what this one would have done: nothing is wrong.
                Left::Overtaken => {
                    self.board.write(&self.copy, |status| status.held = false);
                    course.overtaken.next()
                }
                Left::Failed(error) => {
                    course.failures += 1;
                    self.failed(&error, course.failures);
                    self.spread(self.backoff(course.failures))
                }
            };
            // A word of the source does not shorten it: the copy failed, or is another's.
            if !rest(&mut stopped, pause, &[]).await {
                return;
            }
        }
    }

    /// Takes the lock, and brings the copy up again and again, until it is stopped.
    async fn hold(
        &self,
        stopped: &mut watch::Receiver<bool>,
        course: &mut Course,
    ) -> Result<(), Left> {
        let guard = match self.how.plan.lock(&self.task).await.map_err(Left::Failed)? {
            Ok(guard) => guard,
            Err(Held) => return Err(Left::Held),
        };
        let outcome = self.keep(guard.as_ref(), stopped, course).await;
        // Before another one can say so.
        self.board.write(&self.copy, |status| status.held = false);
        if let Some(guard) = guard {
            // It ends by itself when it is not given back.
            if let Err(error) = guard.release().await {
                tracing::debug!(target: "shard_orm", error = %error.kind(), "a lock was not released");
            }
        }
        outcome
    }

    async fn keep(
        &self,
        guard: Option<&Guard>,
        stopped: &mut watch::Receiver<bool>,
        course: &mut Course,
    ) -> Result<(), Left> {
        let plan = &self.how.plan;
        let mut run = {
            let _handle = self.handle().await?;
            let begun = Run::begin(self.task.clone(), plan.mode, plan.overlap).await;
            begun?
        };
        self.board.write(&self.copy, |status| status.held = true);
        loop {
            let begun = Instant::now();
            let before = run.work.applied.written();
            let outcome = {
                let _handle = self.handle().await?;
                run.round().await
            };
            if run.work.applied.written() > before {
                self.neighbours.iter().for_each(|one| one.notify_one());
            }
            let wakes: &[&Notify] = match outcome {
                Ok(()) => {
                    course.failures = 0;
                    course.overtaken.reset();
                    course.waits = 0;
                    self.level(&run, begun);
                    &[&self.wake]
                }
                // It comes with another table's copy, whose next step is waited for.
                Err(error) if error.kind() == ErrorKind::ForeignKey => {
                    course.failures = 0;
                    course.overtaken.reset();
                    course.waits = course.waits.saturating_add(1);
                    let error = run.explain(error);
                    run.note(&error).await;
                    self.waits(&error, course.waits);
                    &[&self.wake, &self.further]
                }
                Err(error) => {
                    run.note(&error).await;
                    return Err(error.into());
                }
            };
            if guard.is_some_and(|guard| !guard.is_held()) {
                return Err(Left::Held);
            }
            if !rest(stopped, self.spread(self.how.every), wakes).await {
                return Ok(());
            }
        }
    }

    /// One of the places for copies that are written to.
    async fn handle(&self) -> Result<SemaphorePermit<'_>, Left> {
        self.slots.acquire().await.map_err(|source| {
            Left::Failed(Error::configuration("the supervisor has ended").with_source(source))
        })
    }

    fn level(&self, run: &Run, begun: Instant) {
        let position = run.position_text();
        self.board.write(&self.copy, |status| {
            status.last_run = Some(SystemTime::now());
            status.took = Some(begun.elapsed());
            status.position = position;
            status.rows = run.work.into();
            status.problem = None;
            status.failures = 0;
        });
    }

    /// The copy waits for the rows of another one.
    fn waits(&self, error: &Error, waits: u32) {
        // By then it is not a matter of their order any more.
        if waits == PATIENCE {
            tracing::warn!(
                target: "shard_orm",
                copy = %self.copy,
                rounds = waits,
                "a copy still waits for rows of another table that its rows point to"
            );
        }
        self.board.write(&self.copy, |status| {
            status.problem = Some(error.to_string());
            status.failures = 0;
        });
    }

    fn failed(&self, error: &Error, failures: u32) {
        tracing::warn!(
            target: "shard_orm",
            copy = %self.copy,
            error = %error.kind(),
            failures,
            "a copy was not brought up to its source"
        );
        self.board.write(&self.copy, |status| {
            status.held = false;
            status.problem = Some(error.to_string());
            status.failures = failures;
        });
    }

    /// How long a copy is left alone that has failed so often.
    fn backoff(&self, failures: u32) -> Duration {
        let factor = 1_u32 << failures.saturating_sub(1).min(16);
        self.how
            .every
            .saturating_mul(factor)
            .min(self.how.longest_pause)
    }

    /// A time that is somewhat shorter or longer.
    fn spread(&self, time: Duration) -> Duration {
        spread(time, self.how.jitter)
    }
}

/// Waits, until it is woken at most; `false` when it was stopped meanwhile.
async fn rest(stopped: &mut watch::Receiver<bool>, time: Duration, wakes: &[&Notify]) -> bool {
    let stop = pin!(stopped.wait_for(|stop| *stop));
    let rested = pin!(async {
        if wakes.is_empty() {
            tokio::time::sleep(time).await;
            return;
        }
        let woken = select_all(wakes.iter().map(|wake| Box::pin(wake.notified())));
        // Whether it was woken makes no difference.
        drop(tokio::time::timeout(time, woken).await);
    });
    matches!(select(stop, rested).await, Either::Right(_))
}
