//! PostgreSQL: opening of sessions, error codes, and arrays of whole columns.

pub(super) mod advisory;
pub(super) mod pooler;
mod session;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use sqlx::encode::{Encode, IsNull};
use sqlx::error::{BoxDynError, DatabaseError};
use sqlx::postgres::{
    PgArgumentBuffer, PgArguments, PgConnectOptions, PgDatabaseError, PgHasArrayType,
    PgPoolOptions, PgSeverity, PgTypeInfo, Postgres,
};
use sqlx::{Arguments as _, ConnectOptions as _, Connection as _, PgConnection, PgPool, Type};

use super::failure::{
    Class, Codes, Failure, Stale, UNDEFINED, not_encoded, unbracketed, unreadable_url,
};
use super::observed::{Observed, ProbeLevel};
use super::position::{Position, Wal};
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use pooler::Trial;
use session::Begun;

/// The driver's options for sessions of one endpoint.
pub(super) fn options(session: &Session) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(&session.url).map_err(|_| unreadable_url())?;
    let host = unbracketed(options.get_host()).map(str::to_owned);
    let mut options = match host {
        Some(host) => options.host(&host),
        None => options,
    };
    options = options
        .extra_float_digits(session::MARK)
        .statement_cache_capacity(session.statement_cache)
        .disable_statement_logging();
    if options.get_application_name().is_none() {
        options = options.application_name("shard-orm");
    }
    Ok(options)
}

/// Opens and initializes a session. One that comes from a pooler is tested first.
pub(super) async fn connect(
    options: &PgConnectOptions,
    session: &Session,
) -> std::result::Result<PgConnection, Failure> {
    let text = session::text(session);
    let since = Instant::now();
    let (connection, begun) = open(options, &text).await.map_err(not_opened)?;
    if begun.is_direct(since) {
        return Ok(connection);
    }
    let trial = Trial::begin(connection).await.map_err(not_opened)?;
    let (mut connection, _) = open(options, &text).await.map_err(not_opened)?;
    if trial.is_passed(&mut connection).await.map_err(not_opened)? {
        Ok(connection)
    } else {
        Err(Failure::own(pooler::refused()))
    }
}

/// The failure of a session that could not be opened.
fn not_opened(source: sqlx::Error) -> Failure {
    let sqlx::Error::Database(reported) = &source else {
        return Failure::at_opening(&CODES, source);
    };
    let advice = if reported.message().contains("startup parameter") {
        "with PgBouncer, name it in `ignore_startup_parameters`"
    } else if reported.code().as_deref() == Some("42501") {
        // A setting that the library relies on has another value, which this user may not change.
        "sessions rely on it: reset it for the server, the database and the user, as with \
         `ALTER ROLE .. RESET`"
    } else {
        return Failure::at_opening(&CODES, source);
    };
    let message = format!("{}; {advice}", reported.message());
    Failure::not_opened(ErrorKind::Configuration, message, source)
}

/// A pool of the driver with one session, which is initialized and tested like others.
pub(super) fn pool(options: &PgConnectOptions, session: &Session) -> PgPool {
    let text: Arc<str> = session::text(session).into();
    let known = options.clone();
    PgPoolOptions::new()
        .max_connections(1)
        .after_connect(move |connection, _| {
            let (text, options) = (Arc::clone(&text), known.clone());
            Box::pin(async move {
                // The session was opened just now, without other waits.
                let since = Instant::now();
                let begun = session::set_up(connection, &text).await?;
                if begun.is_direct(since) {
                    return Ok(());
                }
                let (other, _) = open(&options, &text).await?;
                let trial = Trial::begin(other).await?;
                if trial.is_passed(connection).await? {
                    Ok(())
                } else {
                    Err(sqlx::Error::Configuration(Box::new(pooler::refused())))
                }
            })
        })
        .connect_lazy_with(options.clone())
}

/// The error of a session of [`pool`].
pub(super) fn not_listening(source: sqlx::Error) -> Error {
    match source {
        sqlx::Error::Configuration(source) => match source.downcast::<Error>() {
            Ok(own) => *own,
            Err(source) => {
                let source = sqlx::Error::Configuration(source);
                Failure::of(&CODES, source).error
            }
        },
        source => Failure::of(&CODES, source).error,
    }
}

async fn open(
    options: &PgConnectOptions,
    text: &str,
) -> std::result::Result<(PgConnection, Begun), sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let begun = session::set_up(&mut connection, text).await?;
    Ok((connection, begun))
}

