//! One connection, of whichever database: opened, used, closed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use sqlx::database::HasStatementCache;
use sqlx::{AssertSqlSafe, Connection as _, Executor, IntoArguments};

use super::ahead::Ahead;
use super::answer::{Answer, OnRow, Reading, Results};
use super::args::{ArgsOf, not_compiled};
use super::row::OwnedRow;
use super::{Args, Beside, Failure};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};

/// How sessions of one endpoint are opened.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) dialect: Dialect,
    pub(crate) url: String,
    /// The file of a SQLite namespace.
    pub(crate) file: Option<PathBuf>,
    pub(crate) read_only: bool,
    /// The static tables beside that file.
    pub(crate) beside: Option<Beside>,
    pub(crate) sql_mode: Option<String>,
    pub(crate) charset: Option<String>,
    pub(crate) collation: Option<String>,
    pub(crate) time_zone: Option<String>,
    /// Run-time parameters of PostgreSQL.
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) statement_cache: usize,
    pub(crate) busy_timeout: Duration,
    pub(crate) cache_kib: u64,
}

/// One statement's text, and whether its plan is kept on the connection.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    pub(crate) text: Arc<str>,
    /// Kept in the statement cache; not for texts of variable arity, which would flush it.
    pub(crate) persistent: bool,
    /// Reads one row at most, which the drivers do with less work.
    pub(crate) single: bool,
}

/// One open connection.
pub(crate) enum Conn {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqliteConnection, OfSqlite),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgConnection),
    /// Its number on the server ends it.
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlConnection, u64),
}

/// What is known of a connection to SQLite.
#[cfg(feature = "sqlite")]
pub(crate) struct OfSqlite {
    /// Ends the statement that runs on it.
    pub(super) stop: Arc<AtomicBool>,
    /// The file that was not there to be attached when it was opened.
    pub(super) missed: Option<Box<Beside>>,
}

/// A session that is to be ended on its server, which does not see by itself that its client is
/// gone.
#[derive(Debug)]
pub(crate) struct Abandoned(#[allow(dead_code)] u64);

/// A session whose options the driver has read.
pub(crate) struct Opener {
    session: Session,
    options: Options,
}

enum Options {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::sqlite::SqliteConnectOptions),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgConnectOptions),
    #[cfg(feature = "mysql")]
    MySql(sqlx::mysql::MySqlConnectOptions),
}

impl Opener {
    pub(crate) fn new(session: Session) -> Result<Self> {
        let options = match session.dialect {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => Options::Sqlite(super::sqlite::options(&session)?),
            #[cfg(feature = "postgres")]
            Dialect::Postgres => Options::Postgres(super::postgres::options(&session)?),
            #[cfg(feature = "mysql")]
            Dialect::MySql => Options::MySql(super::mysql::options(&session)?),
            #[allow(unreachable_patterns)]
            other => return Err(not_compiled(other)),
        };
        Ok(Self { session, options })
    }

    /// What sessions of PostgreSQL are opened by.
    #[cfg(feature = "postgres")]
    pub(super) fn postgres(&self) -> Option<&sqlx::postgres::PgConnectOptions> {
        match &self.options {
            Options::Postgres(options) => Some(options),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    pub(crate) async fn open(&self) -> Result<Conn> {
        let opened: sqlx::Result<Conn> = match self.options {
            #[cfg(feature = "sqlite")]
            Options::Sqlite(ref options) => super::sqlite::connect(options, &self.session)
                .await
                .map(|(conn, known)| Conn::Sqlite(conn, known)),
            #[cfg(feature = "postgres")]
            Options::Postgres(ref options) => super::postgres::connect(options, &self.session)
                .await
                .map(Conn::Postgres),
            #[cfg(feature = "mysql")]
            Options::MySql(ref options) => super::mysql::connect(options, &self.session)
                .await
                .map(|(conn, number)| Conn::MySql(conn, number)),
        };
        opened.map_err(|source| Failure::from_driver(self.session.dialect, source).error)
    }
}

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
    ) -> Reading<'c, 'r> {
        // Handed to the driver at once: as a part of the future, the arguments would be copied
        // into each future around it.
        Reading::new(self.send(sql, args), on_row)
    }

