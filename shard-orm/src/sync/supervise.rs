//! The supervisor: a task for each copy, which keeps it up to its source until it is stopped.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;

use super::capture::CHANNEL;
use super::mode::Mode;
use super::once::{Held, Plan};
use super::report::{CopyId, Rows};
use super::run::Run;
use super::task::Task;
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::lock::{Guard, LockManager};
use crate::random::random;

/// How often a copy is brought up, unless another time is set: with what it varies by, within a
/// second.
const EVERY: Duration = Duration::from_millis(750);
/// By how much of that time a round may come earlier or later.
const JITTER: f64 = 0.2;
/// How long is waited for further words of a source before its copies are woken again.
const TOGETHER: Duration = Duration::from_millis(10);
/// How soon a source is listened to again that was lost.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// How long a copy that fails is left alone at most.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How copies are kept up to their sources; begun by [`Sync::supervise`](super::Sync::supervise).
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # use std::time::Duration;
/// # #[derive(StaticModel)]
/// # #[static_model(source = "default", groups = ["air"], table = "airlines")]
/// # struct Airline {
/// #     #[static_model(primary_key, length = 3)]
/// #     code: String,
/// # }
/// # async fn shutdown() {}
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// use shard_orm::sync::Sync;
///
/// cluster.register_static::<Airline>();
/// let supervisor = Sync::supervise(cluster).every(Duration::from_secs(5)).run()?;
/// shutdown().await;
/// for copy in supervisor.status() {
///     println!("{}: {:?}", copy.copy, copy.last_run);
/// }
/// supervisor.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is copied before `run`"]
pub struct Supervise {
    cluster: Cluster,
    plan: Plan,
    every: Duration,
    jitter: f64,
    longest_pause: Duration,
}

impl Supervise {
    pub(super) fn new(cluster: &Cluster) -> Self {
        Self {
            cluster: cluster.clone(),
            plan: Plan::default(),
            every: EVERY,
            jitter: JITTER,
            longest_pause: LONGEST_PAUSE,
        }
    }

    /// How often each copy is brought up to its source: every 750 milliseconds, unless set. A source
    /// on PostgreSQL says besides when a table with [`Mode::Capture`] has changed, and its copies
    /// follow at once.
    pub fn every(mut self, period: Duration) -> Self {
        self.every = period;
        self
    }

    /// By how much of its time a round comes earlier or later, at random, so that copies are not all
    /// read at once: from 0 to 1, 0.2 unless set.
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            JITTER
        };
        self
    }

    /// How long a copy that fails is left alone at most: each further failure doubles the time. One
    /// minute, unless set.
    pub fn longest_pause(mut self, pause: Duration) -> Self {
        self.longest_pause = pause;
        self
    }

    /// How many copies are written to at a time: 8, unless set. A server that does not answer takes
    /// one of these places for as long as its timeouts say.
    pub fn concurrency(mut self, copies: usize) -> Self {
        self.plan.concurrency = copies.max(1);
        self
    }

    /// As [`Sync::mode`](super::Sync::mode).
    pub fn mode(mut self, mode: Mode) -> Self {
        self.plan.mode = Some(mode);
        self
    }

    /// As [`Sync::overlap`](super::Sync::overlap).
    pub fn overlap(mut self, overlap: Duration) -> Self {
        self.plan.overlap = overlap;
        self
    }

    /// Holds the lock of each copy that it keeps up, so that several supervisors share the copies:
    /// what one of them holds the others leave, and take over when it ends.
    pub fn locks(mut self, locks: Arc<dyn LockManager>) -> Self {
        self.plan.locks = Some(locks);
        self
    }

    /// For how long a lock is held at a time, 30 seconds unless set: so long it takes until another
    /// supervisor takes over from one that has died.
    pub fn lock_ttl(mut self, ttl: Duration) -> Self {
        self.plan.lock_ttl = ttl;
        self
    }

    /// Begins, with a task for each registered model and server.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when a model names groups that are not in
    /// the configuration, when none with a source was registered, and outside of a tokio runtime.
    pub fn run(self) -> Result<Supervisor> {
        let runtime = Handle::try_current().map_err(|source| {
            Error::configuration("a supervisor runs on tokio: begin it within a tokio runtime")
                .with_source(source)
        })?;
        let mut tasks = Vec::new();
        for def in self.cluster.static_models() {
            if def.copied().is_some_and(|copied| copied.source.is_some()) {
                tasks.extend(Task::of(&self.cluster, def)?);
            }
        }
        if tasks.is_empty() {
            return Err(Error::configuration(
                "no static model with a source was registered, so there is nothing to keep up; \
                 register each with `cluster.register_static::<Model>()`",
            ));
        }
        let places = Arc::new(Semaphore::new(self.plan.concurrency));
        let (stop, stopped) = watch::channel(false);
        let board = Arc::new(Board::default());
        let all = Arc::new(self);
        let mut ears: BTreeMap<&'static str, Ear> = BTreeMap::new();
        let mut spawned: Vec<JoinHandle<()>> = tasks
            .into_iter()
            .map(|task| {
                let wake = Arc::new(Notify::new());
                let ear = ears.entry(task.def.home_name()).or_insert_with(|| Ear {
                    task: task.clone(),
                    every: all.every,
                    wakes: Vec::new(),
                });
                ear.wakes.push((task.def.table, Arc::clone(&wake)));
                let keeper = Keeper {
                    copy: (&task).into(),
                    task,
                    wake,
                    how: Arc::clone(&all),
                    board: Arc::clone(&board),
                    places: Arc::clone(&places),
                };
                board.write(&keeper.copy, |_| {});
                runtime.spawn(keeper.run(stopped.clone()))
            })
            .collect();
        let ears = ears.into_values();
        spawned.extend(ears.map(|ear| runtime.spawn(ear.listen(stopped.clone()))));
        Ok(Supervisor {
            stop,
            tasks: spawned,
            board,
        })
    }
}

