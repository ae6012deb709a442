//! Locks that a server keeps for one session: the advisory locks of PostgreSQL, and `GET_LOCK` of
//! MySQL and MariaDB.
//!
//! Called by `lock`, on connections of its own. A session that says nothing for the time of its lock
//! is ended by the server, and its locks with it.

use std::time::Duration;

use super::{Conn, Failure};
use crate::error::Error;

/// What a lock is called on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AdvisoryLock {
    /// On PostgreSQL.
    pub(crate) number: i64,
    /// On MySQL and MariaDB: up to 64 characters.
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
                "this database keeps no locks for a session",
            ))),
        }
    };
}

// A build with SQLite alone has no use for the arguments.
#[allow(unused_variables)]
impl Conn {
    /// Takes a lock, unless another session has it. The server ends this session when it has the
    /// lock and says nothing for `ttl`.
    pub(crate) async fn advisory_lock(
        &mut self,
        lock: &AdvisoryLock,
        ttl: Duration,
    ) -> Result<bool, Failure> {
        each!(self, lock, lock(ttl))
    }

    /// Whether this session has a lock. The time in which it may say nothing begins anew.
    pub(crate) async fn advisory_ping(
        &mut self,
        lock: &AdvisoryLock,
        ttl: Duration,
    ) -> Result<bool, Failure> {
        each!(self, lock, ping(ttl))
    }

    /// Gives a lock back; says whether this session had it.
    pub(crate) async fn advisory_unlock(&mut self, lock: &AdvisoryLock) -> Result<bool, Failure> {
        each!(self, lock, unlock())
    }

    /// Whether any session has a lock.
    pub(crate) async fn is_advisory_locked(
        &mut self,
        lock: &AdvisoryLock,
    ) -> Result<bool, Failure> {
        each!(self, lock, is_locked())
    }
}
