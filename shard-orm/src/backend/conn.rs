//! One connection, of whichever database: used, given up, closed. Opened by an `Opener`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sqlx::database::HasStatementCache;
use sqlx::{AssertSqlSafe, Connection as _, Executor, IntoArguments};

use super::args::Buffer;
use super::response::{OnRow, ReadResponse, Response, ResultStream, Results};
use super::row::OwnedRow;
use super::{Args, Failure, Sql};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};

/// One open connection.
pub(crate) enum Conn {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqliteConnection, super::sqlite::SqliteState),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgConnection),
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlConnection, super::mysql::MySqlState),
}

/// A session that is to be ended on its server, which does not see by itself that its client is
/// gone.
#[derive(Debug)]
pub(crate) struct Abandoned(#[allow(dead_code)] u64);

/// Runs one expression on whichever connection it is.
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

    /// Runs a prepared statement, hands each row to `on_row`, and gives the rows affected.
    ///
    /// When `on_row` fails, the rest of the result is read past it, so that the connection serves
    /// on, and its first error is what the call gives.
    #[inline]
    pub(crate) fn run<'c, 'r>(
        &'c mut self,
        sql: Sql,
        args: Args,
        on_row: &'r mut OnRow<'r>,
    ) -> ReadResponse<'c, 'r> {
        // Handed to the driver at once: as a part of the future, the arguments would be copied
        // into each future around it.
        ReadResponse::new(self.send(sql, args), on_row)
    }

    /// Refuses a statement that is larger than what the server takes at a time.
    #[inline]
    #[cfg_attr(not(feature = "mysql"), allow(unused_variables))]
    fn check_size(&self, text: &str, arguments: usize) -> Result<(), Failure> {
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
            // The driver's way to one row leaves the end of the result to the next statement.
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

    /// Runs an update of MySQL or MariaDB, and gives the rows that it found and the value of its
    /// `LAST_INSERT_ID(expr)`.
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

    /// Runs a prepared statement and gives its rows one by one.
    pub(crate) fn rows(
        &mut self,
        sql: &Sql,
        args: Args,
    ) -> BoxStream<'_, Result<OwnedRow, Failure>> {
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
                rows.rows(Dialect::Sqlite, OwnedRow::Sqlite).boxed()
            }
            #[cfg(feature = "postgres")]
            (Self::Postgres(conn), Buffer::Postgres(args)) => {
                let rows = conn.fetch_many(query(sql.clone(), args));
                let rows = ResultStream::<sqlx::Postgres>::new(Dialect::Postgres, rows);
                rows.rows(Dialect::Postgres, OwnedRow::Postgres).boxed()
            }
            #[cfg(feature = "mysql")]
            (Self::MySql(conn, _), Buffer::MySql(args)) => {
                let rows = conn.fetch_many(query(sql.clone(), args));
                let rows = ResultStream::<sqlx::MySql>::new(Dialect::MySql, rows);
                rows.rows(Dialect::MySql, OwnedRow::MySql).boxed()
            }
            _ => futures_util::stream::once(async { Err(Failure::own(mismatched())) }).boxed(),
        }
    }

    /// Runs statements that take no arguments and give no rows.
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

    /// Gives the connection up in the middle of whatever it does, and has that ended. The session
    /// that comes back has to be ended by [`end`](Self::end), over another connection.
    ///
    /// PostgreSQL looks every second whether its client is still there.
    pub(crate) fn give_up(self) -> Option<Abandoned> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_, known) => {
                known.stop.store(true, Ordering::Relaxed);
                None
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => None,
            #[cfg(feature = "mysql")]
            Self::MySql(_, known) => Some(Abandoned(known.number)),
        }
    }

    /// Ends another session of the same user.
    #[cfg_attr(not(feature = "mysql"), allow(unused_variables))]
    pub(crate) async fn end(&mut self, session: Abandoned) -> Result<(), Failure> {
        match self {
            #[cfg(feature = "mysql")]
            Self::MySql(..) => self.batch(&format!("KILL {}", session.0)).await,
            #[allow(unreachable_patterns)]
            _ => Ok(()),
        }
    }

    /// Asks a PostgreSQL server how many locks it has for all its sessions, and for how many
    /// relations a table stands, whose quoted name is given.
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

    /// Whether it was opened before the static tables were there which a new connection would see.
    pub(crate) fn is_outdated(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_, known) => known.missed.as_ref().is_some_and(|file| file.exists()),
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// Asks the server whether it is there. An outdated connection does not count as being there.
    pub(crate) async fn ping(&mut self) -> Result<(), Failure> {
        let dialect = self.dialect();
        if self.is_outdated() {
            return Err(Failure::own(Error::new(
                ErrorKind::Unavailable,
                "the connection was opened before the static tables were there",
            )));
        }
        match self {
            // There is nobody to be asked but the file.
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

    /// Forgets all statements that were prepared on it.
    pub(crate) async fn forget(&mut self) -> Result<(), Failure> {
        let dialect = self.dialect();
        let forgotten: sqlx::Result<()> = each!(self, conn => conn.clear_cached_statements().await);
        forgotten.map_err(|source| Failure::from_driver(dialect, source))
    }

    /// Takes the write lock of a SQLite file for a moment, without waiting for it: one that another
    /// holds can be taken.
    pub(crate) async fn try_to_write(&mut self) -> Result<(), Failure> {
        self.batch("PRAGMA busy_timeout = 0").await?;
        match self.batch("BEGIN IMMEDIATE").await {
            Ok(()) => self.batch("ROLLBACK").await,
            Err(failure) if failure.error.kind() == ErrorKind::Timeout => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Says goodbye to the server. A connection that is only dropped ends as well, with a note in
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

fn mismatched() -> Error {
    Error::configuration("the arguments were made for another database than the connection's")
}

/// A text that is sent as it stands.
fn text(sql: Sql) -> sqlx::RawSql {
    sqlx::raw_sql(AssertSqlSafe(sql.text))
}

fn query<DB, A>(sql: Sql, args: A) -> sqlx::query::Query<'static, DB, A>
where
    DB: sqlx::Database + HasStatementCache,
    A: IntoArguments<DB> + Send + 'static,
{
    // MySQL's driver closes a statement that it does not keep with a packet that is not answered,
    // and the connection's next statement then waits for the kernel to acknowledge it: 40 ms.
    let persistent = sql.persistent || DB::NAME == "MySQL";
    // The texts are rendered by this library, from identifiers that sea-query quotes.
    sqlx::query_with(AssertSqlSafe(sql.text), args).persistent(persistent)
}
