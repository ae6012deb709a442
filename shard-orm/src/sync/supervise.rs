//! The supervisor: a task for each copy, which keeps it up to its source until it is stopped.

mod board;
mod ear;
mod keeper;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;

use self::board::Board;
pub use self::board::CopyStatus;
use self::ear::Ear;
use self::keeper::Keeper;
use super::mode::Mode;
use super::plan::Plan;
use super::task::{OnServer, Task, registered};
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::lock::LockManager;

/// How often a copy is brought up, unless another time is set: with what it varies by, within a
/// second.
const EVERY: Duration = Duration::from_millis(750);
/// By how much of that time a round may come earlier or later.
const JITTER: f64 = 0.2;
/// How long a copy that fails is left alone at most.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How copies are kept up to their sources; begun by [`StaticSync::supervise`](super::StaticSync::supervise).
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
/// use shard_orm::sync::StaticSync;
///
/// cluster.register_static::<Airline>();
/// let supervisor = StaticSync::supervise(cluster).every(Duration::from_secs(5)).run()?;
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

    /// How many copies on one server are written to at a time: 4, unless set. A server that does not
    /// answer keeps no copy on another one waiting.
    pub fn concurrency(mut self, copies: usize) -> Self {
        self.plan.concurrency = copies.max(1);
        self
    }

    /// As [`StaticSync::mode`](super::StaticSync::mode).
    pub fn mode(mut self, mode: Mode) -> Self {
        self.plan.mode = Some(mode);
        self
    }

    /// As [`StaticSync::overlap`](super::StaticSync::overlap).
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
        for model in registered(&self.cluster) {
            tasks.extend(Task::of(&self.cluster, model)?);
        }
        if tasks.is_empty() {
            return Err(Error::configuration(
                "no static model with a source was registered, so there is nothing to keep up; \
                 register each with `cluster.register_static::<Model>()`",
            ));
        }
        let mut slots: BTreeMap<OnServer, Arc<Semaphore>> = BTreeMap::new();
        let (stop, stopped) = watch::channel(false);
        let board = Arc::new(Board::default());
        let most = self.plan.concurrency;
        let all = Arc::new(self);
        let mut ears: BTreeMap<&'static str, Ear> = BTreeMap::new();
        let further: Vec<Arc<Notify>> = tasks.iter().map(|_| Arc::default()).collect();
        let servers: Vec<OnServer> = tasks.iter().map(Task::on).collect();
        let mut spawned: Vec<JoinHandle<()>> = tasks
            .into_iter()
            .enumerate()
            .map(|(number, task)| {
                let others = further.iter().zip(&servers).enumerate();
                let neighbours = others
                    .filter(|(other, (_, server))| *other != number && **server == servers[number])
                    .map(|(_, (further, _))| Arc::clone(further))
                    .collect();
                let slots = slots.entry(task.on());
                let slots = slots.or_insert_with(|| Arc::new(Semaphore::new(most)));
                let wake = Arc::new(Notify::new());
                let ear = ears.entry(task.def.location_name()).or_insert_with(|| Ear {
                    task: task.clone(),
                    every: all.every,
                    wakes: Vec::new(),
                });
                ear.wakes.push((task.def.table, Arc::clone(&wake)));
                let keeper = Keeper {
                    copy: (&task).into(),
                    task,
                    wake,
                    further: Arc::clone(&further[number]),
                    neighbours,
                    how: Arc::clone(&all),
                    board: Arc::clone(&board),
                    slots: Arc::clone(slots),
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
