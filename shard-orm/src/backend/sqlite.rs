//! SQLite: opening of files, and error codes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use sea_query::Value;
use sqlx::error::{DatabaseError, UnexpectedNullError};
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqliteQueryResult, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Decode, Either, Executor as _, Row as _,
    SqliteConnection, Type, TypeInfo, ValueRef as _,
};

use super::attached::Attached;
use super::failure::{Class, Codes, Stale, UNDEFINED};
use super::session::Session;
use super::sql::Sql;
use crate::error::{Error, ErrorKind, Result};

/// The driver's options for connections to one file.
///
/// In WAL mode, reads continue during a write. A commit waits until it is on the disk (`synchronous
/// = FULL`), so that acknowledged writes are durable.
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
        // LIKE is case-sensitive, as on the other databases.
        .pragma("case_sensitive_like", "on")
        .pragma("ignore_check_constraints", "off")
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

/// The pause before another attempt to open a file that another connection initializes.
const PAUSE: Duration = Duration::from_millis(5);

/// The number of instructions of SQLite's machine between two checks whether a statement was
/// interrupted: well under a millisecond.
const INSTRUCTIONS: i32 = 10_000;

/// The state of a connection to SQLite.
pub(crate) struct SqliteState {
    /// Interrupts the running statement.
    pub(super) stop: Arc<AtomicBool>,
    /// The file to be attached that did not exist when the connection was opened.
    pub(super) missed: Option<Box<Attached>>,
    /// The name of the attached file.
    pub(super) attached: Option<Box<str>>,
}

/// Opens the file and attaches the static tables.
///
/// Two connections that change a new file to WAL mode at once would deadlock, which SQLite reports
/// without regard to the busy timeout. So the busy timeout is applied here.
pub(super) async fn connect(
    options: &SqliteConnectOptions,
    session: &Session,
) -> std::result::Result<(SqliteConnection, SqliteState), sqlx::Error> {
    let mut connection = open(options, session).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    connection
        .lock_handle()
        .await?
        .set_progress_handler(INSTRUCTIONS, move || !seen.load(Ordering::Relaxed));
    let (mut missed, mut attached) = (None, None);
    if let Some(file) = &session.attached {
        if attach(file, &mut connection).await {
            attached = Some(file.name.as_str().into());
        } else {
            missed = Some(Box::new(file.clone()));
        }
    }
    let known = SqliteState {
        stop,
        missed,
        attached,
    };
    Ok((connection, known))
}

