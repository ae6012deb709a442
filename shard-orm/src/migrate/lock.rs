//! The lock of a group: one operator at a time changes its namespaces.
//!
//! A lease in the first namespace of the group, or in the named database, which survives poolers of
//! transactions. Its fencing token increases with each holder.
//!
//! The first namespace may itself move, but not while it holds the lock of a migration: moves are refused then, and
//! migrations while a move is open. Moves are created one after the other by a lease in the catalog's database.

use std::sync::Arc;
use std::time::Duration;

use sea_query::{Alias, Expr, ExprTrait as _, OnConflict, Query};

use super::target::Target;
use crate::backend::{Field as _, Row};
use crate::cluster::Cluster;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::system_tables::{Kind, create_table, now, send};
use crate::exec::{Executor as _, First, Intent, NoRows, create_in_database};
use crate::lock::{Guard, LeaseLocks, LockManager};
use crate::topology::Read;

/// The table that says who holds a lock.
const TABLE: &str = "shard_orm_lock_holder";
const KEY: &str = "name";
const HOLDER: &str = "holder";
const SINCE: &str = "since";
/// The name of the lock.
const LOCK: &str = "change";
/// The end of the name of a holder that creates a move.
const CREATES: &str = ", which creates a move";
/// The pause of a waiter.
const PAUSE: Duration = Duration::from_millis(200);

/// How long the creation of a move waits for that of another one.
#[cfg(feature = "reshard")]
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a lock is looked for in a namespace that moves meanwhile.
const ATTEMPTS: u32 = 5;

/// A lock that is held.
pub(crate) struct GroupLock {
    guard: Guard,
    /// The lease in the catalog's database.
    creation: Option<Guard>,
}

impl GroupLock {
    /// Takes the lock of a target for `ttl`, renewed while it is held. Waits up to `wait` for another
    /// holder.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) with the other holder.
    pub(super) async fn acquire(
        cluster: &Cluster,
        target: &Target,
        holder: &str,
        ttl: Duration,
        wait: Duration,
    ) -> Result<Self> {
        let lock = Self::take(cluster, target, holder, ttl, wait).await?;
        #[cfg(feature = "reshard")]
        if let Err(error) = check_jobs(cluster, target).await {
            lock.release().await?;
            return Err(error);
        }
        Ok(lock)
    }

