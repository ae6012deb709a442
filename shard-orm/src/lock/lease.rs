//! Locks in a table, which expire by the clock of the database.
//!
//! Nothing is deleted: a row keeps the fencing token of its last acquisition, so that it always
//! increases.

use std::sync::Arc;
use std::time::Duration;

use sea_query::{Alias, Expr, ExprTrait, OnConflict, Query, QueryStatementWriter, UpdateStatement};

use super::name::bounded;
use super::{Acquired, LockFuture, LockManager, Token};
use crate::backend::{Field, Row};
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::system_tables::{Kind, create_table, now, send};
use crate::exec::{Executor as _, First, Intent, NoRows, Sink, create_in_database};
use crate::topology::Read;

const TABLE: &str = "shard_orm_lock";
const NAME: &str = "name";
const TOKEN: &str = "token";
const EXPIRES_AT: &str = "expires_at";
const FENCE: &str = "fence";
/// The longest name, in bytes.
const LONGEST: usize = 255;
/// How often a statement is retried after a conflict.
const ROUNDS: usize = 5;

/// Locks in the table `shard_orm_lock` of a named database, on any kind of database.
///
/// The expiry is determined by the database's clock alone. Each acquisition of a key has a higher
/// fencing token than the last one: [`Guard::fence`](super::Guard::fence).
///
/// The table is created by [`setup`](Self::setup). It keeps a row for each key that was ever
/// locked. Rows of keys that are no longer used may be deleted; their fencing tokens then start
/// again. It is written on the database's primary. A replica that is promoted without the last
/// writes of the old primary may give a lock to a second holder, and a fencing token a second time.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> shard_orm::Result<()> {
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # #[derive(shard_orm::ShardModel)]
/// # #[shard(database = "default", table = "settings")]
/// # struct Setting {
/// #     #[shard(primary_key)]
/// #     name: String,
/// # }
/// # let cluster = shard_orm::testing::cluster::<Setting>().await?;
/// use shard_orm::lock::{Guard, LeaseLocks};
///
/// let locks = Arc::new(LeaseLocks::new(&cluster, "default")?);
/// locks.setup().await?;
/// let guard = Guard::acquire(locks, "copy", Duration::from_secs(30)).await?;
/// assert_eq!(guard.and_then(|guard| guard.fence()), Some(1));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Debug, Clone)]
pub struct LeaseLocks {
    cluster: Cluster,
    place: Place,
}

/// The namespace with the table of locks.
#[derive(Debug, Clone)]
enum Place {
    Database(String),
    /// The first logical shard of a group.
    Group(String),
}

impl LeaseLocks {
    /// Locks in a named database. Sends nothing.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if there is no such database.
    pub fn new(cluster: &Cluster, database: impl Into<String>) -> Result<Self> {
        let locks = Self {
            cluster: cluster.clone(),
            place: Place::Database(database.into()),
        };
        locks.handle()?;
        Ok(locks)
    }

    /// Locks in the first logical shard of a group.
    #[cfg_attr(not(feature = "migrate"), allow(dead_code))]
    pub(crate) fn of_group(cluster: &Cluster, group: &str) -> Self {
        Self {
            cluster: cluster.clone(),
            place: Place::Group(group.to_owned()),
        }
    }

    /// Creates the table, if it does not exist.
    ///
    /// # Errors
    /// The database's error.
    pub async fn setup(&self) -> Result<()> {
        let handle = self.handle()?;
        create_in_database(&handle, &create(&handle)).await
    }

    pub(crate) fn handle(&self) -> Result<Arc<NamespaceHandle>> {
        match &self.place {
            Place::Database(name) => self.cluster.handle_of_database(name),
            Place::Group(group) => self.cluster.handle_of_shard(group, 0),
        }
    }

