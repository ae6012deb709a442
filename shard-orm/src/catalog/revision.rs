//! A topology of the catalog: one epoch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::backend::{Field as _, Row};
use crate::error::{Error, Result};

/// The longest name of an operator and of a job, in characters.
const LONGEST: usize = 255;

/// One epoch of the topology, as the catalog keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Revision {
    /// The number of the topology, from 1.
    pub epoch: u64,
    /// When it was changed, by the clock of the catalog's database.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339_of"))]
    pub changed_at: SystemTime,
    /// Who changed it.
    pub changed_by: String,
    /// Why, or what was changed.
    pub comment: String,
    /// The job that changed it, if one did.
    pub job: Option<String>,
    /// The topology: a configuration file, with `${NAME}` where it is expanded by each process.
    pub document: String,
    /// A random id of the change, which tells two histories apart.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) change_id: String,
}

/// A topology that is to follow another one.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    /// A random id, by which the proposal is found again if the answer is lost.
    pub(crate) change_id: String,
    pub(crate) changed_by: String,
    pub(crate) comment: String,
    pub(crate) job: Option<String>,
    pub(crate) document: String,
}

impl Proposal {
    pub(crate) fn new(
        document: impl Into<String>,
        changed_by: &str,
        comment: impl Into<String>,
    ) -> Self {
        let random = crate::random::random;
        Self {
            change_id: format!("{:016x}{:016x}", random(), random()),
            changed_by: changed_by.chars().take(LONGEST).collect(),
            comment: comment.into(),
            job: None,
            document: document.into(),
        }
    }
}

impl Revision {
    /// Reads a row of [`TOPOLOGY_COLUMNS`](super::tables::TOPOLOGY_COLUMNS).
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        let job = String::read(row, 6)?;
        Ok(Self {
            epoch: number(row, 1)?,
            change_id: String::read(row, 2)?,
            changed_at: time(i64::read(row, 3)?),
            changed_by: String::read(row, 4)?,
            comment: String::read(row, 5)?,
            job: Some(job).filter(|job| !job.is_empty()),
            document: String::read(row, 7)?,
        })
    }
}

/// A number that cannot be negative.
pub(super) fn number(row: &Row<'_>, ordinal: usize) -> Result<u64> {
    let number = i64::read(row, ordinal)?;
    u64::try_from(number).map_err(|_| Error::decode(format!("a row of the catalog holds {number}")))
}

/// A time from milliseconds since 1970.
pub(super) fn time(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