/// Copies that are being kept up to their sources. Dropped, it stops them in the background.
#[derive(Debug)]
#[must_use = "dropped, it stops"]
pub struct Supervisor {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    board: Arc<Board>,
}

impl Supervisor {
    /// How each copy stands. Asks no server.
    #[must_use]
    pub fn status(&self) -> Vec<CopyStatus> {
        self.board.lock().values().cloned().collect()
    }

    /// Ends: a transaction at a copy that is under way is brought to its end, and locks are given
    /// back.
    pub async fn stop(self) {
        // Nobody listens when all have ended.
        let _ = self.stop.send(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(target: "shard_orm", %error, "a task of the sync has panicked");
            }
        }
    }
}

/// How one copy stands.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CopyStatus {
    /// The copy.
    pub copy: CopyId,
    /// Whether this supervisor keeps it up, and no other one.
    pub held: bool,
    /// When its source was last read to the end, by this process's clock.
    pub last_run: Option<SystemTime>,
    /// How long that took.
    pub took: Option<Duration>,
    /// Up to where the copy has its source's changes.
    pub position: Option<String>,
    /// What was read and written since this supervisor has held it.
    pub rows: Rows,
    /// Why it is not up to its source.
    pub problem: Option<String>,
    /// How many rounds have failed, one after the other.
    pub failures: u32,
}

impl CopyStatus {
    fn new(copy: CopyId) -> Self {
        Self {
            copy,
            held: false,
            last_run: None,
            took: None,
            position: None,
            rows: Rows::default(),
            problem: None,
            failures: 0,
        }
    }

    /// For how long the copy has not been compared with its source; `None` before the first time.
    #[must_use]
    pub fn lag(&self) -> Option<Duration> {
        // A clock that was set back says nothing: at least it is no negative time.
        Some(self.last_run?.elapsed().unwrap_or_default())
    }
}

/// What is known of all copies.
#[derive(Debug, Default)]
struct Board(Mutex<BTreeMap<CopyId, CopyStatus>>);

impl Board {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<CopyId, CopyStatus>> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, copy: &CopyId, change: impl FnOnce(&mut CopyStatus)) {
        let mut all = self.lock();
        let status = all
            .entry(copy.clone())
            .or_insert_with(|| CopyStatus::new(copy.clone()));
        change(status);
    }
}

/// What keeps one copy up to its source.
struct Keeper {
    copy: CopyId,
    task: Task,
    /// Told when the source has said that its table has changed.
    wake: Arc<Notify>,
    how: Arc<Supervise>,
    board: Arc<Board>,
    places: Arc<Semaphore>,
}

/// Why a copy is left alone for a while.
enum Left {
    /// Another supervisor holds it.
    Held,
    /// It failed.
    Failed(Error),
}

impl Keeper {
    async fn run(self, mut stopped: watch::Receiver<bool>) {
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
    async fn place(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Left> {
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

/// What hears when a source says that a table has changed, where it does.
struct Ear {
    /// One of those that have this source.
    task: Task,
    every: Duration,
    /// By table.
    wakes: Vec<(&'static str, Arc<Notify>)>,
}

impl Ear {
    async fn listen(self, mut stopped: watch::Receiver<bool>) {
        let stop = pin!(async move {
            // Without a sender there is nothing to wait for either.
            let _ = stopped.wait_for(|stop| *stop).await;
        });
        let _ended = select(stop, pin!(self.hear())).await;
    }

    async fn hear(&self) {
        loop {
            match self.hear_one_session().await {
                Ok(()) => return,
                Err(error) => {
                    // The copies are looked at in their time, whether anything is heard or not.
                    tracing::debug!(target: "shard_orm", error = %error.kind(), "a source is not heard");
                    tokio::time::sleep(self.every.max(LISTEN_AGAIN)).await;
                }
            }
        }
    }

    /// Listens until the session is lost; comes back at once from a database that tells nothing.
    async fn hear_one_session(&self) -> Result<()> {
        let source = self.task.source()?;
        let Some(mut listener) = source.place.writer()?.listen(CHANNEL).await? else {
            return Ok(());
        };
        loop {
            let told = listener.heard().await?;
            for (table, wake) in &self.wakes {
                if told.is_empty() || told == **table {
                    wake.notify_one();
                }
            }
            // What is told at the same time is followed together.
            tokio::time::sleep(TOGETHER).await;
        }
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