    async fn take(
        cluster: &Cluster,
        target: &Target,
        holder: &str,
        ttl: Duration,
        wait: Duration,
    ) -> Result<Self> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match Self::try_to_take(cluster, target, holder, ttl, wait).await {
                // The namespace has moved since the table was created, perhaps to another kind of database.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::UndefinedTable | ErrorKind::ShardMoved
                    ) && attempts < ATTEMPTS => {}
                taken => return taken,
            }
        }
    }

    async fn try_to_take(
        cluster: &Cluster,
        target: &Target,
        holder: &str,
        ttl: Duration,
        wait: Duration,
    ) -> Result<Self> {
        let locks = match target {
            Target::Database(name) => LeaseLocks::new(cluster, name.as_str())?,
            Target::Group(group) | Target::Static(group) => LeaseLocks::of_group(cluster, group),
        };
        locks.setup().await?;
        let handle = locks.handle()?;
        let dialect = handle.dialect();
        let columns = [
            (KEY, Kind::Text),
            (HOLDER, Kind::Text),
            (SINCE, Kind::Integer),
        ];
        let table = || handle.namespace.own_table(TABLE);
        create_in_database(&handle, &create_table(dialect, table(), &columns)).await?;
        let manager: Arc<dyn LockManager> = Arc::new(locks);
        let begun = tokio::time::Instant::now();
        let guard = loop {
            if let Some(guard) = Guard::acquire(Arc::clone(&manager), LOCK, ttl).await? {
                break guard;
            }
            let waited = begun.elapsed();
            if waited < wait {
                tokio::time::sleep(PAUSE.min(wait)).await;
                continue;
            }
            let mut select = Query::select();
            let column = |name: &str| Expr::col((Alias::new(TABLE), Alias::new(name)));
            select
                .expr(column(HOLDER))
                .expr(now(dialect).sub(column(SINCE)))
                .from(table())
                .and_where(column(KEY).eq(LOCK));
            let mut held =
                First::new(|row: &Row<'_>| Ok((String::read(row, 0)?, i64::read(row, 1)?)));
            let primary = cluster.read_from(Read::Primary).target();
            let label = ("select", TABLE);
            send(primary, &handle, Intent::Read, label, &select, &mut held).await?;
            let is_left =
                |(other, _): &(String, i64)| holder.ends_with(CREATES) && other.ends_with(CREATES);
            // Moves are created one at a time, so the other creation has ended. Its lock was left in a namespace that moved
            // away and came back: it expires.
            if held.row.as_ref().is_some_and(is_left) && waited < ttl + PAUSE {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let by = held.row.map_or_else(String::new, |(holder, age)| {
                let age = Duration::from_secs(u64::try_from(age / 1000).unwrap_or(0));
                format!(" by {holder}, for {age:?}")
            });
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "the lock of {target} is held{by}; wait for it. The lock of a holder that has died \
                     expires after {ttl:?}"
                ),
            ));
        };
        let holder: String = holder.chars().take(255).collect();
        let mut insert = Query::insert();
        let mut conflict = OnConflict::column(Alias::new(KEY));
        conflict.update_columns([HOLDER, SINCE].map(Alias::new));
        insert
            .into_table(table())
            .columns([KEY, HOLDER, SINCE].map(Alias::new))
            .values([LOCK.into(), holder.into(), now(dialect)])
            .map_err(|source| Error::configuration("the holder of a lock").with_source(source))?
            .on_conflict(conflict);
        let (target, label, mut none) = (cluster.target(), ("upsert", TABLE), NoRows);
        let noted = send(target, &handle, Intent::Write, label, &insert, &mut none);
        if let Err(error) = noted.await {
            // Another attempt would find it held.
            let _ = guard.release().await;
            return Err(error);
        }
        Ok(Self {
            guard,
            creation: None,
        })
    }

    /// Takes the lock of a group for as long as a move is created.
    #[cfg(feature = "reshard")]
    pub(crate) async fn of_move(cluster: &Cluster, group: &str) -> Result<Self> {
        let ttl = Duration::from_secs(30);
        let database = cluster.catalog_database()?;
        let locks = LeaseLocks::new(cluster, database)?;
        locks.setup().await?;
        let key = format!("shard_orm/move/{}/{group}", locks.handle()?.cluster);
        let manager: Arc<dyn LockManager> = Arc::new(locks);
        let until = tokio::time::Instant::now() + PATIENCE;
        let creation = loop {
            if let Some(guard) = Guard::acquire(Arc::clone(&manager), &key, ttl).await? {
                break guard;
            }
            if tokio::time::Instant::now() > until {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    format!(
                        "another move of group `{group}` is being created, by lock `{key}` in database `{database}`; \
                         wait for it. The lock of a process that has died expires after {ttl:?}"
                    ),
                ));
            }
            tokio::time::sleep(PAUSE).await;
        };
        let target = Target::Group(group.to_owned());
        let holder = format!("{}{CREATES}", this_process());
        let taken = Self::take(cluster, &target, &holder, ttl, Duration::ZERO).await;
        Ok(Self {
            creation: Some(creation),
            ..taken?
        })
    }

    pub(super) fn is_held(&self) -> bool {
        self.guard.is_held()
    }

    pub(crate) async fn release(self) -> Result<()> {
        match self.guard.release().await {
            // The namespace has moved, and left the lock behind.
            Err(error) if error.kind() == ErrorKind::UndefinedTable => {}
            released => drop(released?),
        }
        match self.creation {
            Some(creation) => creation.release().await.map(drop),
            None => Ok(()),
        }
    }
}

/// Refuses a change of tables while a logical shard of the group moves: both ends have to stay equal.
#[cfg(feature = "reshard")]
async fn check_jobs(cluster: &Cluster, target: &Target) -> Result<()> {
    let Target::Group(group) = target else {
        return Ok(());
    };
    match cluster.job_of_group(group).await? {
        None => Ok(()),
        Some(job) => Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "{job} is open (`{}`), and the tables of the group cannot change meanwhile; finish, \
                 reverse or abort it first",
                job.state
            ),
        )),
    }
}

/// The name of this process for other operators: user, host and process.
pub(super) fn this_process() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
    let user = user.unwrap_or_else(|_| "unknown user".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .unwrap_or_else(|| "unknown host".to_owned());
    format!("{user}@{} (process {})", host.trim(), std::process::id())
}
