//! One connection to any database: statements, health and closing. Opened by an `Opener`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

#[cfg(any(feature = "postgres", feature = "mysql"))]
use futures_util::Stream;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sqlx::database::HasStatementCache;
use sqlx::{AssertSqlSafe, Connection as _, Executor, IntoArguments};

use super::args::Buffer;
use super::response::{OnRow, ReadResponse, Response, ResultStream, Results};
use super::row::RowOf;
use super::run::Run;
use super::{Args, Failure, Row, Sql};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};

/// One open connection.
pub(crate) enum Conn {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqliteConnection, Box<super::sqlite::SqliteState>),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgConnection),
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlConnection, super::mysql::MySqlState),
}

/// A session that has to be killed on its server, which does not detect that the client is gone.
#[derive(Debug)]
pub(crate) struct AbandonedSession(#[allow(dead_code)] u64);

/// Evaluates an expression with the connection of the driver.
macro_rules! each {
    ($conn:expr, $inner:ident => $do:expr) => {
        match *$conn {
            #[cfg(feature = "sqlite")]
            Conn::Sqlite(ref mut $inner, _) => $do,
            #[cfg(feature = "postgres")]
            Conn::Postgres(ref mut $inner) => $do,
            #[cfg(feature = "mysql")]
            Conn::MySql(ref mut $inner, _) => $do,
        }
    };
}

impl Conn {
    pub(crate) fn dialect(&self) -> Dialect {
        match *self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(..) => Dialect::Sqlite,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "mysql")]
            Self::MySql(..) => Dialect::MySql,
        }
    }

    /// Runs a statement, calls `on_row` for each row, and returns the number of affected rows.
    ///
    /// If `on_row` fails, the rest of the result is skipped, so that the connection stays usable,
    /// and its first error is returned.
    #[inline]
    pub(crate) fn run<'c, 'r>(
        &'c mut self,
        sql: Sql,
        args: Args,
        on_row: &'r mut OnRow<'r>,
    ) -> ReadResponse<'c, 'r> {
        // Passed to the driver at once: as a part of the future, the arguments would be copied into
        // each future around it.
        ReadResponse::new(self.send(sql, args), on_row)
    }

    /// Rejects a statement that is larger than the server's limit.
    #[inline]
    #[cfg_attr(not(feature = "mysql"), allow(unused_variables))]
    pub(super) fn check_size(&self, text: &str, arguments: usize) -> Result<(), Failure> {
        match self {
            #[cfg(feature = "mysql")]
            // The text is sent when it is prepared, and the arguments later.
            Self::MySql(_, known) if text.len().max(arguments) as u64 > known.largest_packet => {
                Err(super::mysql::too_large(
                    text.len().max(arguments),
                    known.largest_packet,
                ))
            }
            _ => Ok(()),
        }
    }

    fn send(&mut self, sql: Sql, args: Args) -> Result<Response<'_>, Failure> {
        self.check_size(&sql.text, args.bytes())?;
        match (self, args.buffer) {
            #[cfg(feature = "sqlite")]
            (Self::Sqlite(conn, _), Buffer::Sqlite(args)) => {
                let (first, own) = (sql.single, super::sqlite::is_refreshing(&sql));
                let rows = ResultStream::new(Dialect::Sqlite, conn.fetch_many(query(sql, args)));
                Ok(Response::Sqlite(match (first, own) {
                    (true, _) => Results::First(rows),
                    (false, true) => Results::Many(rows.after_refresh()),
                    (false, false) => Results::Many(rows),
                }))
            }
            #[cfg(feature = "postgres")]
            (Self::Postgres(conn), Buffer::Postgres(args)) => {
                Ok(Response::Postgres(if sql.single {
                    Results::One(conn.fetch_optional(query(sql, args)))
                } else {
                    let rows = conn.fetch_many(query(sql, args));
                    Results::Many(ResultStream::new(Dialect::Postgres, rows))
                }))
            }
            // The driver's `fetch_optional` leaves the end of the result to the next statement.
            #[cfg(feature = "mysql")]
            (Self::MySql(conn, _), Buffer::MySql(args)) => {
                let rows = conn.fetch_many(query(sql, args));
                Ok(Response::MySql(Results::Many(ResultStream::new(
                    Dialect::MySql,
                    rows,
                ))))
            }
            #[cfg(feature = "sqlite")]
            (Self::Sqlite(conn, _), Buffer::Unprepared) => {
                let own = super::sqlite::is_refreshing(&sql);
                let rows = super::sqlite::fetch_all(conn, sql.text);
                let rows = ResultStream::<sqlx::Sqlite>::new(Dialect::Sqlite, rows);
                let rows = if own { rows.after_refresh() } else { rows };
                Ok(Response::Sqlite(Results::Many(rows)))
            }
            #[cfg(feature = "postgres")]
            (Self::Postgres(conn), Buffer::Unprepared) => {
                let rows = ResultStream::new(Dialect::Postgres, conn.fetch_many(text(sql)));
                Ok(Response::Postgres(Results::Many(rows)))
            }
            #[cfg(feature = "mysql")]
            (Self::MySql(conn, _), Buffer::Unprepared) => {
                let rows = if super::mysql::is_select(&sql.text) {
                    conn.fetch_many(query(sql, sqlx::mysql::MySqlArguments::default()))
                } else {
                    conn.fetch_many(text(sql))
                };
                let rows = ResultStream::new(Dialect::MySql, rows);
                Ok(Response::MySql(Results::Many(rows)))
            }
            _ => Err(Failure::own(mismatched())),
        }
    }

    /// Runs an update on MySQL or MariaDB, and returns the number of matched rows and the value of
    /// its `LAST_INSERT_ID(expr)`.
    #[cfg_attr(not(feature = "mysql"), allow(unused_variables))]
    pub(crate) async fn run_for_insert_id(
        &mut self,
        sql: &Sql,
        args: Args,
    ) -> Result<(u64, u64), Failure> {
        self.check_size(&sql.text, args.bytes())?;
        match (self, args.buffer) {
            #[cfg(feature = "mysql")]
            (Self::MySql(conn, _), Buffer::MySql(args)) => {
                let done = conn
                    .execute(query(sql.clone(), args))
                    .await
                    .map_err(|source| Failure::from_driver(Dialect::MySql, source))?;
                Ok((done.rows_affected(), done.last_insert_id()))
            }
            _ => Err(Failure::own(mismatched())),
        }
    }

    /// Runs a prepared statement and streams its rows in runs, each row decoded by `read`.
    pub(crate) fn rows<'c, T: Send + 'c>(
        &'c mut self,
        sql: &Sql,
        args: Args,
        read: &'c (impl Fn(&Row<'_>) -> T + Sync),
    ) -> BoxStream<'c, Result<Run<T>, Failure>> {
        if let Err(failure) = self.check_size(&sql.text, args.bytes()) {
            return futures_util::stream::once(async { Err(failure) }).boxed();
        }
        match (self, args.buffer) {
            #[cfg(feature = "sqlite")]
            (Self::Sqlite(conn, _), Buffer::Sqlite(args)) => {
                let own = super::sqlite::is_refreshing(sql);
                let rows = conn.fetch_many(query(sql.clone(), args));
                let rows = ResultStream::<sqlx::Sqlite>::new(Dialect::Sqlite, rows);
                let rows = if own { rows.after_refresh() } else { rows };
                let mut size = super::sqlite::sizes();
                let rows = rows.rows(Dialect::Sqlite, move |row: &sqlx::sqlite::SqliteRow| {
                    let read = read(&Row::of(RowOf::Sqlite(row)));
                    (read, size(row))
                });
                super::read_ahead::ReadAhead::new(rows).boxed()
            }
            #[cfg(feature = "postgres")]
            (Self::Postgres(conn), Buffer::Postgres(args)) => {
                let rows = conn.fetch_many(query(sql.clone(), args));
                let rows = ResultStream::<sqlx::Postgres>::new(Dialect::Postgres, rows);
                let read = move |row: &sqlx::postgres::PgRow| read(&Row::of(RowOf::Postgres(row)));
                one_by_one(rows.rows(Dialect::Postgres, read))
            }
            #[cfg(feature = "mysql")]
            (Self::MySql(conn, _), Buffer::MySql(args)) => {
                let rows = conn.fetch_many(query(sql.clone(), args));
                let rows = ResultStream::<sqlx::MySql>::new(Dialect::MySql, rows);
                let read = move |row: &sqlx::mysql::MySqlRow| read(&Row::of(RowOf::MySql(row)));
                one_by_one(rows.rows(Dialect::MySql, read))
            }
            _ => futures_util::stream::once(async { Err(Failure::own(mismatched())) }).boxed(),
        }
    }

    /// Runs a statement with these values and without keeping it prepared, calls `on_row` for each
    /// row, and returns the number of affected rows.
    #[cfg_attr(not(feature = "migrate"), allow(dead_code))]
    pub(crate) async fn ask(
        &mut self,
        text: &str,
        values: &[sea_query::Value],
        on_row: &mut OnRow<'_>,
    ) -> Result<u64, Failure> {
        let mut args = Args::new(self.dialect()).map_err(Failure::own)?;
        for value in values {
            args.push(value).map_err(Failure::own)?;
        }
        let sql = Sql {
            text: text.into(),
            persistent: false,
            single: false,
        };
        self.run(sql, args, on_row).await
    }

    /// Runs statements without arguments and rows.
    pub(crate) async fn batch(&mut self, text: &str) -> Result<(), Failure> {
        self.check_size(text, 0)?;
        let dialect = self.dialect();
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn, _) => {
                let results = super::sqlite::fetch_all(conn, Arc::from(text));
                ResultStream::<sqlx::Sqlite>::new(dialect, results)
                    .finish(dialect)
                    .await
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => {
                let results = conn.fetch_many(sqlx::raw_sql(AssertSqlSafe(text.to_owned())));
                ResultStream::<sqlx::Postgres>::new(dialect, results)
                    .finish(dialect)
                    .await
            }
            #[cfg(feature = "mysql")]
            Self::MySql(conn, _) => {
                let results = conn.fetch_many(sqlx::raw_sql(AssertSqlSafe(text.to_owned())));
                ResultStream::<sqlx::MySql>::new(dialect, results)
                    .finish(dialect)
                    .await
            }
        }
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn as_postgres(&mut self) -> Option<&mut sqlx::PgConnection> {
        match self {
            Self::Postgres(conn) => Some(conn),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    #[cfg(feature = "mysql")]
    pub(crate) fn as_mysql(&mut self) -> Option<&mut sqlx::MySqlConnection> {
        match self {
            Self::MySql(conn, _) => Some(conn),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn as_sqlite(&mut self) -> Option<&mut sqlx::SqliteConnection> {
        match self {
            Self::Sqlite(conn, _) => Some(conn),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    /// Abandons the connection with its running statement, which is interrupted. A returned session
    /// has to be killed by [`kill`](Self::kill), over another connection.
    ///
    /// PostgreSQL checks every second whether its client is still connected.
    pub(crate) fn abandon(self) -> Option<AbandonedSession> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_, known) => {
                known.stop.store(true, Ordering::Relaxed);
                None
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => None,
            #[cfg(feature = "mysql")]
            Self::MySql(_, known) => Some(AbandonedSession(known.number)),
        }
    }

    /// Kills another session of the same user.
    #[cfg_attr(not(feature = "mysql"), allow(unused_variables))]
    pub(crate) async fn kill(&mut self, session: AbandonedSession) -> Result<(), Failure> {
        match self {
            #[cfg(feature = "mysql")]
            Self::MySql(..) => self.batch(&format!("KILL {}", session.0)).await,
            #[allow(unreachable_patterns)]
            _ => Ok(()),
        }
    }

    /// Reads the size of a PostgreSQL server's lock table, and the number of relations that a read
    /// of the table locks. The name is quoted.
    #[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
    pub(crate) async fn lock_room(&mut self, table: &str) -> Result<(i64, i64), Failure> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => super::postgres::lock_room(conn, table)
                .await
                .map_err(|source| Failure::from_driver(Dialect::Postgres, source)),
            #[allow(unreachable_patterns)]
            _ => Err(Failure::own(mismatched())),
        }
    }

    /// Returns whether it was opened before the file of static tables existed, which a new
    /// connection would attach.
    pub(crate) fn is_outdated(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_, known) => known.missed.as_ref().is_some_and(|file| file.exists()),
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// Checks that the server responds. An outdated connection fails.
    pub(crate) async fn ping(&mut self) -> Result<(), Failure> {
        let dialect = self.dialect();
        if self.is_outdated() {
            return Err(Failure::own(Error::new(
                ErrorKind::Unavailable,
                "the connection was opened before the file of static tables existed",
            )));
        }
        match self {
            // There is no server; the file is read.
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_, known) => {
                let text = super::sqlite::refresh(known);
                self.batch(&text).await
            }
            #[allow(unreachable_patterns)]
            _ => {
                let answered: sqlx::Result<()> = each!(self, conn => conn.ping().await);
                answered.map_err(|source| Failure::from_driver(dialect, source))
            }
        }
    }

    /// Whether its cache of prepared statements is nearly full, and it should be replaced before the
    /// driver closes them one by one, which is slow on MySQL and MariaDB.
    #[inline]
    pub(crate) fn is_crowded(&self) -> bool {
        match self {
            #[cfg(feature = "mysql")]
            Self::MySql(conn, known) => conn.cached_statements_size() > known.most_statements,
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// Clears the cache of prepared statements.
    pub(crate) async fn clear_statements(&mut self) -> Result<(), Failure> {
        let dialect = self.dialect();
        let forgotten: sqlx::Result<()> = each!(self, conn => conn.clear_cached_statements().await);
        forgotten.map_err(|source| Failure::from_driver(dialect, source))
    }

    /// Takes the write lock of a SQLite file for a moment. It does not wait: a lock that another
    /// connection holds shows that the file can be locked.
    pub(crate) async fn check_write_lock(&mut self) -> Result<(), Failure> {
        self.batch("PRAGMA busy_timeout = 0").await?;
        match self.batch("BEGIN IMMEDIATE").await {
            Ok(()) => self.batch("ROLLBACK").await,
            Err(failure) if failure.error.kind() == ErrorKind::Timeout => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Closes the connection in an orderly way. A connection that is only dropped leaves a note in
    /// the server's log.
    pub(crate) async fn close(self) {
        let closed: sqlx::Result<()> = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn, _) => conn.close().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => conn.close().await,
            #[cfg(feature = "mysql")]
            Self::MySql(conn, _) => conn.close().await,
        };
        if closed.is_err() {
            tracing::debug!("a connection was gone before it was closed");
        }
    }
}

/// Runs of one row, of drivers that read their rows when they are asked for.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn one_by_one<'c, T: Send + 'c>(
    rows: impl Stream<Item = Result<T, Failure>> + Send + 'c,
) -> BoxStream<'c, Result<Run<T>, Failure>> {
    rows.map(|row| row.map(|row| Run::One(Some(row)))).boxed()
}

fn mismatched() -> Error {
    Error::configuration("the arguments were made for another database than the connection's")
}

/// A text that is sent without being prepared.
fn text(sql: Sql) -> sqlx::RawSql {
    sqlx::raw_sql(AssertSqlSafe(sql.text))
}

fn query<DB, A>(sql: Sql, args: A) -> sqlx::query::Query<'static, DB, A>
where
    DB: sqlx::Database + HasStatementCache,
    A: IntoArguments<DB> + Send + 'static,
{
    // MySQL's driver closes a statement that it does not cache with a packet that has no response,
    // and the next statement then waits 40 ms for the kernel's acknowledgement.
    let persistent = sql.persistent || DB::NAME == "MySQL";
    // The texts are rendered by this library, from identifiers that sea-query quotes.
    sqlx::query_with(AssertSqlSafe(sql.text), args).persistent(persistent)
}
