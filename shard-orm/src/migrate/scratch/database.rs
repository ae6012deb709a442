//! A scratch where DDL commits by itself: a database with a marker, which is dropped.
//!
//! Whoever uses it holds a session lock of its name. A database with the marker and without the lock
//! was left behind by a process that was killed; the next run drops it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_query::{Alias, Expr, IntoTableRef as _, Query};
use tokio::runtime::Handle;

use super::{Place, Scratch};
use crate::backend::scratch::{create_scratch, defaults_of_namespace, drop_namespace, scratches};
use crate::backend::{AdvisoryLock, Failure, Field as _, Row, now};
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::system_tables::{Kind, create_table};
use crate::migrate::session::{PAUSE, Session};
use crate::task::catch_panic;

/// The table that marks a scratch.
const MARKER: &str = "shard_orm_scratch";
const CLUSTER: &str = "cluster_name";
const CREATED: &str = "created_at";
/// How long a removal waits for the session of a future that was dropped.
const ABANDONED: Duration = Duration::from_secs(30);

fn marker(name: &str) -> sea_query::TableRef {
    (Alias::new(name), Alias::new(MARKER)).into_table_ref()
}

fn lock(name: &str) -> AdvisoryLock {
    AdvisoryLock {
        number: 0,
        name: name.to_owned(),
    }
}

impl Scratch {
    /// Drops what earlier runs have left, and creates the database with its marker.
    pub(super) async fn create_database(&mut self) -> Result<(), Failure> {
        let (name, own) = (self.name.clone(), self.own.clone());
        let handle = Arc::clone(&self.handle);
        let dialect = handle.dialect();
        let session = self.session()?;
        if let Err(failure) = drop_leftovers(session, &handle, &name).await {
            if failure.lost {
                return Err(failure);
            }
            tracing::debug!(
                target: "shard_orm",
                error = %failure.error,
                "cannot drop scratch databases that earlier runs have left"
            );
        }
        let mut defaults = None;
        if let (Some(text), Some(own)) = (defaults_of_namespace(dialect), own) {
            let on_row = &mut |row: &Row<'_>| {
                defaults = Some((String::read(row, 0)?, String::read(row, 1)?));
                Ok(())
            };
            session.ask(text, &[own.into()], on_row).await?;
        }
        if !session.lock_named(&lock(&name)).await? {
            let error = Error::new(ErrorKind::Unavailable, "its name is taken");
            return Err(Failure::own(error));
        }
        if let Some(create) = create_scratch(dialect, &name, defaults.as_ref()) {
            session.batch(&create).await?;
        }
        let columns = [(CLUSTER, Kind::Text), (CREATED, Kind::Integer)];
        let create = create_table(dialect, marker(&name), &columns);
        session.batch(&create).await?;
        let mut insert = Query::insert();
        insert
            .into_table(marker(&name))
            .columns([CLUSTER, CREATED].map(Alias::new))
            .values([(&*handle.cluster).into(), now(dialect)])
            .map_err(|source| {
                let error = Error::configuration("the marker of a scratch");
                Failure::own(error.with_source(source))
            })?;
        session.run(&insert, &mut |_| Ok(())).await?;
        self.enter().await
    }

    pub(super) async fn drop_database(&mut self) -> Result<(), Failure> {
        let (name, wait) = (self.name.clone(), self.lock_wait);
        drop_unused(self.session()?, &name, wait).await
    }
}

/// Drops a database, and releases its lock. A monitoring tool may look at its tables for a moment.
async fn drop_unused(session: &mut Session, name: &str, wait: Duration) -> Result<(), Failure> {
    let Some(drop) = drop_namespace(session.handle().dialect(), name) else {
        return Ok(());
    };
    session.batch_within(&drop, wait, false).await?;
    session.unlock_named(&lock(name)).await
}

/// Drops the scratches of this cluster that nobody uses, before one of this name is created.
async fn drop_leftovers(
    session: &mut Session,
    handle: &NamespaceHandle,
    own: &str,
) -> Result<(), Failure> {
    let mut found = Vec::new();
    if let Some(text) = scratches(handle.dialect()) {
        let on_row = &mut |row: &Row<'_>| {
            found.push((String::read(row, 0)?, i64::read(row, 1)?));
            Ok(())
        };
        session.ask(text, &[], on_row).await?;
    }
    for (name, tables) in found {
        // Without a table its process was killed before it could mark it, or another program is
        // about to fill it: only the name of this cluster's namespace tells.
        let is_own = if tables == 0 {
            base(&name) == base(own)
        } else {
            is_own(session, &name, &handle.cluster).await?
        };
        if is_own && session.lock_named(&lock(&name)).await? {
            drop_unused(session, &name, Duration::ZERO).await?;
        }
    }
    Ok(())
}

/// The name of a scratch without its random number.
fn base(name: &str) -> Option<&str> {
    Some(name.rsplit_once('_')?.0)
}

/// Whether a database has the marker of this cluster.
async fn is_own(session: &mut Session, name: &str, cluster: &str) -> Result<bool, Failure> {
    let mut select = Query::select();
    select
        .expr(Expr::col((Alias::new(MARKER), Alias::new(CLUSTER))))
        .from(marker(name));
    let mut is_own = false;
    let on_row = &mut |row: &Row<'_>| {
        is_own |= String::read(row, 0)? == cluster;
        Ok(())
    };
    match session.run(&select, on_row).await {
        Err(failure) if !failure.lost && failure.error.kind() == ErrorKind::UndefinedTable => {
            Ok(false)
        }
        outcome => outcome.map(|_| is_own),
    }
}

/// A run that fails or is dropped leaves no database behind, unless the process ends.
impl Drop for Scratch {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        let name = std::mem::take(&mut self.name);
        if self.place != Place::Database || name.is_empty() {
            return;
        }
        let abandoned = session.abandon();
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let handle = Arc::clone(&self.handle);
        let removal = async move {
            let removed = async {
                let mut session = Session::on_server(&handle, ABANDONED).await?;
                if let Some(abandoned) = abandoned {
                    // It may have ended by itself.
                    let _ = session.kill(abandoned).await;
                }
                let begun = Instant::now();
                let locked = |failure: Failure| failure.error;
                while !session.lock_named(&lock(&name)).await.map_err(locked)? {
                    if begun.elapsed() > ABANDONED {
                        let error = Error::new(ErrorKind::Timeout, "its session has not ended");
                        return Err(error);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                let dropped = drop_unused(&mut session, &name, ABANDONED).await;
                dropped.map_err(|failure| failure.error)?;
                session.close().await;
                Ok::<_, Error>(())
            };
            if let Err(error) = removed.await {
                tracing::warn!(
                    target: "shard_orm",
                    %error,
                    "the scratch database `{name}` is left for the next run to drop"
                );
            }
        };
        runtime.spawn(catch_panic("the removal of a scratch database", removal));
    }
}
