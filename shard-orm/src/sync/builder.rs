//! The builder of a sync: its models and options, and the verbs that run it once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::options::Options;
use super::report::{SyncReport, Synced, Verified};
use super::schedule::{Ended, bring_all_up};
use super::supervise::Supervise;
use super::system_tables::statements_for;
use super::task::{Task, mode_of, registered, source_of};
use crate::cluster::Cluster;
use crate::error::Result;
use crate::exec::create_all;
use crate::lock::LockManager;
use crate::record::{Transmitted, TransmittedModel};
use crate::replicate::{Mode, verify};

/// The number of copies that are compared at a time.
const COMPARED: usize = 8;

/// Brings the copies of static models up to date.
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
    pub(super) options: Options,
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

    /// Keeps the copies of all [registered](Cluster::register_static) models up to date until it is
    /// stopped.
    pub fn supervise(cluster: &Cluster) -> Supervise {
        Supervise::new(cluster)
    }

    fn new(cluster: &Cluster, models: Vec<Transmitted>) -> Self {
        Self {
            cluster: cluster.clone(),
            models,
            options: Options::default(),
        }
    }

    /// Sets the way in which the copies learn of changes, instead of the default of each model; see
    /// [`Mode`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.options.mode = Some(mode);
        self
    }

    /// Sets the time before its position from which [`Mode::Incremental`] reads again, where rows can
    /// appear late: longer than the longest transaction at the source. The default is one minute.
    pub fn overlap(mut self, overlap: Duration) -> Self {
        self.options.overlap = overlap;
        self
    }

    /// Takes the lock of each copy before it is written to, so that no two runs do the same work. With or
    /// without locks, a run that was fenced off by a newer one commits nothing.
    pub fn locks(mut self, locks: Arc<dyn LockManager>) -> Self {
        self.options.locks = Some(locks);
        self
    }

    /// Prepares the sources for the mode, where they are not prepared yet: creates the log of changes and
    /// its triggers, or the trigger of the watermark column. [`setup`](Cluster::setup) does it for the
    /// default mode of each model.
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
    /// [`Configuration`](crate::ErrorKind::Configuration) when a model has no source; otherwise the error
    /// of a source.
    pub async fn prepare(&self) -> Result<()> {
        for Transmitted { def, .. } in &self.models {
            let handle = self.cluster.handle_of_database(source_of(def)?)?;
            let dialect = handle.dialect();
            let mode = self.options.mode.unwrap_or_else(|| mode_of(def, dialect));
            create_all(&handle, &statements_for(mode, def, dialect)?).await?;
        }
        Ok(())
    }

    /// Compares each copy with its source, and changes nothing.
    ///
    /// A row that is written meanwhile, or that the copy does not have yet, is a difference: verify when
    /// nothing is written, or repeat it.
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
                    let (source, copy) = (task.source()?, task.copy()?);
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

    /// The copies of all models.
    pub(super) fn tasks(&self) -> Result<Vec<Task>> {
        let mut tasks = Vec::new();
        for model in &self.models {
            tasks.extend(Task::of(&self.cluster, *model)?);
        }
        Ok(tasks)
    }

    /// Brings each copy up to date with its source. A copy that fails does not affect the others.
    ///
    /// The copies on one server are brought up to date in the order of their foreign keys. Copies whose
    /// rows wait for rows of another copy are repeated until none makes progress.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) when a model has no source, or names groups that
    /// are not in the configuration. The error of a copy is in the [report](SyncReport).
    pub async fn run(self) -> Result<SyncReport> {
        let ended = bring_all_up(&self.options, self.tasks()?).await;
        let mut copies: Vec<Synced> = ended
            .into_iter()
            .map(|(task, result)| Synced {
                copy: (&task).into(),
                result: result.map(|ended| match ended {
                    Ended::Level(rows) => Some(rows),
                    Ended::Held | Ended::Stopped => None,
                }),
            })
            .collect();
        copies.sort_by(|one, other| one.copy.cmp(&other.copy));
        Ok(SyncReport { copies })
    }
}
