//! What a sync has done, as data.

use super::compare::Comparison;
use super::run::Work;
use super::task::Task;
use crate::error::Error;
use crate::model::CopyId;

/// Rows that were read and written to bring a copy up to its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Rows {
    /// Rows and entries of logs that were read at the source.
    pub read_at_source: u64,
    /// Rows that were read at the copy.
    pub read_at_copy: u64,
    /// Rows that were inserted.
    pub inserted: u64,
    /// Rows that were updated in place.
    pub updated: u64,
    /// Rows that were deleted.
    pub deleted: u64,
    /// Rows that are gone at the source and stay at the copy, since others point to them. They are
    /// tried again by each run; the table `shard_orm_sync_blocked` says what is in the way.
    pub blocked: u64,
}

impl Rows {
    /// How many rows of the copy were written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

impl From<Work> for Rows {
    fn from(work: Work) -> Self {
        Self {
            read_at_source: work.read,
            read_at_copy: work.applied.read,
            inserted: work.applied.inserted,
            updated: work.applied.updated,
            deleted: work.applied.deleted,
            blocked: work.applied.blocked,
        }
    }
}

impl From<&Task> for CopyId {
    fn from(task: &Task) -> Self {
        Self {
            table: task.def.table.to_owned(),
            group: task.group.to_string(),
            server: task.server.to_string(),
        }
    }
}

/// What was done to one copy.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Synced {
    /// The copy.
    pub copy: CopyId,
    /// What was done; `None` when another run of it held the lock.
    #[cfg_attr(
        feature = "serde",
        serde(flatten, serialize_with = "crate::units::outcome")
    )]
    pub result: Result<Option<Rows>, Error>,
}

/// What was done to all copies.
#[derive(Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SyncReport {
    /// The copies, by table, group and server.
    pub copies: Vec<Synced>,
}

impl SyncReport {
    /// Whether all copies are where their sources were when they were read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.copies
            .iter()
            .all(|synced| matches!(synced.result, Ok(Some(_))))
    }

    /// The sum over all copies that were reached.
    #[must_use]
    pub fn rows(&self) -> Rows {
        let done = self.copies.iter();
        let done = done.filter_map(|synced| synced.result.as_ref().ok().copied().flatten());
        done.fold(Rows::default(), |sum, rows| Rows {
            read_at_source: sum.read_at_source + rows.read_at_source,
            read_at_copy: sum.read_at_copy + rows.read_at_copy,
            inserted: sum.inserted + rows.inserted,
            updated: sum.updated + rows.updated,
            deleted: sum.deleted + rows.deleted,
            blocked: sum.blocked + rows.blocked,
        })
    }

    /// The report, or the first error in it.
    ///
    /// # Errors
    /// What the first copy met that was not brought up to its source.
    pub fn complete(self) -> crate::Result<Self> {
        let mut copies = Vec::with_capacity(self.copies.len());
        for synced in self.copies {
            copies.push(Synced {
                result: Ok(synced.result?),
                copy: synced.copy,
            });
        }
        Ok(Self { copies })
    }
}

/// How a copy compares with its source.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Verified {
    /// The copy.
    pub copy: CopyId,
    /// What was found.
    #[cfg_attr(
        feature = "serde",
        serde(flatten, serialize_with = "crate::units::outcome")
    )]
    pub result: Result<Comparison, Error>,
}
