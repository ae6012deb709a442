//! Advisory locks of a session: "Explicit Locking" in PostgreSQL's manual.
//!
//! A lock belongs to the database of the connection. `pg_locks` shows its number in two halves.

use std::time::Duration;

use sqlx::PgConnection;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// The statement that limits the time for which the session may be silent. Known from version 14
/// on.
macro_rules! within {
    () => {
        "CASE WHEN current_setting('idle_session_timeout', true) IS NOT NULL \
         THEN set_config('idle_session_timeout', $2, false) END"
    };
}

/// The sessions that hold the lock of this number in this database: one at most.
macro_rules! holders {
    () => {
        " FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND ((classid::int8 << 32) | objid::int8) = $1"
    };
}

/// The limit does not apply to a session that did not get the lock. `OFFSET` limits the attempts to
/// one.
const LOCK: &str = concat!(
    "SELECT locked, CASE WHEN locked THEN ",
    within!(),
    " END FROM (SELECT pg_try_advisory_lock($1) AS locked OFFSET 0) AS attempt"
);
const PING: &str = concat!(
    "SELECT EXISTS (SELECT",
    holders!(),
    " AND pid = pg_backend_pid()), ",
    within!()
);
const UNLOCK: &str = "SELECT pg_advisory_unlock($1)";
const IS_LOCKED: &str = concat!("SELECT EXISTS (SELECT", holders!(), ")");
#[cfg(feature = "reshard")]
const EVICT: &str = concat!("SELECT count(pg_terminate_backend(pid))", holders!());

pub(in crate::backend) async fn lock(
    connection: &mut PgConnection,
    number: i64,
    ttl: Duration,
) -> Result<bool> {
    within(connection, LOCK, number, ttl).await
}

pub(in crate::backend) async fn ping(
    connection: &mut PgConnection,
    number: i64,
    ttl: Duration,
) -> Result<bool> {
    within(connection, PING, number, ttl).await
}

async fn within(
    connection: &mut PgConnection,
    text: &'static str,
    number: i64,
    ttl: Duration,
) -> Result<bool> {
    let most = u128::from(i32::MAX.unsigned_abs());
    let (answer, _): (bool, Option<String>) = sqlx::query_as(text)
        .bind(number)
        .bind(format!("{}ms", ttl.as_millis().clamp(1, most)))
        .fetch_one(connection)
        .await?;
    Ok(answer)
}

pub(in crate::backend) async fn unlock(connection: &mut PgConnection, number: i64) -> Result<bool> {
    ask(connection, UNLOCK, number).await
}

pub(in crate::backend) async fn is_locked(
    connection: &mut PgConnection,
    number: i64,
) -> Result<bool> {
    ask(connection, IS_LOCKED, number).await
}

/// Ends the session that holds a lock. A role may end its own sessions.
#[cfg(feature = "reshard")]
pub(in crate::backend) async fn evict(connection: &mut PgConnection, number: i64) -> Result<()> {
    let ended = sqlx::query(EVICT).bind(number).execute(connection).await;
    match ended {
        // The session of another role: whether the lock can be taken tells more.
        Err(sqlx::Error::Database(_)) => Ok(()),
        ended => ended.map(drop),
    }
}

async fn ask(connection: &mut PgConnection, text: &'static str, number: i64) -> Result<bool> {
    sqlx::query_scalar(text)
        .bind(number)
        .fetch_one(connection)
        .await
}
