//! Locks that a server keeps for one session: the advisory locks of PostgreSQL, and `GET_LOCK` of
//! MySQL and MariaDB.
//!
//! Called by `lock`, on dedicated connections. The server ends a session that is silent for the
//! time of its lock, which releases the lock.

use std::time::Duration;

use super::{Conn, Failure};
use crate::error::Error;

/// The name of a lock on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AdvisoryLock {
    /// The number on PostgreSQL.
    pub(crate) number: i64,
    /// The name on MySQL and MariaDB, of up to 64 characters.
    pub(crate) name: String,
}

/// Calls the function of the connection's database.
macro_rules! each {
    ($conn:expr, $lock:ident, $function:ident($($argument:expr),*)) => {
        match *$conn {
            #[cfg(feature = "postgres")]
            Conn::Postgres(ref mut conn) => {
                super::postgres::advisory::$function(conn, $lock.number, $($argument),*)
                    .await
                    .map_err(|source| Failure::from_driver(crate::Dialect::Postgres, source))
            }
            #[cfg(feature = "mysql")]
            Conn::MySql(ref mut conn, _) => {
                super::mysql::advisory::$function(conn, &$lock.name, $($argument),*)
                    .await
                    .map_err(|source| Failure::from_driver(crate::Dialect::MySql, source))
            }
            #[allow(unreachable_patterns)]
            _ => Err(Failure::own(Error::unsupported(
                "this database has no session locks",
            ))),
        }
    };
}

// A build with SQLite alone does not use the arguments.
#[allow(unused_variables)]
impl Conn {
    /// Takes a lock unless another session holds it. The server ends this session if it holds the
    /// lock and is silent for `ttl`.
    pub(crate) async fn advisory_lock(
        &mut self,
        lock: &AdvisoryLock,
        ttl: Duration,
    ) -> Result<bool, Failure> {
        each!(self, lock, lock(ttl))
    }

    /// Returns whether this session holds the lock, and restarts the time for which it may be
    /// silent.
    pub(crate) async fn advisory_ping(
        &mut self,
        lock: &AdvisoryLock,
        ttl: Duration,
    ) -> Result<bool, Failure> {
        each!(self, lock, ping(ttl))
    }

    /// Releases a lock, and returns whether this session held it.
    pub(crate) async fn advisory_unlock(&mut self, lock: &AdvisoryLock) -> Result<bool, Failure> {
        each!(self, lock, unlock())
    }

    /// Ends the session that holds the lock, if one does, together with the statement that it runs.
    #[cfg(feature = "reshard")]
    pub(crate) async fn advisory_evict(&mut self, lock: &AdvisoryLock) -> Result<(), Failure> {
        each!(self, lock, evict())
    }

    /// Returns whether any session holds the lock.
    pub(crate) async fn is_advisory_locked(
        &mut self,
        lock: &AdvisoryLock,
    ) -> Result<bool, Failure> {
        each!(self, lock, is_locked())
    }
}
