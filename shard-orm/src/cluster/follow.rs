//! Takes the topology from the catalog, and follows its changes.
//!
//! Begun when a cluster is opened. Nothing here can stop a cluster that serves: an error is logged,
//! and the topology stays as it is.

mod answer;
mod authority;
mod settle;
mod tables;
mod task;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::answer::Answer;
use self::authority::OfCatalog;
use self::settle::Records;
use self::task::{Signals, Task};
use super::Cluster;
use crate::catalog::{Heartbeat, Known, Latest, LocalCopy, Store, TableKey, TableUse};
use crate::config::{self, Config};
use crate::connect::Authority;
use crate::error::{Error, ErrorKind, Result};
use crate::task::catch_panic;

/// The shortest time from one look at the catalog to the next, for statements that ask for one.
const FLOOR: Duration = Duration::from_millis(100);
/// The shortest time between some looks: during a switch the new topology is there after some milliseconds.
const CLOSE: Duration = Duration::from_millis(5);
/// The number of looks in vain that may follow each other so closely; one more may with each [`FLOOR`] without a look.
const SOME: u32 = 50;

/// What a cluster with a catalog keeps.
pub(super) struct Follower {
    /// The configuration with which the process was started.
    config: Config,
    options: config::Catalog,
    local_copy: Option<LocalCopy>,
    heartbeat: Heartbeat,
    /// Held by a report: one that is on its way must not come after the process was taken out of the list.
    reporting: tokio::sync::Mutex<()>,
    #[cfg(feature = "metrics")]
    publication: super::statistics::Publication,
    /// The tables that this process reads, for operators.
    tables: Mutex<Tables>,
    /// The topology in use; `None` until there is one from the catalog.
    known: Mutex<Option<Known>>,
    answer: Mutex<Answer>,
    /// Held during a look at the catalog.
    look: tokio::sync::Mutex<Look>,
    records: Records,
    signals: Signals,
    /// Ends the tasks when it is told to, or dropped.
    closed: watch::Sender<()>,
    is_closed: AtomicBool,
}

/// The tables that a process reads.
#[derive(Default)]
struct Tables {
    all: Vec<TableUse>,
    /// The columns by which their rows are routed, for splits.
    keys: Vec<TableKey>,
    /// How many of them are in the catalog.
    reported: usize,
}

/// The last look at the catalog.
#[derive(Default)]
struct Look {
    begun: Option<Instant>,
    ended: Option<Instant>,
    /// The looks that followed each other closely, since one found a new topology.
    close: u32,
    /// The problem that was logged, so that it is logged once, and its kind.
    problem: Option<(ErrorKind, String)>,
}

impl Follower {
    /// `None` if the configuration has no catalog.
    pub(super) fn new(config: &Config) -> Option<Self> {
        let options = config.catalog.clone()?;
        Some(Self {
            config: config.clone(),
            local_copy: options.local_copy.clone().map(LocalCopy::new),
            heartbeat: Heartbeat::new(options.process.as_deref()),
            reporting: tokio::sync::Mutex::default(),
            #[cfg(feature = "metrics")]
            publication: super::statistics::Publication::default(),
            options,
            tables: Mutex::default(),
            known: Mutex::default(),
            answer: Mutex::default(),
            look: tokio::sync::Mutex::default(),
            records: Records::default(),
            signals: Signals::default(),
            closed: watch::Sender::new(()),
            is_closed: AtomicBool::new(false),
        })
    }

    pub(super) fn options(&self) -> &config::Catalog {
        &self.options
    }

    /// The configuration with which the process was started.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Reports the tables of a model with the next heartbeat, which is due now.
    pub(super) fn add_tables(&self, tables: &[TableUse], key: Option<TableKey>) {
        let mut own = self.tables();
        own.all.extend_from_slice(tables);
        own.keys.extend(key);
        drop(own);
        self.signals.report();
    }

    fn tables(&self) -> std::sync::MutexGuard<'_, Tables> {
        // No code that can panic runs under the lock.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Option<Known> {
        let known = self.known.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uses a topology of the catalog.
    fn apply(&self, cluster: &Cluster, known: Known, document: &str) -> Result<()> {
        let mut config = self.config.with_document(document)?;
        config.ids = config.ids.for_process(&self.config.ids);
        cluster.replace(&config, Some(known.epoch))?;
        let mut own = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *own = Some(known);
        Ok(())
    }