/// The query for the size of the lock table ("Lock Management" in the manual's chapter on
/// configuration), and for the number of relations that a reader of a table locks: the table, its
/// partitions, and the indexes of all.
const LOCK_ROOM: &str = "\
WITH RECURSIVE tables (id) AS (\
SELECT to_regclass($1)::oid UNION ALL \
SELECT inhrelid FROM pg_inherits JOIN tables ON inhparent = id) \
SELECT current_setting('max_locks_per_transaction')::int8 * \
(current_setting('max_connections')::int8 + current_setting('max_prepared_transactions')::int8), \
(SELECT count(*) FROM tables) + \
(SELECT count(*) FROM pg_index JOIN tables ON indrelid = id)";

pub(super) async fn lock_room(
    connection: &mut PgConnection,
    table: &str,
) -> std::result::Result<(i64, i64), sqlx::Error> {
    sqlx::query_as(LOCK_ROOM)
        .bind(table)
        .persistent(false)
        .fetch_one(connection)
        .await
}

/// The query for the role of a server and its position in the log.
///
/// A primary answers with the end of its log on its own timeline. A standby answers with what it
/// has replayed; its timeline is the newest of what its control file and its receiver name, each
/// of which is a timeline that it has come to. The receiver's is seen by members of
/// `pg_read_all_stats` alone; without it a standby is known to be on a new timeline after its next
/// restart point.
const OBSERVE: &str = "\
SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', \
(SELECT system_identifier FROM pg_control_system()), \
CASE WHEN pg_is_in_recovery() THEN GREATEST(\
(SELECT timeline_id FROM pg_control_checkpoint()), \
(SELECT min_recovery_end_timeline FROM pg_control_recovery()), \
(SELECT received_tli FROM pg_stat_wal_receiver LIMIT 1)) \
ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int4 END, \
CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::int8 \
ELSE (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8 END, \
current_setting('wal_block_size')::int8, \
pg_size_bytes(current_setting('wal_segment_size'))";

/// The query for the role alone. The transactions of a standby are read-only, and those of a
/// primary that was fenced off by `default_transaction_read_only`.
const OBSERVE_ROLE: &str =
    "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";

pub(super) async fn observe(
    connection: &mut PgConnection,
    level: ProbeLevel,
) -> std::result::Result<Observed, sqlx::Error> {
    if level != ProbeLevel::Full {
        let (standby, read_only): (bool, bool) =
            sqlx::query_as(OBSERVE_ROLE).fetch_one(connection).await?;
        return Ok(Observed {
            writable: !read_only,
            follows: standby,
            position: None,
        });
    }
    type Response = (bool, bool, i64, Option<i32>, Option<i64>, i64, i64);
    let (standby, read_only, system, timeline, lsn, block, segment): Response =
        sqlx::query_as(OBSERVE).fetch_one(connection).await?;
    let position = match (timeline, lsn) {
        (Some(timeline), Some(lsn)) => {
            let (system, timeline) = (system.cast_unsigned(), timeline.cast_unsigned());
            let lsn = lsn.cast_unsigned();
            let wal = if standby {
                Wal {
                    system,
                    timeline,
                    lsn,
                }
            } else {
                Wal::of_insert(
                    system,
                    timeline,
                    lsn,
                    block.cast_unsigned(),
                    segment.cast_unsigned(),
                )
            };
            Some(Position::Wal(wal))
        }
        // A standby that has replayed nothing yet.
        _ => None,
    };
    Ok(Observed {
        writable: !standby && !read_only,
        follows: standby,
        position,
    })
}

/// The errors of PostgreSQL.
pub(super) const CODES: Codes = Codes {
    classify,
    constraint: |reported| reported.constraint().map(str::to_owned),
};

/// The codes of PostgreSQL: its manual, appendix A.
fn classify(reported: &dyn DatabaseError) -> Class {
    let code = reported.code().unwrap_or_default();
    let class = stale(&code, reported).unwrap_or_else(|| of_code(&code));
    let severity = reported
        .try_downcast_ref::<PgDatabaseError>()
        .map(PgDatabaseError::severity);
    match severity {
        // The server has ended the session.
        Some(PgSeverity::Fatal | PgSeverity::Panic) => Class {
            lost: true,
            ..class
        },
        _ => class,
    }
}

