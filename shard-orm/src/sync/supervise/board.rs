//! How the copies stand that a supervisor keeps up.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::model::CopyId;
use crate::sync::report::Rows;

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
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339"))]
    pub last_run: Option<SystemTime>,
    /// How long that took.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "took_seconds", serialize_with = "crate::units::seconds")
    )]
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
pub(super) struct Board(Mutex<BTreeMap<CopyId, CopyStatus>>);

impl Board {
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