    /// `INSERT .. ON CONFLICT DO UPDATE .. WHERE it is free RETURNING fence`.
    async fn take_by_upsert(
        &self,
        handle: &Arc<NamespaceHandle>,
        acquisition: &Acquisition<'_>,
    ) -> Result<Option<i64>> {
        let of_row = |name: &str| Expr::col((Alias::new(TABLE), Alias::new(name)));
        let mut conflict = OnConflict::column(Alias::new(NAME));
        conflict
            .update_columns([TOKEN, EXPIRES_AT].map(Alias::new))
            .value(Alias::new(FENCE), of_row(FENCE).add(1_i64))
            .action_and_where(
                of_row(EXPIRES_AT)
                    .lte(now(acquisition.dialect))
                    .or(of_row(TOKEN).eq(acquisition.token.as_str())),
            );
        let mut insert = acquisition.insert(handle)?;
        insert
            .on_conflict(conflict)
            .returning_col(Alias::new(FENCE));
        let mut fence = First::new(|row: &Row<'_>| i64::read(row, 0));
        self.write(handle, "lock", &insert, &mut fence).await?;
        Ok(fence.row)
    }

    /// MySQL has neither conditions nor `RETURNING` in an upsert.
    async fn take_by_update(
        &self,
        handle: &Arc<NamespaceHandle>,
        acquisition: &Acquisition<'_>,
    ) -> Result<Option<i64>> {
        let mut update = Query::update();
        update
            .table(handle.namespace.own_table(TABLE))
            .value(Alias::new(TOKEN), acquisition.token.as_str())
            .value(Alias::new(EXPIRES_AT), acquisition.expiry())
            .value(Alias::new(FENCE), column(FENCE).add(1_i64))
            .and_where(column(NAME).eq(acquisition.name))
            .and_where(
                column(EXPIRES_AT)
                    .lte(now(acquisition.dialect))
                    .or(column(TOKEN).eq(acquisition.token.as_str())),
            );
        if self.write(handle, "lock", &update, &mut NoRows).await? == 0 {
            match self
                .write(handle, "lock", &acquisition.insert(handle)?, &mut NoRows)
                .await
            {
                Ok(_) => {}
                // The row exists, and belongs to another holder.
                Err(error) if error.kind() == ErrorKind::Unique => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let mut select = Query::select();
        select
            .column(Alias::new(FENCE))
            .from(handle.namespace.own_table(TABLE))
            .and_where(column(NAME).eq(acquisition.name))
            .and_where(column(TOKEN).eq(acquisition.token.as_str()));
        self.read(handle, &select).await
    }

    /// Sends an idempotent statement, made for wherever the table is by then; returns whether it found its row.
    async fn update(
        &self,
        verb: &'static str,
        update: impl Fn(&NamespaceHandle) -> UpdateStatement + Sync,
    ) -> Result<bool> {
        let mut round = 1;
        loop {
            let handle = self.handle()?;
            let update = update(&handle);
            match self.write(&handle, verb, &update, &mut NoRows).await {
                Err(error) if round < ROUNDS && (error.is_retryable() || is_unknown(&error)) => {
                    round += 1;
                }
                Err(error) => return Err(self.explained(error)),
                Ok(rows) => return Ok(rows > 0),
            }
        }
    }

    async fn write<S: QueryStatementWriter + Sync>(
        &self,
        handle: &Arc<NamespaceHandle>,
        verb: &'static str,
        statement: &S,
        sink: &mut dyn Sink,
    ) -> Result<u64> {
        let target = self.cluster.target();
        send(
            target,
            handle,
            Intent::Write,
            (verb, TABLE),
            statement,
            sink,
        )
        .await
    }

    async fn read(
        &self,
        handle: &Arc<NamespaceHandle>,
        select: &sea_query::SelectStatement,
    ) -> Result<Option<i64>> {
        let mut sink = First::new(|row: &Row<'_>| i64::read(row, 0));
        let target = self.cluster.read_from(Read::Primary).target();
        let label = ("select", TABLE);
        send(target, handle, Intent::Read, label, select, &mut sink).await?;
        Ok(sink.row)
    }

    fn explained(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::UndefinedTable {
            return error;
        }
        Error::new(
            ErrorKind::UndefinedTable,
            match &self.place {
                Place::Database(name) => format!(
                    "database `{name}` has no table `{TABLE}`; create it with `LeaseLocks::setup`"
                ),
                Place::Group(group) => {
                    format!("the first logical shard of group `{group}` has no table `{TABLE}`")
                }
            },
        )
        .with_source(error)
    }
}

impl LockManager for LeaseLocks {
    fn lock<'a>(
        &'a self,
        key: &'a str,
        token: &'a Token,
        ttl: Duration,
    ) -> LockFuture<'a, Option<Acquired>> {
        Box::pin(async move {
            let name = bounded(key, LONGEST);
            let mut round = 1;
            loop {
                // A logical shard may have moved since the last round.
                let handle = self.handle()?;
                let acquisition = Acquisition {
                    name: &name,
                    token: token.to_string(),
                    dialect: handle.dialect(),
                    ttl,
                };
                let taken = if handle.dialect().capability().returning {
                    self.take_by_upsert(&handle, &acquisition).await
                } else {
                    self.take_by_update(&handle, &acquisition).await
                };
                match taken {
                    // The statement also succeeds for a lock of its own token: it may be sent again.
                    Err(error)
                        if round < ROUNDS && (error.is_retryable() || is_unknown(&error)) =>
                    {
                        round += 1;
                    }
                    Err(error) => return Err(self.explained(error)),
                    Ok(fence) => return Ok(fence.map(Acquired::fenced)),
                }
            }
        })
    }

    fn ping<'a>(&'a self, key: &'a str, token: &'a Token, ttl: Duration) -> LockFuture<'a, bool> {
        Box::pin(async move {
            let name = bounded(key, LONGEST);
            let ping = |handle: &NamespaceHandle| {
                let mut update = of_holder(&name, token, handle);
                update.value(Alias::new(EXPIRES_AT), expiry(handle.dialect(), ttl));
                update
            };
            self.update("ping", ping).await
        })
    }