fn of_code(code: &str) -> Class {
    use ErrorKind as Kind;
    match code {
        "23505" => Class::of(Kind::Unique),
        "23001" | "23503" => Class::of(Kind::ForeignKey),
        "23502" => Class::of(Kind::NotNull),
        "23514" | "23P01" => Class::of(Kind::Check),
        "40001" => Class::of(Kind::Serialization),
        "40P01" => Class::of(Kind::Deadlock),
        "57014" | "55P03" => Class::of(Kind::Timeout),
        "25006" => Class::of(Kind::ReadOnly),
        "53100" => Class::of(Kind::StorageFull),
        "25P02" => Class::of(Kind::TransactionEnded),
        "25P03" | "25P04" => Class::lost(Kind::TransactionEnded),
        // The last is a name that something else than a table has, as a tombstone does.
        "42P01" | "42703" | "3F000" | "42809" => Class::of(Kind::UndefinedTable).hint(UNDEFINED),
        "42P10" => Class::of(Kind::Configuration)
            .hint("the conflict target needs a unique index over exactly its columns"),
        "53300" => Class::lost(Kind::Unavailable)
            .hint("lower `max_connections` of the pools or raise the server's"),
        "3D000" | "28000" | "28P01" => Class::lost(Kind::Configuration)
            .hint("check the database, the user and the password in the URL"),
        "08P01" => Class::of(Kind::Unsupported)
            .hint("give the statement as many arguments as it has placeholders"),
        code if code.starts_with("57P") || code.starts_with("08") => Class::lost(Kind::Unavailable),
        code if code.starts_with("22") => Class::of(Kind::Check),
        code if code.starts_with("40") => Class::of(Kind::Serialization),
        _ => Class::of(Kind::Database),
    }
}

/// The class of a prepared statement that is out of date. An error with a context comes from a
/// function: statements before it in a procedure may have been committed.
fn stale(code: &str, reported: &dyn DatabaseError) -> Option<Class> {
    let driver: &PgDatabaseError = reported.try_downcast_ref()?;
    if driver.r#where().is_some() {
        return None;
    }
    match code {
        // "cached plan must not change result type", in the language of the server.
        "0A000" if driver.routine() == Some("RevalidateCachedQuery") => {
            Some(Class::stale(Stale::Refused))
        }
        // The session was reset, and its settings with it.
        "26000" => Some(Class::stale(Stale::Refused).replaced()),
        // An object of the plan was dropped. These messages are not translated.
        "XX000"
            if driver.message().starts_with("cache lookup failed for ")
                || driver
                    .message()
                    .starts_with("could not open relation with OID ") =>
        {
            Some(Class::stale(Stale::Failed))
        }
        _ => None,
    }
}

/// One column of many rows, encoded as the elements of an array.
///
/// The layout is that of `array_send` in PostgreSQL's `arrayfuncs.c`: dimensions, a flag for
/// NULLs, the element type, length and lower bound, then each element with its length.
#[derive(Default)]
pub(super) struct ColumnArray {
    elements: PgArgumentBuffer,
    count: i32,
    has_null: bool,
    /// The type of an element and of the array.
    types: Option<(PgTypeInfo, PgTypeInfo)>,
}

impl ColumnArray {
    /// Appends an element. All have one type, since one field binds them.
    pub(super) fn push<'q, T>(&mut self, value: T) -> Result<()>
    where
        T: Encode<'q, Postgres> + Type<Postgres> + PgHasArrayType,
    {
        self.types
            .get_or_insert_with(|| (T::type_info(), T::array_type_info()));
        let start = self.elements.len();
        self.elements.extend_from_slice(&[0; 4]);
        let length = match value.encode(&mut self.elements).map_err(not_encoded)? {
            IsNull::Yes => {
                self.has_null = true;
                -1
            }
            IsNull::No => i32::try_from(self.elements.len() - start - 4)
                .map_err(|source| not_encoded(source.into()))?,
        };
        self.elements[start..start + 4].copy_from_slice(&length.to_be_bytes());
        self.count += 1;
        Ok(())
    }

    pub(super) fn bind(self, args: &mut PgArguments) -> Result<()> {
        args.add(self).map_err(not_encoded)
    }
}

impl Type<Postgres> for ColumnArray {
    fn type_info() -> PgTypeInfo {
        <Vec<String> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for ColumnArray {
    fn produces(&self) -> Option<PgTypeInfo> {
        self.types.as_ref().map(|(_, array)| array.clone())
    }

    fn encode_by_ref(
        &self,
        buffer: &mut PgArgumentBuffer,
    ) -> std::result::Result<IsNull, BoxDynError> {
        let element = self
            .types
            .as_ref()
            .and_then(|(element, _)| element.oid())
            .ok_or("an array of no rows, or of a type without a number, cannot be sent")?;
        buffer.extend_from_slice(&1_i32.to_be_bytes());
        buffer.extend_from_slice(&i32::from(self.has_null).to_be_bytes());
        buffer.extend_from_slice(&element.0.to_be_bytes());
        buffer.extend_from_slice(&self.count.to_be_bytes());
        buffer.extend_from_slice(&1_i32.to_be_bytes());
        buffer.extend_from_slice(&self.elements);
        Ok(IsNull::No)
    }
}
