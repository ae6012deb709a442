//! Locks of a session by `GET_LOCK`: "Locking Functions" in MySQL's manual.
//!
//! A lock belongs to the server, whatever the database of the connection.

use std::time::Duration;

use sqlx::MySqlConnection;

type Result<T> = std::result::Result<T, sqlx::Error>;

const LOCK: &str = "SELECT CAST(GET_LOCK(?, 0) AS SIGNED)";
const PING: &str = "SELECT CAST(IS_USED_LOCK(?) = CONNECTION_ID() AS SIGNED)";
const UNLOCK: &str = "SELECT CAST(RELEASE_LOCK(?) AS SIGNED)";
#[cfg(feature = "reshard")]
const HOLDER: &str = "SELECT CAST(IS_USED_LOCK(?) AS SIGNED)";
const IS_LOCKED: &str = "SELECT CAST(IS_USED_LOCK(?) IS NOT NULL AS SIGNED)";

/// The largest `wait_timeout`, in seconds.
const LONGEST: u64 = 31_536_000;

pub(in crate::backend) async fn lock(
    connection: &mut MySqlConnection,
    name: &str,
    ttl: Duration,
) -> Result<bool> {
    let locked = ask(connection, LOCK, name).await?;
    // The limit does not apply to a session that did not get the lock.
    if locked {
        within(connection, ttl).await?;
    }
    Ok(locked)
}

pub(in crate::backend) async fn ping(
    connection: &mut MySqlConnection,
    name: &str,
    ttl: Duration,
) -> Result<bool> {
    within(connection, ttl).await?;
    ask(connection, PING, name).await
}

pub(in crate::backend) async fn unlock(
    connection: &mut MySqlConnection,
    name: &str,
) -> Result<bool> {
    ask(connection, UNLOCK, name).await
}

pub(in crate::backend) async fn is_locked(
    connection: &mut MySqlConnection,
    name: &str,
) -> Result<bool> {
    ask(connection, IS_LOCKED, name).await
}

/// Ends the session that holds a lock, and its statement. An account may end its own sessions.
#[cfg(feature = "reshard")]
pub(in crate::backend) async fn evict(connection: &mut MySqlConnection, name: &str) -> Result<()> {
    let holder: Option<i64> = sqlx::query_scalar(HOLDER)
        .bind(name)
        .fetch_one(&mut *connection)
        .await?;
    if let Some(holder) = holder {
        // It may have ended meanwhile, which is an error too: whether the lock can be taken tells more.
        let kill = sqlx::AssertSqlSafe(format!("KILL {holder}"));
        let _ = sqlx::raw_sql(kill).execute(connection).await;
    }
    Ok(())
}

/// Limits the time for which the session may be silent, in whole seconds and at least one.
async fn within(connection: &mut MySqlConnection, ttl: Duration) -> Result<()> {
    let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
    sqlx::query("SET SESSION wait_timeout = ?")
        .bind(seconds.clamp(1, LONGEST))
        .execute(connection)
        .await
        .map(drop)
}

async fn ask(connection: &mut MySqlConnection, text: &'static str, name: &str) -> Result<bool> {
    // NULL: no session holds it.
    let answer: Option<i64> = sqlx::query_scalar(text)
        .bind(name)
        .fetch_one(connection)
        .await?;
    Ok(answer == Some(1))
}
