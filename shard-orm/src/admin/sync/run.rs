//! Brings copies up to date without their models, once or until it is stopped.

use std::sync::Arc;

use super::options::{SyncEvent, SyncOptions};
use super::plan::{Planned, RefusedTable, plan};
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::model::CopyId;
use crate::sync::{DescribedSync, OnEnd, Supervisor, Synced};

/// The result of [`sync_copies`].
#[derive(Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CopiesSynced {
    /// The copies, by table, group and server, with the rows that were read and written. A copy without
    /// rows is left to another run, which holds its lock.
    pub copies: Vec<Synced>,
    /// The tables that were left out, since only the application may copy them.
    pub refused: Vec<RefusedTable>,
    /// The copies that were not brought up to date before the sync was stopped.
    pub interrupted: Vec<CopyId>,
}

impl CopiesSynced {
    /// Whether all copies have the state in which their sources were read, and no table was left out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let is_level = |one: &Synced| matches!(one.result, Ok(Some(_)));
        self.refused.is_empty() && self.interrupted.is_empty() && self.copies.iter().all(is_level)
    }
}

/// The result of [`supervise_copies`].
#[derive(Debug)]
#[non_exhaustive]
pub struct CopiesSupervised {
    /// The supervisor, with the status of the copies.
    pub supervisor: Supervisor,
    /// The tables that are left out, since only the application may copy them.
    pub refused: Vec<RefusedTable>,
}

/// Brings the copies of static tables up to date once, without their models.
///
/// Tables are described by the catalog of their source, and copied in the mode of their last run, from
/// the position that it has recorded. An application that syncs the same copies at the same time, or
/// takes over, continues from there as well: at each time, one run of a copy can commit.
///
/// A table is refused if its application has recorded that hooks take part, or has recorded nothing:
/// only the application knows the hooks. See [`SyncOptions::without_hooks`].
///
/// ```
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// use shard_orm::admin::{SyncOptions, sync_copies};
///
/// let done = sync_copies(cluster, &SyncOptions::new().table("airlines")).await?;
/// for refused in &done.refused {
///     println!("{}: {}", refused.message, refused.advice);
/// }
/// for synced in done.copies {
///     println!("{}: {:?}", synced.copy, synced.result?);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Configuration`](crate::ErrorKind::Configuration) if the source is unknown, is not the recorded one
/// of a named table, or is not named where none is recorded; [`NotFound`](crate::ErrorKind::NotFound) if
/// there is no copy of a named table; the error of a server, if none of its group can be asked. The error
/// of a copy is in the result.
pub async fn sync_copies(cluster: &Cluster, options: &SyncOptions) -> Result<CopiesSynced> {
    let Planned {
        copies,
        failed,
        refused,
    } = plan(cluster, options).await?;
    options.notify(SyncEvent::Planned {
        copies: copies.len() + failed.len(),
    });
    for one in &failed {
        options.notify(SyncEvent::Ended {
            copy: one.copy.clone(),
            is_level: false,
        });
    }
    let told = options.clone();
    let on_end = OnEnd(Some(Arc::new(move |copy: &CopyId, is_level| {
        told.notify(SyncEvent::Ended {
            copy: copy.clone(),
            is_level,
        });
    })));
    let sync = DescribedSync::new(cluster, copies, options.locks.clone());
    let (mut copies, interrupted) = sync.run(options.stop.clone(), on_end).await;
    copies.extend(failed);
    copies.sort_by(|one, other| one.copy.cmp(&other.copy));
    Ok(CopiesSynced {
        copies,
        refused,
        interrupted,
    })
}

/// Keeps the copies of static tables up to date, without their models, until the supervisor is stopped.
///
/// As [`sync_copies`], repeatedly. Copies that are set up later are not included. If the application
/// begins to use hooks, the copies of that table fail from its next sync on, and are left alone.
///
/// ```
/// # async fn shutdown() {}
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// use shard_orm::admin::{SyncOptions, supervise_copies};
///
/// let supervised = supervise_copies(cluster, &SyncOptions::new()).await?;
/// shutdown().await;
/// supervised.supervisor.stop().await;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`sync_copies`]; the error of a copy whose source cannot be read;
/// [`Configuration`](crate::ErrorKind::Configuration) if no copies are left.
pub async fn supervise_copies(
    cluster: &Cluster,
    options: &SyncOptions,
) -> Result<CopiesSupervised> {
    let Planned {
        copies,
        failed,
        refused,
    } = plan(cluster, options).await?;
    for one in failed {
        one.result?;
    }
    if copies.is_empty() {
        let reasons = refused
            .iter()
            .map(|one| format!("{}; {}", one.message, one.advice));
        let reasons: Vec<String> = reasons.collect();
        return Err(Error::configuration(match reasons.is_empty() {
            true => {
                "no server has a copy of a static table, so there is nothing to sync".to_owned()
            }
            false => reasons.join("\n"),
        }));
    }
    let sync = DescribedSync::new(cluster, copies, options.locks.clone());
    Ok(CopiesSupervised {
        supervisor: sync.supervise(options.every)?,
        refused,
    })
}