    fn send(&mut self, sql: Sql, args: Args) -> Result<Answer<'_>, Failure> {
        match (self, args.0) {
            #[cfg(feature = "sqlite")]
            (Self::Sqlite(conn, _), ArgsOf::Sqlite(args)) => Ok(Answer::Sqlite(if sql.single {
                Results::One(conn.fetch_optional(query(sql, args)))
            } else {
                Results::Many(Ahead::in_runs(conn.fetch_many(query(sql, args))))
            })),
            #[cfg(feature = "postgres")]
            (Self::Postgres(conn), ArgsOf::Postgres(args)) => Ok(Answer::Postgres(if sql.single {
                Results::One(conn.fetch_optional(query(sql, args)))
            } else {
                Results::Many(Ahead::singly(conn.fetch_many(query(sql, args))))
            })),
            // The driver's way to one row leaves the end of the result to the next statement.
            #[cfg(feature = "mysql")]
            (Self::MySql(conn, _), ArgsOf::MySql(args)) => {
                let rows = conn.fetch_many(query(sql, args));
                Ok(Answer::MySql(Results::Many(Ahead::singly(rows))))
            }
            #[cfg(feature = "sqlite")]
            (Self::Sqlite(conn, _), ArgsOf::Unprepared) => Ok(Answer::Sqlite(Results::Many(
                Ahead::singly(conn.fetch_many(text(sql))),
            ))),
            #[cfg(feature = "postgres")]
            (Self::Postgres(conn), ArgsOf::Unprepared) => Ok(Answer::Postgres(Results::Many(
                Ahead::singly(conn.fetch_many(text(sql))),
            ))),
            #[cfg(feature = "mysql")]
            (Self::MySql(conn, _), ArgsOf::Unprepared) => Ok(Answer::MySql(Results::Many(
                Ahead::singly(conn.fetch_many(text(sql))),
            ))),
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
        match (self, args.0) {
            #[cfg(feature = "mysql")]
            (Self::MySql(conn, _), ArgsOf::MySql(args)) => {
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
        match (self, args.0) {
            #[cfg(feature = "sqlite")]
            (Self::Sqlite(conn, _), ArgsOf::Sqlite(args)) => {
                Ahead::in_runs(conn.fetch(query(sql.clone(), args)))
                    .map_ok(OwnedRow::Sqlite)
                    .map_err(|source| Failure::from_driver(Dialect::Sqlite, source))
                    .boxed()
            }
            #[cfg(feature = "postgres")]
            (Self::Postgres(conn), ArgsOf::Postgres(args)) => conn
                .fetch(query(sql.clone(), args))
                .map_ok(OwnedRow::Postgres)
                .map_err(|source| Failure::from_driver(Dialect::Postgres, source))
                .boxed(),
            #[cfg(feature = "mysql")]
            (Self::MySql(conn, _), ArgsOf::MySql(args)) => conn
                .fetch(query(sql.clone(), args))
                .map_ok(OwnedRow::MySql)
                .map_err(|source| Failure::from_driver(Dialect::MySql, source))
                .boxed(),
            _ => futures_util::stream::once(async { Err(Failure::own(mismatched())) }).boxed(),
        }
    }

    /// Runs statements that take no arguments and give no rows.
    pub(crate) async fn batch(&mut self, text: &str) -> Result<(), Failure> {
        let dialect = self.dialect();
        let done: sqlx::Result<()> = each!(self, conn => {
            sqlx::raw_sql(AssertSqlSafe(text.to_owned()))
                .execute(conn)
                .await
                .map(|_| ())
        });
        done.map_err(|source| Failure::from_driver(dialect, source))
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
            Self::MySql(_, number) => Some(Abandoned(number)),
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
        let answered: sqlx::Result<()> = each!(self, conn => conn.ping().await);
        answered.map_err(|source| Failure::from_driver(dialect, source))
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
