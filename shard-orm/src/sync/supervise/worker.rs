//! The worker that keeps one copy up to date.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::{Either, select, select_all};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};

use super::Supervise;
use super::status::Statuses;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::Guard;
use crate::model::CopyId;
use crate::replicate::Run;
use crate::sync::backoff::{Backoff, spread};
use crate::sync::options::Held;
use crate::sync::schedule::start;
use crate::sync::task::Task;
use crate::task::catch_panic;

/// The first pause before a copy is started again that another run has fenced off.
const FENCED: Duration = Duration::from_millis(50);
/// The number of rounds that a copy waits for the rows of another table before a warning.
const PATIENCE: u32 = 20;

/// Keeps one copy up to date.
pub(super) struct Worker {
    pub(super) copy: CopyId,
    pub(super) task: Task,
    /// Notified when the source announces a change of the table.
    pub(super) wake: Arc<Notify>,
    /// Notified when another copy on the same server has made progress.
    pub(super) progress: Arc<Notify>,
    /// Notifies the other copies.
    pub(super) others: Vec<Arc<Notify>>,
    pub(super) supervise: Arc<Supervise>,
    pub(super) statuses: Arc<Statuses>,
    /// The number of copies on the server that are written to at a time.
    pub(super) permits: Arc<Semaphore>,
}

/// The reason for a pause.
enum Paused {
    /// Another supervisor holds it.
    Held,
    /// A newer run has started, of a process that waits for a row or of another supervisor.
    Fenced,
    /// It failed.
    Failed(Error),
}

impl From<Error> for Paused {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Fenced => Self::Fenced,
            _ => Self::Failed(error),
        }
    }
}

/// The consecutive rounds without success.
struct Attempts {
    failures: u32,
    /// Between two runs that fence each other off.
    fenced: Backoff,
    /// Rounds that waited for the rows of another table.
    waits: u32,
}