/// Attaches the file of static tables, and returns whether it exists. If it cannot be read, the
/// connection's own tables are still usable.
async fn attach(file: &Attached, connection: &mut SqliteConnection) -> bool {
    let Some(attach) = file.exists().then(|| file.attach()).flatten() else {
        return false;
    };
    let attached = sqlx::raw_sql(AssertSqlSafe(attach))
        .execute(connection)
        .await;
    if let Err(error) = &attached {
        tracing::warn!(
            target: "shard_orm",
            file = %file.file.display(),
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

/// A statement that reloads the schema if another connection has changed it.
///
/// SQLite expands a `*` by the schema that the connection has cached, and detects a change only
/// when the statement runs. The statement then has other columns than the driver has noted, and its
/// thread panics at the first row.
const REFRESH: &str = "SELECT 0 FROM sqlite_schema LIMIT 0;\n";

/// The user's own SQL as it is sent, and whether its plan may be cached. One with a `*` is expanded
/// each time, by the current tables.
pub(super) fn user_sql(text: String) -> (String, bool) {
    if text.replace("(*)", "").contains('*') {
        (REFRESH.to_owned() + &text, false)
    } else {
        (text, true)
    }
}

/// Returns whether the first statement of a text is the library's own.
pub(super) fn is_refreshing(sql: &Sql) -> bool {
    !sql.persistent && sql.text.starts_with(REFRESH)
}

/// The statements that read the file, and the attached one.
pub(super) fn refresh(known: &SqliteState) -> String {
    let mut text = REFRESH.trim_end().to_owned();
    if let Some(name) = &known.attached {
        // The name is one of a namespace, which needs no escapes.
        text.push_str(&format!("SELECT 0 FROM \"{name}\".sqlite_schema LIMIT 0"));
    }
    text
}

/// The time within which an idle thread of the driver responds.
const ALIVE: Duration = Duration::from_secs(5);

/// The results of all statements in a text.
///
/// If the thread dies in a later statement, the end of an earlier one would look like the end of
/// all. So the thread is pinged at the end. It does not respond to requests that arrive while it
/// dies.
pub(super) fn fetch_all<'c>(
    connection: &'c mut SqliteConnection,
    text: Arc<str>,
) -> BoxStream<'c, sqlx::Result<Either<SqliteQueryResult, SqliteRow>>> {
    let several = text.trim_end().trim_end_matches(';').contains(';');
    let text = sqlx::raw_sql(AssertSqlSafe(text));
    if !several {
        return connection.fetch_many(text);
    }
    async_stream::try_stream! {
        {
            let mut results = (&mut *connection).fetch_many(text);
            while let Some(result) = results.try_next().await? {
                yield result;
            }
        }
        let alive = tokio::time::timeout(ALIVE, connection.ping()).await;
        alive.unwrap_or(Err(sqlx::Error::WorkerCrashed))?;
    }
    .boxed()
}

/// Measures the strings and byte strings in rows of one result, without the columns that hold a number in the first row.
/// Called after a row is decoded: the driver decodes no number from a value that was borrowed as bytes.
pub(super) fn sizes() -> impl FnMut(&SqliteRow) -> usize {
    let mut measured: Option<Vec<usize>> = None;
    move |row| {
        let measured = measured.get_or_insert_with(|| {
            let holds_number = |ordinal: &usize| {
                let value = row.try_get_raw(*ordinal);
                value.is_ok_and(|value| matches!(value.type_info().name(), "INTEGER" | "REAL"))
            };
            (0..row.len())
                .filter(|ordinal| !holds_number(ordinal))
                .collect()
        });
        let size = |ordinal: &usize| {
            let value = row.try_get_raw(*ordinal).ok()?;
            let has_bytes = matches!(value.type_info().name(), "TEXT" | "BLOB");
            let bytes = has_bytes.then(|| <&[u8] as Decode<Sqlite>>::decode(value));
            Some(bytes?.ok()?.len())
        };
        measured.iter().filter_map(size).sum()
    }
}

/// Reads a value that is not NULL. The driver alone would read NULL as zero or as an empty text.
pub(super) fn read<'r, T>(row: &'r SqliteRow, ordinal: usize) -> sqlx::Result<T>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
{
    let raw = row.try_get_raw(ordinal)?;
    let class = raw.type_info();
    // Of NULL the driver gives the type of the column.
    if T::compatible(&class) && !raw.is_null() {
        return T::decode(raw).map_err(sqlx::Error::Decode);
    }
    if raw.is_null() {
        return Err(sqlx::Error::Decode(Box::new(UnexpectedNullError)));
    }
    // Says how they differ.
    row.try_get(ordinal)
}

/// Reads a value of whichever storage class it has.
pub(super) fn of_storage_class(row: &SqliteRow, ordinal: usize) -> sqlx::Result<Value> {
    let raw = row.try_get_raw(ordinal)?;
    if raw.is_null() {
        return Ok(Value::String(None));
    }
    let class = raw.type_info();
    Ok(match TypeInfo::name(&*class) {
        "INTEGER" | "BOOLEAN" => Value::BigInt(Some(row.try_get_unchecked(ordinal)?)),
        "REAL" => Value::Double(Some(row.try_get_unchecked(ordinal)?)),
        "BLOB" => Value::Bytes(Some(row.try_get_unchecked(ordinal)?)),
        _ => Value::String(Some(row.try_get_unchecked(ordinal)?)),
    })
}

/// The errors of SQLite.
pub(super) const CODES: Codes = Codes {
    classify,
    constraint: |reported| constraint(reported.message()),
};

/// The codes of SQLite: "Result and Error Codes" in its documentation.
fn classify(reported: &dyn DatabaseError) -> Class {
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
    // The low byte is the primary code of an extended one.
    match code & 0xff {
        1 if is_undefined(reported.message()) => Class::of(Kind::UndefinedTable).hint(UNDEFINED),
        // These may have rolled the transaction back: "Response To Errors Within A Transaction"
        // in its documentation.
        5 | 6 | 9 => Class::of(Kind::Timeout).rolled_back(),
        // SQLite prepares it again many times, and then gives up.
        17 => Class::stale(Stale::Failed),
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

/// The columns in a message such as `UNIQUE constraint failed: orders.id`.
fn constraint(message: &str) -> Option<String> {
    let (_, name) = message.split_once("constraint failed: ")?;
    Some(name.to_owned())
}
