//! The supervisor: a worker for each copy, which keeps it up to date until it is stopped.

mod notify;
#[cfg(feature = "metrics")]
mod registry;
mod status;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;

use self::notify::Listener;
#[cfg(feature = "metrics")]
pub(crate) use self::registry::supervised;
pub use self::status::CopyStatus;
use self::status::Statuses;
use self::worker::Worker;
use super::options::Options;
use super::task::{OnServer, Task, registered};
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::lock::LockManager;
use crate::replicate::Mode;

/// The time between two rounds of a copy, unless another one is set: with its jitter less than a second.
const EVERY: Duration = Duration::from_millis(750);
/// The share of that time by which a round may be earlier or later.
const JITTER: f64 = 0.2;
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The builder of a supervisor, which keeps copies up to date; made by
/// [`StaticSync::supervise`](super::StaticSync::supervise).
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
    pub(super) options: Options,
    every: Duration,
    jitter: f64,
    longest_pause: Duration,
}

impl Supervise {
    pub(super) fn new(cluster: &Cluster) -> Self {
        Self {
            cluster: cluster.clone(),
            options: Options::default(),
            every: EVERY,
            jitter: JITTER,
            longest_pause: LONGEST_PAUSE,
        }
    }

    /// Sets the time between two rounds of each copy, 750 milliseconds by default. A source on PostgreSQL
    /// also announces changes of a table with [`Mode::Capture`], and its copies follow at once.
    pub fn every(mut self, period: Duration) -> Self {
        self.every = period;
        self
    }

    /// Sets the share of that time, from 0 to 1, by which a round is randomly earlier or later, so that
    /// copies do not all read at once. The default is 0.2.
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            JITTER
        };
        self
    }

    /// Sets the longest pause after failures of a copy: each further failure doubles the pause. The default
    /// is one minute.
    pub fn longest_pause(mut self, pause: Duration) -> Self {
        self.longest_pause = pause;
        self
    }

    /// Sets the number of copies on one server that are written to at a time, 4 by default. A server that
    /// does not respond blocks no copy on another one.
    pub fn concurrency(mut self, copies: usize) -> Self {
        self.options.concurrency = copies.max(1);
        self
    }

    /// As [`StaticSync::mode`](super::StaticSync::mode).
    pub fn mode(mut self, mode: Mode) -> Self {
        self.options.mode = Some(mode);
        self
    }

    /// As [`StaticSync::overlap`](super::StaticSync::overlap).
    pub fn overlap(mut self, overlap: Duration) -> Self {
        self.options.overlap = overlap;
        self
    }

    /// Holds the lock of each copy, so that several supervisors share the copies: each copy has one
    /// supervisor, and another one takes over when that ends.
    pub fn locks(mut self, locks: Arc<dyn LockManager>) -> Self {
        self.options.locks = Some(locks);
        self
    }

    /// Sets the time for which a lock is held at a time, 30 seconds by default: after that time another
    /// supervisor takes over from one that has died.
    pub fn lock_ttl(mut self, ttl: Duration) -> Self {
        self.options.lock_ttl = ttl;
        self
    }

    /// Starts a worker for each registered model and server.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when a model names groups that are not in
    /// the configuration, when no model with a source was registered, and outside of a tokio runtime.
    pub fn run(self) -> Result<Supervisor> {
        let mut tasks = Vec::new();
        for model in registered(&self.cluster) {
            tasks.extend(Task::of(&self.cluster, model)?);
        }
        if tasks.is_empty() {
            return Err(Error::configuration(
                "no static model with a source was registered, so there is nothing to copy; \
                 register each with `cluster.register_static::<Model>()`",
            ));
        }
        self.start(tasks)
    }

    /// Starts a worker for each task.
    pub(super) fn start(self, tasks: Vec<Task>) -> Result<Supervisor> {
        let runtime = Handle::try_current().map_err(|source| {
            Error::configuration("a supervisor runs on tokio: start it within a tokio runtime")
                .with_source(source)
        })?;
        let mut permits: BTreeMap<OnServer, Arc<Semaphore>> = BTreeMap::new();
        let (stop, stopped) = watch::channel(false);
        let statuses = Arc::new(Statuses::default());
        #[cfg(feature = "metrics")]
        self.cluster
            .extension::<registry::Registry>()
            .add(&statuses);
        let most = self.options.concurrency;
        let all = Arc::new(self);
        let mut listeners: BTreeMap<Arc<str>, Listener> = BTreeMap::new();
        let progress: Vec<Arc<Notify>> = tasks.iter().map(|_| Arc::default()).collect();
        let servers: Vec<OnServer> = tasks.iter().map(Task::on).collect();
        let mut spawned: Vec<JoinHandle<()>> = tasks
            .into_iter()
            .enumerate()
            .map(|(number, task)| {
                let others = progress.iter().zip(&servers).enumerate();
                let others = others
                    .filter(|(other, (_, server))| *other != number && **server == servers[number])
                    .map(|(_, (progress, _))| Arc::clone(progress))
                    .collect();
                let permits = permits.entry(task.on());
                let permits = permits.or_insert_with(|| Arc::new(Semaphore::new(most)));
                let wake = Arc::new(Notify::new());
                let listener = listeners.entry(Arc::clone(&task.source));
                let listener = listener.or_insert_with(|| Listener {
                    task: task.clone(),
                    every: all.every,
                    wakes: Vec::new(),
                });
                listener
                    .wakes
                    .push((task.table.name.clone(), Arc::clone(&wake)));
                let worker = Worker {
                    copy: (&task).into(),
                    task,
                    wake,
                    progress: Arc::clone(&progress[number]),
                    others,
                    supervise: Arc::clone(&all),
                    statuses: Arc::clone(&statuses),
                    permits: Arc::clone(permits),
                };
                statuses.write(&worker.copy, |_| {});
                runtime.spawn(worker.run(stopped.clone()))
            })
            .collect();
        let listeners = listeners.into_values();
        spawned.extend(listeners.map(|one| runtime.spawn(one.listen(stopped.clone()))));
        Ok(Supervisor {
            stop,
            tasks: spawned,
            statuses,
        })
    }
}

/// Keeps copies up to date. When it is dropped, its workers stop in the background.
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Supervisor {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    statuses: Arc<Statuses>,
}

impl Supervisor {
    /// The status of each copy. Sends nothing to a server.
    #[must_use]
    pub fn status(&self) -> Vec<CopyStatus> {
        self.statuses.lock().values().cloned().collect()
    }

    /// Stops the workers: lets their current transactions end, and releases their locks.
    pub async fn stop(self) {
        // There is no receiver when all have ended.
        let _ = self.stop.send(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(target: "shard_orm", %error, "a task of the sync has panicked");
            }
        }
    }
}
