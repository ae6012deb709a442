//! Poolers between this client and the server, such as PgBouncer: which of them keep a server
//! session for one client.
//!
//! Asked by `postgres::connect` for each new connection that was not started for this client. A
//! prepared statement is found by its name in the server's session, and the driver gives the same
//! names on each connection: where a pooler hands sessions from client to client between
//! transactions, one client would run another one's statements. Settings, advisory locks and
//! `LISTEN` belong to a session too.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};

use super::session::Begun;
use crate::error::{Error, ErrorKind};
use crate::random::random;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// By how much a server's clock may be set forward while a connection opens. A session that is
/// taken for an older one by mistake is only put to the trial for nothing.
const SLACK: Duration = Duration::from_millis(500);
/// How long a pooler may take to clean up after a client.
const CLEANING: Duration = Duration::from_secs(3);
/// How long to wait before the first look whether it has.
const PAUSE: Duration = Duration::from_millis(2);
/// The longest wait between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl Begun {
    /// Whether the server has started the session for this client, whose connection began to open
    /// `since`: it has the settings that this client asked for, and is no older.
    pub(super) fn is_direct(self, since: Instant) -> bool {
        self.marked && self.age <= (since.elapsed() + SLACK).as_secs_f64()
    }
}

/// A session that was given up with a lock in it.
///
/// A pooler that keeps a session for one client frees the lock when that client has gone, and not
/// before. One that hands sessions on between transactions does neither or both.
#[derive(Debug)]
pub(super) struct Trial {
    lock: i64,
    /// Whether the lock was there in the transaction after the one that took it.
    kept: bool,
    /// The server that has the lock. A pooler can have several behind it.
    server: String,
}

impl Trial {
    /// Takes a lock that nobody else takes, looks for it in the next transaction, and goes.
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

    /// Whether sessions are kept, seen from another session.
    pub(super) async fn is_passed(&self, connection: &mut PgConnection) -> Result<bool> {
        if !self.kept {
            return Ok(false);
        }
        // Where another client's lock is this session's own, it is freed: nobody else would.
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

/// Tells servers apart.
const SERVER: &str = "extract(epoch FROM pg_postmaster_start_time())::text";

/// What a session sees of the lock.
struct Seen {
    /// Whether it is the session's own.
    own: bool,
    /// Whether any session has it.
    any: bool,
    server: String,
}

/// Whether an advisory lock of a session is held.
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

/// The error for a pooler that does not keep sessions.
#[cold]
pub(super) fn refused() -> Error {
    Error::new(
        ErrorKind::Configuration,
        "the connection goes through a pooler that does not keep a server session for each of its \
         clients: prepared statements, settings and locks of one client would be another's; with \
         PgBouncer, set `pool_mode = session` and `server_reset_query = DISCARD ALL` for this \
         database and user, or let the URL lead to the server itself",
    )
}
