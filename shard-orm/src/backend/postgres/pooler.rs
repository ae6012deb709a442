//! Detection of poolers, such as PgBouncer, that do not reserve a server session for each client.
//!
//! Called by `postgres::connect` for each new connection whose session was not started for this
//! client. A prepared statement is found by its name in the server's session, and the driver uses
//! the same names on each connection: with a pooler that switches sessions between transactions,
//! one client would run the statements of another. Settings, advisory locks and `LISTEN` belong to
//! a session as well.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};

use super::session::Begun;
use crate::error::{Error, ErrorKind};
use crate::random::random;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// The tolerance for a server's clock that is set forward while a connection opens. A session that
/// is taken for an older one by mistake is tested in vain.
const SLACK: Duration = Duration::from_millis(500);
/// The time within which a pooler cleans up after a client.
const CLEANING: Duration = Duration::from_secs(3);
/// The wait before the first check.
const PAUSE: Duration = Duration::from_millis(2);
/// The longest wait between two checks.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl Begun {
    /// Returns whether the server has started the session for this client, whose connection began
    /// to open `since`: it has the settings that this client requested, and is no older.
    pub(super) fn is_direct(self, since: Instant) -> bool {
        self.marked && self.age <= (since.elapsed() + SLACK).as_secs_f64()
    }
}

/// A test of a pooler: a session that was closed while it held a lock.
///
/// A pooler that reserves a session for a client releases the lock when the client disconnects, and
/// not before. One that switches sessions between transactions does neither or both.
#[derive(Debug)]
pub(super) struct Trial {
    lock: i64,
    /// Whether the lock was still held in the next transaction.
    kept: bool,
    /// The server with the lock. A pooler can use several servers.
    server: String,
}

impl Trial {
    /// Takes a lock that no other client takes, checks it in the next transaction, and closes the
    /// session.
    ///
    /// The statements are not prepared: they would be found by their names.
    pub(super) async fn begin(mut connection: PgConnection) -> Result<Self> {
        let lock = i64::from_ne_bytes(random().to_ne_bytes());
        let take = format!("SELECT pg_try_advisory_lock({lock}), true, {SERVER}");
        let taken = ask(&mut connection, take).await?;
        let own = held(lock, "pid = pg_backend_pid()");
        let look = format!("SELECT {own}, true, {SERVER}");
        let found = ask(&mut connection, look).await?;
        connection.close().await?;
        Ok(Self {
            lock,
            kept: taken.own && found.own,
            server: found.server,
        })
    }

    /// Returns whether the pooler reserves sessions, as another session sees it.
    pub(super) async fn is_passed(&self, connection: &mut PgConnection) -> Result<bool> {
        if !self.kept {
            return Ok(false);
        }
        // A lock of the other client that this session holds is released: nobody else would.
        let look = format!(
            "SELECT CASE WHEN {} THEN pg_advisory_unlock({}) ELSE false END, {}, {SERVER}",
            held(self.lock, "pid = pg_backend_pid()"),
            self.lock,
            held(self.lock, "true"),
        );
        let begun = Instant::now();
        let mut pause = PAUSE;
        loop {
            let seen = ask(connection, look.clone()).await?;
            if seen.own || seen.server != self.server {
                return Ok(false);
            }
            if !seen.any {
                return Ok(true);
            }
            if begun.elapsed() > CLEANING {
                return Ok(false);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// An expression that distinguishes servers.
const SERVER: &str = "extract(epoch FROM pg_postmaster_start_time())::text";

/// The lock as a session sees it.
struct Seen {
    /// Whether the session holds it.
    own: bool,
    /// Whether any session holds it.
    any: bool,
    server: String,
}

/// The condition that an advisory lock of a session is held.
fn held(lock: i64, by: &str) -> String {
    format!(
        "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND ((classid::int8 << 32) | objid::int8) = {lock} AND {by})"
    )
}

async fn ask(connection: &mut PgConnection, text: String) -> Result<Seen> {
    let row = connection
        .fetch_one(sqlx::raw_sql(AssertSqlSafe(text)))
        .await?;
    Ok(Seen {
        own: row.try_get(0)?,
        any: row.try_get(1)?,
        server: row.try_get(2)?,
    })
}

/// The error for a pooler that does not reserve sessions.
#[cold]
pub(super) fn refused() -> Error {
    Error::new(
        ErrorKind::Configuration,
        "the connection goes through a pooler that does not keep a server session for each of its \
         clients: prepared statements, settings and locks of one client would be another's; with \
         PgBouncer, set `pool_mode = session` and `server_reset_query = DISCARD ALL` for this \
         database and user, or let the URL lead to the server itself",
    )
    .with_source(SharedSessions)
}

/// The source of the error for such a pooler, by which it is recognized.
#[derive(Debug)]
struct SharedSessions;

impl std::fmt::Display for SharedSessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the pooler shares sessions between its clients")
    }
}

impl std::error::Error for SharedSessions {}

/// Returns whether an error is due to such a pooler.
pub(in crate::backend) fn is_refused(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<SharedSessions>() {
            return true;
        }
        source = error.source();
    }
    false
}