    /// Keeps the topology in the local file. A failure is logged: the process goes on.
    async fn keep(&self, cluster: &Cluster, known: Known, document: String) {
        let Some(copy) = self.local_copy.as_ref().filter(|_| self.options.keeps_copy) else {
            return;
        };
        let copy = LocalCopy::new(copy.path());
        let name = self.config.name.clone();
        let write = move || copy.write(&known, &name, &document);
        let written = cluster.runtime().spawn_blocking(write).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(target: "shard_orm", "{error}");
        }
    }

    /// Looks at the catalog, and uses a newer topology. Returns whether there was one.
    async fn reload(&self, cluster: &Cluster) -> Result<bool> {
        let known = self.known();
        let handle = cluster.handle_of_database(&self.options.database)?;
        let asked = Store::new(&handle).latest(known.as_ref());
        let revision = match Store::within(self.options.timeout, asked).await? {
            Latest::Unchanged => return Ok(false),
            Latest::Empty if known.is_none() => return Ok(false),
            Latest::Empty => return Err(lost(&self.options.database)),
            Latest::Older(epoch) => return Err(older(known.as_ref(), epoch)),
            Latest::OtherHistory(epoch) => return Err(other_history(known.as_ref(), epoch)),
            Latest::Newer(revision) => revision,
        };
        let known = Known::from(&revision);
        self.apply(cluster, known.clone(), &revision.document)
            .map_err(|error| unusable(&known, &error))?;
        tracing::info!(
            target: "shard_orm",
            epoch = revision.epoch,
            changed_by = revision.changed_by,
            comment = revision.comment,
            "the topology has changed"
        );
        self.keep(cluster, known, revision.document).await;
        self.signals.changed();
        Ok(true)
    }

    /// The topology with which the process starts.
    async fn begin(&self, cluster: &Cluster) -> Result<()> {
        let name = &self.config.name;
        let copy = match self.local_copy.as_ref().map(|copy| copy.read(name)) {
            Some(Ok(copy)) => copy,
            Some(Err(error)) => {
                tracing::warn!(target: "shard_orm", "{error}");
                None
            }
            None => None,
        };
        let handle = cluster.handle_of_database(&self.options.database)?;
        let known = copy.as_ref().map(|(known, _)| known);
        let asked = Store::new(&handle).latest(known);
        let found = Store::within(self.options.timeout, asked).await;
        self.note_answer(found.as_ref().err());
        let problem = match (found, &copy) {
            (Ok(Latest::Newer(revision)), _) => {
                let known = Known::from(&revision);
                self.apply(cluster, known.clone(), &revision.document)
                    .map_err(|error| unusable(&known, &error))?;
                self.keep(cluster, known, revision.document).await;
                return Ok(());
            }
            (Ok(Latest::Unchanged), _) => None,
            (Ok(Latest::Empty), None) => {
                tracing::warn!(
                    target: "shard_orm",
                    database = self.options.database,
                    "the catalog holds no topology yet, so the configuration file is used; \
                     initialize it with `shard-orm catalog init`"
                );
                return Ok(());
            }
            (Ok(Latest::Empty), Some(_)) => Some(lost(&self.options.database)),
            (Ok(Latest::Older(epoch)), _) => Some(older(known, epoch)),
            (Ok(Latest::OtherHistory(epoch)), _) => Some(other_history(known, epoch)),
            (Err(error), None) => {
                return Err(Error::new(
                    error.kind(),
                    format!(
                        "the catalog in database `{}` is unavailable, and there is no local copy of \
                         the topology: {}",
                        self.options.database,
                        error.message()
                    ),
                )
                .with_source(error));
            }
            (Err(error), Some(_)) => Some(error),
        };
        let Some((known, document)) = copy else {
            return Ok(());
        };
        if let Some(problem) = problem {
            tracing::error!(
                target: "shard_orm",
                epoch = known.epoch,
                error = %problem,
                "started with the local copy of the topology, which may be out of date"
            );
        }
        self.apply(cluster, known.clone(), &document)
            .map_err(|error| unusable(&known, &error))
    }
}

impl Cluster {
    pub(super) fn follower(&self) -> Option<&Follower> {
        self.inner.follower.as_ref()
    }

    /// Takes the topology from the catalog, and begins to follow it.
    pub(super) async fn follow_catalog(&self) -> Result<()> {
        let Some(follower) = self.follower() else {
            return Ok(());
        };
        follower.begin(self).await?;
        Task::new(self, follower).spawn_all(self.runtime());
        Ok(())
    }

    /// Looks at the catalog, after a namespace was not where the topology says. Callers at the same
    /// time share one look. Returns whether the topology has changed since the caller looked at it,
    /// at `epoch`; false without a catalog.
    pub(crate) async fn reload_topology(&self, epoch: u64) -> Result<bool> {
        if self.follower().is_none() {
            return Ok(self.topology().epoch() != epoch);
        }
        let looked = self.begin_look(Some(epoch)).await;
        looked.unwrap_or_else(|source| {
            Err(
                Error::new(ErrorKind::Unavailable, "the cluster's runtime has ended")
                    .with_source(source),
            )
        })
    }

    /// As [`reload_topology`](Self::reload_topology), in a task: a caller that gives up leaves nothing
    /// half done, such as a new topology of which there is no local copy. Without `epoch`, the look
    /// begins after this call in any case.
    fn begin_look(&self, epoch: Option<u64>) -> JoinHandle<Result<bool>> {
        let (own, asked) = (self.clone(), Instant::now());
        let look = async move { own.look(epoch, asked).await };
        let look = catch_panic("a look at the catalog", look);
        self.runtime().spawn(async move { look.await.flatten() })
    }

