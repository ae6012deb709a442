//! Copies, brought up to their source once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};

use super::compare::verify;
use super::mode::Mode;
use super::plan::Plan;
use super::report::{SyncReport, Synced, Verified};
use super::statements_for;
use super::supervise::Supervise;
use super::task::{Task, registered, source_of};
use super::together::bring_up;
use crate::cluster::Cluster;
use crate::error::Result;
use crate::exec::create_all;
use crate::lock::LockManager;
use crate::record::{Transmitted, TransmittedModel};

/// How many copies are compared at a time.
const COMPARED: usize = 8;

/// Brings the copies of static models up to their source.
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # #[derive(StaticModel)]
/// # #[static_model(source = "default", groups = ["air"], table = "airlines")]
/// # struct Airline {
/// #     #[static_model(primary_key, length = 3)]
/// #     code: String,
/// # }
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// use shard_orm::sync::StaticSync;
///
/// let report = StaticSync::of::<Airline>(cluster).run().await?.complete()?;
/// println!("{} rows written", report.rows().written());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is copied before `run`"]
pub struct StaticSync {
    pub(super) cluster: Cluster,
    pub(super) models: Vec<Transmitted>,
    pub(super) plan: Plan,
}

impl StaticSync {
    /// The copies of one model.
    pub fn of<M: TransmittedModel>(cluster: &Cluster) -> Self {
        Self::new(cluster, vec![Transmitted::of::<M>()])
    }

    /// The copies of all models that were [registered](Cluster::register_static).
    pub fn all(cluster: &Cluster) -> Self {
        Self::new(cluster, registered(cluster).collect())
    }

    /// Keeps the copies of all models up to their sources that were
    /// [registered](Cluster::register_static), until it is stopped.
    pub fn supervise(cluster: &Cluster) -> Supervise {
        Supervise::new(cluster)
    }

    fn new(cluster: &Cluster, models: Vec<Transmitted>) -> Self {
        Self {
            cluster: cluster.clone(),
            models,
            plan: Plan::default(),
        }
    }

    /// How the copies learn what has changed, instead of what fits each model; see [`Mode`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.plan.mode = Some(mode);
        self
    }

    /// How far before its position [`Mode::Criterion`] reads again, where rows can come late: longer
    /// than the longest transaction at the source. One minute, unless set.
    pub fn overlap(mut self, overlap: Duration) -> Self {
        self.plan.overlap = overlap;
        self
    }

    /// Takes the lock of each copy before it is written to, so that no two runs do the same work. A
    /// run that has lost its lock commits nothing, with locks and without.
    pub fn locks(mut self, locks: Arc<dyn LockManager>) -> Self {
        self.plan.locks = Some(locks);
        self
    }

    /// Creates what the mode needs at the sources, where it is not there yet: the log of changes and
    /// its triggers, or the trigger of the criterion. [`setup`](Cluster::setup) does it for the mode
    /// that a model has unless another one is chosen.
    ///
    /// ```no_run
    /// # use shard_orm::prelude::*;
    /// # #[derive(StaticModel)]
    /// # #[static_model(source = "default", groups = ["air"], table = "airlines", criterion = "revision")]
    /// # struct Airline {
    /// #     #[static_model(primary_key, length = 3)]
    /// #     code: String,
    /// #     revision: i64,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// use shard_orm::sync::{Mode, StaticSync};
    ///
    /// let sync = StaticSync::of::<Airline>(cluster).mode(Mode::Capture);
    /// sync.prepare().await?;
    /// sync.run().await?.complete()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when a model has no source; otherwise what a
    /// source says.
    pub async fn prepare(&self) -> Result<()> {
        for Transmitted { def, .. } in &self.models {
            let handle = self.cluster.handle_of_database(source_of(def)?)?;
            let dialect = handle.dialect();
            let mode = self.plan.mode.unwrap_or_else(|| Mode::of(def, dialect));
            create_all(&handle, &statements_for(mode, def, dialect)?).await?;
        }
        Ok(())
    }

    /// Compares each copy with its source, and changes nothing.
    ///
    /// A row that is written to meanwhile, or has not come to the copy yet, is a difference: verify
    /// when nothing is written, or again.
    ///
    /// ```no_run
    /// # use shard_orm::prelude::*;
    /// # #[derive(StaticModel)]
    /// # #[static_model(source = "default", groups = ["air"], table = "airlines")]
    /// # struct Airline {
    /// #     #[static_model(primary_key, length = 3)]
    /// #     code: String,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// use shard_orm::sync::StaticSync;
    ///
    /// for verified in StaticSync::of::<Airline>(cluster).verify().await? {
    ///     println!("{}: {}", verified.copy, verified.result?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn verify(self) -> Result<Vec<Verified>> {
        let tasks = self.tasks()?;
        let mut all: Vec<Verified> = stream::iter(tasks)
            .map(|task| async move {
                let found = async {
                    let (source, copy) = (task.source()?, task.status()?);
                    verify(&source.table_at(), &copy.table_at()).await
                };
                Verified {
                    result: found.await,
                    copy: (&task).into(),
                }
            })
            .buffer_unordered(COMPARED)
            .collect()
            .await;
        all.sort_by(|one, other| one.copy.cmp(&other.copy));
        Ok(all)
    }

    /// The copies, of all models.
    pub(super) fn tasks(&self) -> Result<Vec<Task>> {
        let mut tasks = Vec::new();
        for model in &self.models {
            tasks.extend(Task::of(&self.cluster, *model)?);
        }
        Ok(tasks)
    }

    /// Brings each copy up to what its source has. One that fails does not keep the others.
    ///
    /// The copies on one server are brought up in the order of their foreign keys, and those whose
    /// rows wait for rows of another one again, until none comes further.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when a model has no source, or names groups that
    /// are not in the configuration. What a copy meets stands in the [report](SyncReport).
    pub async fn run(self) -> Result<SyncReport> {
        let mut servers: BTreeMap<_, Vec<Task>> = BTreeMap::new();
        for task in self.tasks()? {
            servers.entry(task.on()).or_default().push(task);
        }
        let each = servers
            .into_values()
            .map(|tasks| bring_up(&self.plan, tasks));
        let done = join_all(each).await.into_iter().flatten();
        let mut copies: Vec<Synced> = done
            .map(|(task, result)| Synced {
                copy: (&task).into(),
                result,
            })
            .collect();
        copies.sort_by(|one, other| one.copy.cmp(&other.copy));
        Ok(SyncReport { copies })
    }
}
