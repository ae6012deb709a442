//! The status of the copies of a supervisor.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::model::CopyId;
use crate::sync::report::Rows;

/// The status of one copy.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CopyStatus {
    /// The copy.
    pub copy: CopyId,
    /// Whether this supervisor keeps it up to date, and no other one.
    pub held: bool,
    /// The last time at which its source was read to the end, by this process's clock.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339"))]
    pub last_run: Option<SystemTime>,
    /// The duration of that round.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "took_seconds", serialize_with = "crate::units::seconds")
    )]
    pub took: Option<Duration>,
    /// The position up to which the copy has its source's changes.
    pub position: Option<String>,
    /// The rows that were read and written since this supervisor has held it.
    pub rows: Rows,
    /// The reason why it is not up to date.
    pub problem: Option<String>,
    /// The number of consecutive rounds that have failed.
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

    /// Returns the time since the source was last read to the end; `None` before the first time.
    #[must_use]
    pub fn lag(&self) -> Option<Duration> {
        // When the clock was set back, there is no better answer than zero.
        Some(self.last_run?.elapsed().unwrap_or_default())
    }
}

/// The status of all copies.
#[derive(Debug, Default)]
pub(super) struct Statuses(Mutex<BTreeMap<CopyId, CopyStatus>>);

impl Statuses {
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<CopyId, CopyStatus>> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self, copy: &CopyId, change: impl FnOnce(&mut CopyStatus)) {
        let mut all = self.lock();
        let status = all
            .entry(copy.clone())
            .or_insert_with(|| CopyStatus::new(copy.clone()));
        change(status);
    }
}
