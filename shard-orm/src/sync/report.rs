//! The results of a sync.

use crate::error::Error;
use crate::model::CopyId;
use crate::replicate::{Comparison, Work};

/// The rows that were read and written to bring a copy up to date.
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
    /// Rows that are deleted at the source and stay at the copy, since others refer to them. Each run tries
    /// them again; the table `shard_orm_sync_blocked` has the reasons.
    pub blocked: u64,
}

impl Rows {
    /// The number of rows of the copy that were written.
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

/// The result for one copy.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Synced {
    /// The copy.
    pub copy: CopyId,
    /// The rows; `None` when another run held the lock.
    #[cfg_attr(
        feature = "serde",
        serde(flatten, serialize_with = "crate::units::outcome")
    )]
    pub result: Result<Option<Rows>, Error>,
}

/// The results for all copies.
#[derive(Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SyncReport {
    /// The copies, by table, group and server.
    pub copies: Vec<Synced>,
}

impl SyncReport {
    /// Returns whether all copies have the state in which their sources were read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.copies
            .iter()
            .all(|synced| matches!(synced.result, Ok(Some(_))))
    }

    /// The sum over all copies that were brought up to date.
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
    /// The error of the first copy that was not brought up to date.
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

/// The comparison of one copy with its source.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Verified {
    /// The copy.
    pub copy: CopyId,
    /// The differences.
    #[cfg_attr(
        feature = "serde",
        serde(flatten, serialize_with = "crate::units::outcome")
    )]
    pub result: Result<Comparison, Error>,
}