    async fn look(&self, epoch: Option<u64>, asked: Instant) -> Result<bool> {
        let Some(follower) = self.follower() else {
            return Ok(false);
        };
        let has_changed = || epoch.is_some_and(|epoch| epoch != self.topology().epoch());
        loop {
            let mut look = follower.look.lock().await;
            if has_changed() {
                return Ok(true);
            }
            if look.begun.is_some_and(|begun| begun >= asked) {
                return look.error().map_or_else(|| Ok(has_changed()), Err);
            }
            let Some(turn) = look.turn().filter(|turn| *turn > Instant::now()) else {
                look.close = look.followed_closely() + 1;
                if look.at(follower, self).await? {
                    look.close = 0;
                }
                return Ok(has_changed());
            };
            // A look for another reason may begin meanwhile.
            drop(look);
            tokio::time::sleep_until(turn).await;
        }
    }

    /// What confirms the topology for the servers of this cluster.
    pub(super) fn authority(&self) -> Arc<dyn Authority> {
        Arc::new(OfCatalog(self.downgrade()))
    }

    /// Ends the tasks, and takes the process out of the list.
    pub(super) async fn stop_following(&self) {
        let Some(follower) = self.follower() else {
            return;
        };
        if follower.is_closed.swap(true, Ordering::AcqRel) {
            return;
        }
        follower.closed.send_replace(());
        if follower.options.heartbeat.is_none() {
            return;
        }
        let Ok(handle) = self.handle_of_database(&follower.options.database) else {
            return;
        };
        let forget = async {
            let _reporting = follower.reporting.lock().await;
            Store::new(&handle).forget(&follower.heartbeat).await
        };
        if let Err(error) = Store::within(follower.options.timeout, forget).await {
            tracing::debug!(
                target: "shard_orm",
                error = %error.kind(),
                "the process stays in the list of processes until it is forgotten"
            );
        }
    }
}

impl Look {
    /// When the next look may begin, for a statement that asks for one.
    fn turn(&self) -> Option<Instant> {
        let pause = if self.followed_closely() < SOME {
            CLOSE
        } else {
            FLOOR
        };
        Some(self.ended? + pause)
    }

    /// The looks that followed each other closely, less those for which there was a pause since.
    fn followed_closely(&self) -> u32 {
        let rested = self
            .ended
            .map_or(0, |ended| ended.elapsed().as_millis() / FLOOR.as_millis());
        let rested = u32::try_from(rested).unwrap_or(SOME);
        self.close.saturating_sub(rested)
    }

    async fn at(&mut self, follower: &Follower, cluster: &Cluster) -> Result<bool> {
        self.begun = Some(Instant::now());
        let outcome = follower.reload(cluster).await;
        follower.note_answer(outcome.as_ref().err());
        self.ended = Some(Instant::now());
        self.note(&outcome);
        outcome
    }

    /// Why the last look failed.
    fn error(&self) -> Option<Error> {
        let (kind, problem) = self.problem.clone()?;
        Some(Error::new(kind, problem))
    }

    /// Logs a new problem, and its end.
    fn note(&mut self, outcome: &Result<bool>) {
        let problem = outcome.as_ref().err();
        let problem = problem.map(|error| (error.kind(), error.to_string()));
        if self.problem == problem {
            return;
        }
        match &problem {
            Some((_, problem)) => tracing::error!(
                target: "shard_orm",
                problem,
                "the catalog cannot be followed; the cluster serves by the topology that it has"
            ),
            None => tracing::info!(target: "shard_orm", "the catalog can be followed again"),
        }
        self.problem = problem;
    }
}

fn lost(database: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "the catalog in database `{database}` holds no topology any more; rebuild it with \
             `shard-orm catalog rebuild`, or restore it from a backup"
        ),
    )
}

fn older(known: Option<&Known>, found: u64) -> Error {
    let epoch = known.map_or(0, |known| known.epoch);
    Error::new(
        ErrorKind::Conflict,
        format!(
            "the catalog was restored from an old backup: its last epoch is {found}, and this \
             process uses epoch {epoch}, which stays in use; restore epoch {epoch} with \
             `shard-orm catalog restore` from a local copy or an export"
        ),
    )
}

fn other_history(known: Option<&Known>, found: u64) -> Error {
    let epoch = known.map_or(0, |known| known.epoch);
    Error::new(
        ErrorKind::Conflict,
        format!(
            "the catalog has another history: its epoch {epoch} is not the one that this process \
             uses, and its last epoch is {found}; it was restored from an old backup and changed \
             since. The epoch {epoch} of this process stays in use: compare both with `shard-orm \
             catalog diff`, correct the catalog, and restart the process without its local copy"
        ),
    )
}

fn unusable(known: &Known, error: &Error) -> Error {
    Error::configuration(format!(
        "epoch {} of the catalog cannot be used by this process: {}",
        known.epoch,
        error.message()
    ))
}
