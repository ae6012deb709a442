//! The backfills that have begun and are not done, for people.

use std::fmt;
use std::sync::Arc;

use super::Progress;
use super::progress::select;
use crate::backend::Failure;
use crate::cluster::Location;
use crate::connect::NamespaceHandle;
use crate::error::{ErrorKind, Result};
use crate::migrate::run::location;
use crate::migrate::sessions::Sessions;

/// A backfill that is partly done in one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Begun {
    /// The namespace.
    pub location: Location,
    /// The version.
    pub version: i64,
    /// The number of batches that are committed.
    pub batches: u64,
    /// The number of rows that they have changed.
    pub rows: u64,
}

impl fmt::Display for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            location,
            batches,
            rows,
            ..
        } = self;
        write!(f, "{location} ({rows} rows changed in {batches} batches)")
    }
}

/// How far these versions are in a namespace.
pub(in crate::migrate) async fn begun(
    handle: &Arc<NamespaceHandle>,
    versions: &[i64],
    sessions: &Sessions,
) -> Result<Vec<Begun>> {
    let mut session = sessions.take(handle).await?;
    let mut found: Vec<Progress> = Vec::new();
    let on_row = &mut |row: &crate::backend::Row<'_>| {
        found.push(Progress::read(row)?);
        Ok(())
    };
    match session.run(&select(&handle.namespace), on_row).await {
        // It was interrupted before its first batch.
        Err(Failure { error, lost, .. }) if !lost && error.kind() == ErrorKind::UndefinedTable => {}
        outcome => drop(outcome.map_err(|failure| failure.error)?),
    }
    sessions.put(session).await;
    let of_version = |version: &i64| {
        let progress = found.iter().find(|progress| progress.version == *version);
        let count = |count: fn(&Progress) -> i64| {
            progress.map_or(0, |progress| u64::try_from(count(progress)).unwrap_or(0))
        };
        Begun {
            location: location(handle),
            version: *version,
            batches: count(|progress| progress.batches),
            rows: count(|progress| progress.rows),
        }
    };
    Ok(versions.iter().map(of_version).collect())
}
