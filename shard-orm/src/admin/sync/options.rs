//! The options of a sync without models.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::lock::LockManager;
use crate::model::CopyId;
use crate::task::StopSignal;

/// What happens in a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncEvent {
    /// The copies are known, and the sync starts.
    Planned {
        /// Their number.
        copies: usize,
    },
    /// The run of a copy has ended.
    Ended {
        /// The copy.
        copy: CopyId,
        /// Whether it is up to date with its source.
        is_level: bool,
    },
}

/// The options of [`sync_copies`](super::sync_copies) and [`supervise_copies`](super::supervise_copies).
///
/// ```
/// use shard_orm::admin::SyncOptions;
///
/// let options = SyncOptions::new().source("default").table("airlines");
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct SyncOptions {
    pub(super) source: Option<String>,
    pub(super) tables: Vec<String>,
    pub(super) without_hooks: bool,
    pub(super) locks: Option<Arc<dyn LockManager>>,
    pub(super) every: Option<Duration>,
    pub(super) stop: StopSignal,
    pub(super) on_event: Option<Arc<dyn Fn(SyncEvent) + Send + Sync>>,
}

impl SyncOptions {
    /// All tables that have a copy, if their application has recorded that no hooks take part.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the sync to the tables of this named database. It is also taken for the source of tables
    /// for which none is recorded.
    pub fn source(mut self, database: impl Into<String>) -> Self {
        self.source = Some(database.into());
        self
    }

    /// Limits the sync to this table. Can be repeated.
    pub fn table(mut self, table: impl Into<String>) -> Self {
        self.tables.push(table.into());
        self
    }

    /// Also copies tables whose application has hooks, or has not recorded whether it has: all rows, as
    /// they are at the source. What hooks have left out or changed in a copy is overwritten, and what
    /// they write beside it is not written. The next sync of the application compares such a copy in full,
    /// and restores what its hooks say.
    pub fn without_hooks(mut self) -> Self {
        self.without_hooks = true;
        self
    }

    /// As [`StaticSync::locks`](crate::sync::StaticSync::locks): the locks that the application's
    /// supervisors hold, so that copies which they keep up to date are left to them.
    pub fn locks(mut self, locks: Arc<dyn LockManager>) -> Self {
        self.locks = Some(locks);
        self
    }

    /// As [`Supervise::every`](crate::sync::Supervise::every).
    pub fn every(mut self, period: Duration) -> Self {
        self.every = Some(period);
        self
    }

    /// Ends [`sync_copies`](super::sync_copies) at this signal: transactions that are open are rolled
    /// back, and locks are released. The next run continues from the last commit.
    pub fn stop_on(mut self, signal: StopSignal) -> Self {
        self.stop = signal;
        self
    }

    /// Calls this function for each event of [`sync_copies`](super::sync_copies).
    pub fn on_event(mut self, receiver: impl Fn(SyncEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Arc::new(receiver));
        self
    }

    pub(super) fn notify(&self, event: SyncEvent) {
        if let Some(receiver) = &self.on_event {
            receiver(event);
        }
    }
}

impl fmt::Debug for SyncOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncOptions")
            .field("source", &self.source)
            .field("tables", &self.tables)
            .field("without_hooks", &self.without_hooks)
            .finish_non_exhaustive()
    }
}