    fn release<'a>(&'a self, key: &'a str, token: &'a Token) -> LockFuture<'a, bool> {
        Box::pin(async move {
            let name = bounded(key, LONGEST);
            let release = |handle: &NamespaceHandle| {
                let mut update = of_holder(&name, token, handle);
                update.value(Alias::new(EXPIRES_AT), 0_i64);
                update
            };
            self.update("release", release).await
        })
    }

    fn is_locked<'a>(&'a self, key: &'a str) -> LockFuture<'a, bool> {
        Box::pin(async move {
            let name = bounded(key, LONGEST);
            let mut round = 1;
            loop {
                let handle = self.handle()?;
                let mut select = Query::select();
                select
                    .column(Alias::new(FENCE))
                    .from(handle.namespace.own_table(TABLE))
                    .and_where(column(NAME).eq(&*name))
                    .and_where(column(EXPIRES_AT).gt(now(handle.dialect())));
                match self.read(&handle, &select).await {
                    Err(error) if round < ROUNDS && error.is_retryable() => round += 1,
                    found => {
                        let found = found.map_err(|error| self.explained(error))?;
                        return Ok(found.is_some());
                    }
                }
            }
        })
    }
}

/// The values of an acquisition.
struct Acquisition<'a> {
    name: &'a str,
    token: String,
    dialect: Dialect,
    ttl: Duration,
}

impl Acquisition<'_> {
    fn expiry(&self) -> Expr {
        expiry(self.dialect, self.ttl)
    }

    fn insert(&self, handle: &NamespaceHandle) -> Result<sea_query::InsertStatement> {
        let mut insert = Query::insert();
        insert
            .into_table(handle.namespace.own_table(TABLE))
            .columns([NAME, TOKEN, EXPIRES_AT, FENCE].map(Alias::new))
            .values([
                Expr::val(self.name),
                Expr::val(self.token.as_str()),
                self.expiry(),
                Expr::val(1_i64),
            ])
            .map_err(|source| Error::configuration("a lock's row").with_source(source))?;
        Ok(insert)
    }
}

/// Updates the row of a holder that has not expired.
fn of_holder(name: &str, token: &Token, handle: &NamespaceHandle) -> UpdateStatement {
    let dialect = handle.dialect();
    let mut update = Query::update();
    update
        .table(handle.namespace.own_table(TABLE))
        .and_where(column(NAME).eq(name))
        .and_where(column(TOKEN).eq(token.to_string()))
        .and_where(column(EXPIRES_AT).gt(now(dialect)));
    update
}

fn expiry(dialect: Dialect, ttl: Duration) -> Expr {
    now(dialect).add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX / 4))
}

fn column(name: &str) -> Expr {
    Expr::col(Alias::new(name))
}

fn is_unknown(error: &Error) -> bool {
    error.kind() == ErrorKind::OutcomeUnknown
}

fn create(handle: &NamespaceHandle) -> String {
    let columns = [
        (NAME, Kind::Text),
        (TOKEN, Kind::Text),
        (EXPIRES_AT, Kind::Integer),
        (FENCE, Kind::Integer),
    ];
    create_table(
        handle.dialect(),
        handle.namespace.own_table(TABLE),
        &columns,
    )
}
