//! Copies of tables that a database describes: a sync without models, and so without hooks.
//!
//! Called by `admin`, which decides which tables may be copied without their hooks.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::backoff::Backoff;
use super::options::{OnEnd, Options};
use super::report::Synced;
use super::schedule::{Ended, bring_all_up};
use super::supervise::{Supervise, Supervisor};
use super::task::Task;
use crate::cluster::Cluster;
use crate::error::{ErrorKind, Result};
use crate::lock::LockManager;
use crate::model::CopyId;
use crate::replicate::{Declaration, Mode};
use crate::schema::TableDef;
use crate::task::StopSignal;

/// The first and the longest pause before a copy is tried again that another run has fenced off.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// The number of attempts at such a copy.
const ATTEMPTS: u32 = 8;

/// One copy of a table.
#[derive(Debug)]
pub(crate) struct DescribedCopy {
    /// The table, as its source describes it.
    pub(crate) table: Arc<TableDef>,
    /// The named database of the source.
    pub(crate) source: Arc<str>,
    /// The ordinal of the watermark column.
    pub(crate) watermark: Option<usize>,
    pub(crate) mode: Mode,
    /// What is recorded about the copy: a run starts only while it is.
    pub(crate) declared: Option<Declaration>,
    /// Whether it is copied although hooks may take part.
    pub(crate) without_hooks: bool,
    pub(crate) group: Arc<str>,
    pub(crate) server: Arc<str>,
}

/// A sync of described copies.
#[derive(Debug)]
pub(crate) struct DescribedSync {
    cluster: Cluster,
    tasks: Vec<Task>,
    options: Options,
}

impl DescribedSync {
    pub(crate) fn new(
        cluster: &Cluster,
        copies: Vec<DescribedCopy>,
        locks: Option<Arc<dyn LockManager>>,
    ) -> Self {
        let tasks = copies.into_iter();
        Self {
            tasks: tasks.map(|copy| Task::described(cluster, copy)).collect(),
            cluster: cluster.clone(),
            options: Options {
                locks,
                ..Options::default()
            },
        }
    }

    /// Brings each copy up to date once. Returns the results, and the copies that were not brought up to
    /// date before it was stopped.
    ///
    /// A copy that another run has fenced off is tried again, after pauses: what the other one has
    /// committed need not be copied again.
    pub(crate) async fn run(self, stop: StopSignal, on_end: OnEnd) -> (Vec<Synced>, Vec<CopyId>) {
        let mut options = self.options;
        options.stop = stop;
        options.on_end = on_end;
        let mut tasks = self.tasks;
        let (mut copies, mut stopped) = (Vec::new(), Vec::new());
        let mut pauses = Backoff::new(PAUSES.0, PAUSES.1);
        for attempt in 1..=ATTEMPTS {
            let mut fenced = Vec::new();
            for (task, result) in bring_all_up(&options, tasks).await {
                let copy = CopyId::from(&task);
                let result = match result {
                    Err(error) if error.kind() == ErrorKind::Fenced && attempt < ATTEMPTS => {
                        fenced.push(task);
                        continue;
                    }
                    Ok(Ended::Stopped) => {
                        stopped.push(copy);
                        continue;
                    }
                    Ok(Ended::Level(rows)) => Ok(Some(rows)),
                    Ok(Ended::Held) => Ok(None),
                    Err(error) => Err(error),
                };
                copies.push(Synced { copy, result });
            }
            tasks = fenced;
            if tasks.is_empty() {
                break;
            }
            let pause = Box::pin(tokio::time::sleep(pauses.next()));
            if let Either::Left(_) = select(Box::pin(options.stop.stopped()), pause).await {
                stopped.extend(tasks.iter().map(CopyId::from));
                break;
            }
        }
        copies.sort_by(|one, other| one.copy.cmp(&other.copy));
        stopped.sort();
        (copies, stopped)
    }

    /// Keeps the copies up to date until the supervisor is stopped.
    pub(crate) fn supervise(self, every: Option<Duration>) -> Result<Supervisor> {
        let mut supervise = Supervise::new(&self.cluster);
        supervise.options = self.options;
        if let Some(every) = every {
            supervise = supervise.every(every);
        }
        supervise.start(self.tasks)
    }
}
