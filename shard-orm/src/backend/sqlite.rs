//! SQLite: opening a file, and its codes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::error::{DatabaseError, UnexpectedNullError};
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Decode, Row as _, SqliteConnection, Type,
    ValueRef as _,
};

use super::Beside;
use super::conn::{OfSqlite, Session};
use super::failure::Class;
use crate::error::{Error, ErrorKind, Result};

/// The driver's options for connections to one file.
///
/// Readers and the writer see one file in WAL mode, so that reads go on during a write. A writer
/// waits for a commit to reach the disk (`synchronous = FULL`): what was acknowledged is kept.
pub(super) fn options(session: &Session) -> Result<SqliteConnectOptions> {
    let Some(file) = &session.file else {
        return Err(Error::configuration("a SQLite server needs a file"));
    };
    let mut options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(session.busy_timeout)
        .statement_cache_capacity(session.statement_cache)
        .foreign_keys(true)
        // A negative number is a size in KiB; a positive one counts pages.
        .pragma("cache_size", format!("-{}", session.cache_kib))
        // As on the other databases, LIKE tells capitals apart.
        .pragma("case_sensitive_like", "on")
        .disable_statement_logging();
    if session.read_only {
        options = options.pragma("query_only", "on");
    } else {
        options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
    }
    Ok(options)
}

/// How long to wait before asking again for a file that another connection makes ready.
const PAUSE: Duration = Duration::from_millis(5);

/// After how many instructions of SQLite's machine a statement looks whether it is to end: well
/// under a millisecond.
const INSTRUCTIONS: i32 = 10_000;

/// Opens the file, with the static tables beside it; a flag ends the statement that runs on the
/// connection.
///
/// Two that turn a new file to WAL mode at once would wait for each other, which SQLite ends
/// without heeding the busy timeout: so that is heeded here.
pub(super) async fn connect(
    options: &SqliteConnectOptions,
    session: &Session,
) -> std::result::Result<(SqliteConnection, OfSqlite), sqlx::Error> {
    let mut connection = open(options, session).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    connection
        .lock_handle()
        .await?
        .set_progress_handler(INSTRUCTIONS, move || !seen.load(Ordering::Relaxed));
    let missed = match &session.beside {
        Some(beside) if !attach(beside, &mut connection).await => Some(Box::new(beside.clone())),
        _ => None,
    };
    Ok((connection, OfSqlite { stop, missed }))
}

/// Attaches the file of static tables, and says whether it is there. One that cannot be read takes
/// nothing from the tables of the connection's own file.
async fn attach(beside: &Beside, connection: &mut SqliteConnection) -> bool {
    let Some(attach) = beside.exists().then(|| beside.attach()).flatten() else {
        return false;
    };
    let attached = sqlx::raw_sql(AssertSqlSafe(attach))
        .execute(connection)
        .await;
    if let Err(error) = &attached {
        tracing::warn!(
            target: "shard_orm",
            file = %beside.file.display(),
            "static tables cannot be attached: {error}"
        );
    }
    attached.is_ok()
}

async fn open(
    options: &SqliteConnectOptions,
    session: &Session,
) -> std::result::Result<SqliteConnection, sqlx::Error> {
    let begun = Instant::now();
    loop {
        match SqliteConnection::connect_with(options).await {
            Err(sqlx::Error::Database(reported))
                if classify(&*reported).kind == ErrorKind::Timeout
                    && begun.elapsed() < session.busy_timeout =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// Reads a value that is not NULL. The driver itself reads NULL as zero or as an empty text.
pub(super) fn read<'r, T>(row: &'r SqliteRow, ordinal: usize) -> sqlx::Result<T>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
{
    if row.try_get_raw(ordinal)?.is_null() {
        return Err(sqlx::Error::Decode(Box::new(UnexpectedNullError)));
    }
    row.try_get(ordinal)
}

/// The codes of SQLite: "Result and Error Codes" in its documentation.
pub(super) fn classify(reported: &dyn DatabaseError) -> Class {
    use ErrorKind as Kind;
    let code: i32 = reported
        .code()
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    match code {
        1555 | 2067 | 2579 => return Class::of(Kind::Unique),
        787 => return Class::of(Kind::ForeignKey),
        1299 => return Class::of(Kind::NotNull),
        517 => return Class::of(Kind::Serialization),
        _ => {}
    }
    // The low byte is the code that the longer one refines.
    match code & 0xff {
        1 if is_undefined(reported.message()) => Class::of(Kind::UndefinedTable)
            .hint("create the namespaces and tables with `cluster.setup()`"),
        // These may have rolled the transaction back: "Response To Errors Within A Transaction"
        // in its documentation.
        5 | 6 | 9 => Class::of(Kind::Timeout).rolled_back(),
        7 | 10 => Class::of(Kind::Database).rolled_back(),
        13 => Class::of(Kind::StorageFull).rolled_back(),
        8 => Class::of(Kind::ReadOnly),
        14 => Class::lost(Kind::Unavailable)
            .hint("the file does not exist or may not be opened; `cluster.setup()` creates it"),
        18..=20 => Class::of(Kind::Check),
        _ => Class::of(Kind::Database),
    }
}

fn is_undefined(message: &str) -> bool {
    message.starts_with("no such table")
        || message.starts_with("no such column")
        || message.contains("has no column named")
}

/// The columns that a message names: `UNIQUE constraint failed: orders.id`.
pub(super) fn constraint(message: &str) -> Option<String> {
    let (_, name) = message.split_once("constraint failed: ")?;
    Some(name.to_owned())
}