impl Worker {
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut attempts = Attempts {
            failures: 0,
            fenced: Backoff::new(FENCED, self.supervise.every),
            waits: 0,
        };
        loop {
            // Users' hooks run in it.
            let round = catch_panic(
                "the copying of its rows",
                self.hold(&mut stopped, &mut attempts),
            );
            let paused = match round.await {
                Ok(Ok(())) => return,
                Ok(Err(paused)) => paused,
                Err(panicked) => Paused::Failed(panicked),
            };
            let pause = match paused {
                Paused::Held => {
                    self.left_to_another();
                    self.spread(self.supervise.every)
                }
                // The newer run does the work: nothing is wrong.
                Paused::Fenced => {
                    self.left_to_another();
                    attempts.fenced.next()
                }
                Paused::Failed(error) => {
                    attempts.failures += 1;
                    self.failed(&error, attempts.failures);
                    self.spread(self.backoff(attempts.failures))
                }
            };
            // An announcement of the source does not shorten it: the copy failed, or another run has it.
            if !rest(&mut stopped, pause, &[]).await {
                return;
            }
        }
    }

    /// Takes the lock, and repeats rounds until it is stopped.
    async fn hold(
        &self,
        stopped: &mut watch::Receiver<bool>,
        attempts: &mut Attempts,
    ) -> Result<(), Paused> {
        let guard = match self
            .supervise
            .options
            .lock(&self.task)
            .await
            .map_err(Paused::Failed)?
        {
            Ok(guard) => guard,
            Err(Held) => return Err(Paused::Held),
        };
        let outcome = self.work(guard.as_ref(), stopped, attempts).await;
        // Before another supervisor reports the copy as its own.
        self.statuses
            .write(&self.copy, |status| status.held = false);
        if let Some(guard) = guard {
            // It expires when it is not released.
            if let Err(error) = guard.release().await {
                tracing::debug!(target: "shard_orm", error = %error.kind(), "a lock was not released");
            }
        }
        outcome
    }

    async fn work(
        &self,
        guard: Option<&Guard>,
        stopped: &mut watch::Receiver<bool>,
        attempts: &mut Attempts,
    ) -> Result<(), Paused> {
        let mut run = {
            let _permit = self.permit().await?;
            start(&self.supervise.options, &self.task).await?
        };
        self.statuses.write(&self.copy, |status| status.held = true);
        loop {
            let started = Instant::now();
            let before = run.work.applied.written();
            let outcome = {
                let _permit = self.permit().await?;
                run.round().await
            };
            if run.work.applied.written() > before {
                self.others.iter().for_each(|one| one.notify_one());
            }
            let wakes: &[&Notify] = match outcome {
                Ok(()) => {
                    attempts.failures = 0;
                    attempts.fenced.reset();
                    attempts.waits = 0;
                    self.caught_up(&run, started);
                    &[&self.wake]
                }
                // The rows of another table's copy resolve it, whose progress is waited for.
                Err(error) if error.kind() == ErrorKind::ForeignKey => {
                    attempts.failures = 0;
                    attempts.fenced.reset();
                    attempts.waits = attempts.waits.saturating_add(1);
                    let error = run.explain(error);
                    run.note(&error).await;
                    self.waits(&error, attempts.waits);
                    &[&self.wake, &self.progress]
                }
                Err(error) => {
                    run.note(&error).await;
                    return Err(error.into());
                }
            };
            if guard.is_some_and(|guard| !guard.is_held()) {
                return Err(Paused::Held);
            }
            if !rest(stopped, self.spread(self.supervise.every), wakes).await {
                return Ok(());
            }
        }
    }

    /// Waits until the copy may be written to.
    async fn permit(&self) -> Result<SemaphorePermit<'_>, Paused> {
        self.permits.acquire().await.map_err(|source| {
            Paused::Failed(Error::configuration("the supervisor has ended").with_source(source))
        })
    }

    fn caught_up(&self, run: &Run, started: Instant) {
        let position = run.position_text();
        self.statuses.write(&self.copy, |status| {
            status.last_run = Some(SystemTime::now());
            status.took = Some(started.elapsed());
            status.position = position;
            status.rows = run.work.into();
            status.problem = None;
            status.failures = 0;
        });
    }

    /// Another supervisor does the work, and says what fails.
    fn left_to_another(&self) {
        self.statuses.write(&self.copy, |status| {
            status.held = false;
            status.failures = 0;
        });
    }

    /// The copy waits for the rows of another one.
    fn waits(&self, error: &Error, waits: u32) {
        // By then the order of the copies is no longer the reason.
        if waits == PATIENCE {
            tracing::warn!(
                target: "shard_orm",
                copy = %self.copy,
                rounds = waits,
                "a copy still waits for rows of another table that its rows refer to"
            );
        }
        self.statuses.write(&self.copy, |status| {
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
            "a copy was not brought up to date"
        );
        self.statuses.write(&self.copy, |status| {
            status.held = false;
            status.problem = Some(error.to_string());
            status.failures = failures;
        });
    }

    /// The pause after so many failures.
    fn backoff(&self, failures: u32) -> Duration {
        let factor = 1_u32 << failures.saturating_sub(1).min(16);
        self.supervise
            .every
            .saturating_mul(factor)
            .min(self.supervise.longest_pause)
    }

    /// A time with jitter.
    fn spread(&self, time: Duration) -> Duration {
        spread(time, self.supervise.jitter)
    }
}

/// Waits until the time is over or a notification arrives; `false` when it was stopped meanwhile.
async fn rest(stopped: &mut watch::Receiver<bool>, time: Duration, wakes: &[&Notify]) -> bool {
    let stop = pin!(stopped.wait_for(|stop| *stop));
    let rested = pin!(async {
        if wakes.is_empty() {
            tokio::time::sleep(time).await;
            return;
        }
        let woken = select_all(wakes.iter().map(|wake| Box::pin(wake.notified())));
        // Both ends of the pause are treated alike.
        drop(tokio::time::timeout(time, woken).await);
    });
    matches!(select(stop, rested).await, Either::Right(_))
}
