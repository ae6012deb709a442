//! What keeps one copy up to its source.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::{Either, select};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};

use super::Supervise;
use super::board::Board;
use crate::error::{Error, Result};
use crate::lock::Guard;
use crate::model::CopyId;
use crate::random::random;
use crate::sync::once::Held;
use crate::sync::run::Run;
use crate::sync::task::Task;

/// What keeps one copy up to its source.
pub(super) struct Keeper {
    pub(super) copy: CopyId,
    pub(super) task: Task,
    /// Told when the source has said that its table has changed.
    pub(super) wake: Arc<Notify>,
    pub(super) how: Arc<Supervise>,
    pub(super) board: Arc<Board>,
    pub(super) places: Arc<Semaphore>,
}

/// Why a copy is left alone for a while.
enum Left {
    /// Another supervisor holds it.
    Held,
    /// It failed.
    Failed(Error),
}

impl Keeper {
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut failures = 0;
        loop {
            let left = match self.hold(&mut stopped, &mut failures).await {
                Ok(()) => return,
                Err(left) => left,
            };
            let pause = match left {
                Left::Held => {
                    self.board.write(&self.copy, |status| status.held = false);
                    self.spread(self.how.every)
                }
                Left::Failed(error) => {
                    failures += 1;
                    self.failed(&error, failures);
                    self.spread(self.backoff(failures))
                }
            };
            // A word of the source does not shorten it: the copy failed, or is another's.
            if !rest(&mut stopped, pause, None).await {
                return;
            }
        }
    }

    /// Takes the lock, and brings the copy up again and again, until it is stopped.
    async fn hold(
        &self,
        stopped: &mut watch::Receiver<bool>,
        failures: &mut u32,
    ) -> Result<(), Left> {
        let guard = match self.how.plan.lock(&self.task).await.map_err(Left::Failed)? {
            Ok(guard) => guard,
            Err(Held) => return Err(Left::Held),
        };
        let outcome = self.keep(guard.as_ref(), stopped, failures).await;
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
        failures: &mut u32,
    ) -> Result<(), Left> {
        let plan = &self.how.plan;
        let mut run = {
            let _place = self.place().await?;
            let begun = Run::begin(self.task.clone(), plan.mode, plan.overlap).await;
            begun.map_err(Left::Failed)?
        };
        self.board.write(&self.copy, |status| status.held = true);
        loop {
            let begun = Instant::now();
            let outcome = {
                let _place = self.place().await?;
                run.round().await
            };
            if let Err(error) = outcome {
                run.note(&error).await;
                return Err(Left::Failed(error));
            }
            *failures = 0;
            self.level(&run, begun);
            if guard.is_some_and(|guard| !guard.is_held()) {
                return Err(Left::Held);
            }
            if !rest(stopped, self.spread(self.how.every), Some(&self.wake)).await {
                return Ok(());
            }
        }
    }

    /// One of the places for copies that are written to.
    async fn place(&self) -> Result<SemaphorePermit<'_>, Left> {
        self.places.acquire().await.map_err(|source| {
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
        let share = f64::from(u32::try_from(random() >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        time.mul_f64((1.0 + self.how.jitter * (2.0 * share - 1.0)).max(0.0))
    }
}

/// Waits, until it is woken at most; `false` when it was stopped meanwhile.
async fn rest(stopped: &mut watch::Receiver<bool>, time: Duration, wake: Option<&Notify>) -> bool {
    let stop = pin!(stopped.wait_for(|stop| *stop));
    let rested = pin!(async {
        match wake {
            None => tokio::time::sleep(time).await,
            // Whether it was woken makes no difference.
            Some(wake) => drop(tokio::time::timeout(time, wake.notified()).await),
        }
    });
    matches!(select(stop, rested).await, Either::Right(_))
}
