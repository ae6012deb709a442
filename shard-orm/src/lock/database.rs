//! Locks that a server keeps for a session: PostgreSQL's advisory locks, `GET_LOCK` of MySQL and
//! MariaDB.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::name::advisory;
use super::{Acquired, Answer, LockManager, Token};
use crate::backend::{AdvisoryLock, Conn, Failure, Stale};
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};

/// Locks that the server of a named database keeps for a session: advisory locks on PostgreSQL,
/// `GET_LOCK` on MySQL and MariaDB.
///
/// Each lock that is held has a connection of its own, beside those of the pool, which ends with the
/// lock; one more is kept to ask with, after a lock was found taken. So a server needs room for one connection for each lock and
/// process (`max_connections`), and a proxy that shares sessions between clients (PgBouncer in
/// transaction mode) does not serve.
///
/// A lock ends with its session. A session that says nothing for the time of its lock is ended by the
/// server: by `idle_session_timeout` (PostgreSQL from 14 on; before, only the end of the connection
/// ends a lock), or by `wait_timeout` (MySQL and MariaDB, in whole seconds). A ping that is given up
/// before it was answered ends the connection, and the lock.
///
/// SQLite has no sessions: use [`LeaseLocks`](super::LeaseLocks) there.
///
/// # Names on the server
/// Whoever wants to look at locks, or take the same ones from elsewhere: a lock is named by the
/// BLAKE2b-512 hash of the cluster's name, a zero byte, and the key. On PostgreSQL its first 8 bytes,
/// big-endian, are the number of `pg_advisory_lock(bigint)`, in the connection's database. On MySQL
/// and MariaDB, where locks belong to the server as a whole, the name is the first 31 characters of
/// the key, with `_` for all but letters, digits and `-_.:`, then `/`, then the first 16 bytes in
/// hexadecimal.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// use shard_orm::lock::{DatabaseLocks, Guard};
///
/// let locks = Arc::new(DatabaseLocks::new(cluster, "default")?);
/// let guard = Guard::acquire(locks, "copy", Duration::from_secs(30)).await?;
/// # Ok(())
/// # }
/// ```
pub struct DatabaseLocks {
    cluster: Cluster,
    database: String,
    held: Mutex<HashMap<Token, Arc<Held>>>,
    /// The connection to ask with. One attempt at a time: many that wait for a lock need no more
    /// connections than one.
    spare: tokio::sync::Mutex<Option<Session>>,
}

/// A lock with its session.
struct Held {
    key: String,
    lock: AdvisoryLock,
    /// Taken out while the session is asked: what is given up in the middle does not come back.
    conn: tokio::sync::Mutex<Option<Session>>,
}

/// A connection, and what it leads to.
struct Session {
    conn: Conn,
    handle: Arc<NamespaceHandle>,
    endpoint: usize,
}

impl DatabaseLocks {
    /// Locks of the server of a named database. Asks it nothing.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) on SQLite; [`Configuration`](ErrorKind::Configuration)
    /// when there is no such database.
    pub fn new(cluster: &Cluster, database: impl Into<String>) -> Result<Self> {
        let locks = Self {
            cluster: cluster.clone(),
            database: database.into(),
            held: Mutex::default(),
            spare: tokio::sync::Mutex::default(),
        };
        locks.handle()?;
        Ok(locks)
    }

    fn handle(&self) -> Result<Arc<NamespaceHandle>> {
        let handle = self.cluster.handle_of_database(&self.database)?;
        let support = handle.dialect().capability().session_locks;
        support.require_for(|| format!("database `{}`", self.database))?;
        Ok(handle)
    }

    async fn take(&self, key: &str, token: &Token, ttl: Duration) -> Result<Option<Acquired>> {
        let handle = self.handle()?;
        let lock = advisory(&handle.cluster, key);
        let mut spare = self.spare.lock().await;
        let endpoint = handle.writer()?.index();
        let mut known = spare.take().filter(|session| {
            Arc::ptr_eq(&session.handle, &handle) && session.endpoint == endpoint
        });
        loop {
            let was_known = known.is_some();
            let mut session = match known.take() {
                Some(session) => session,
                None => Session::open(&handle).await?,
            };
            match bounded(ttl, session.conn.advisory_lock(&lock, ttl)).await {
                Ok(true) => {
                    let held = Held {
                        key: key.to_owned(),
                        lock,
                        conn: tokio::sync::Mutex::new(Some(session)),
                    };
                    self.held().insert(*token, Arc::new(held));
                    return Ok(Some(Acquired::new()));
                }
                Ok(false) => {
                    *spare = Some(session);
                    return Ok(None);
                }
                // The server ends what is idle for long. What it may have locked ended with it.
                Err(failure) if failure.lost && was_known => {}
                Err(failure) => return Err(failure.error),
            }
        }
    }

    async fn extend(&self, key: &str, token: &Token, ttl: Duration) -> Result<bool> {
        let Some(held) = self.find(key, token) else {
            return Ok(false);
        };
        let mut handle = held.conn.lock().await;
        let Some(mut session) = handle.take() else {
            self.held().remove(token);
            return Ok(false);
        };
        match bounded(ttl, session.conn.advisory_ping(&held.lock, ttl)).await {
            Ok(true) => {
                *handle = Some(session);
                Ok(true)
            }
            Err(failure) if !failure.lost => {
                *handle = Some(session);
                Err(failure.error)
            }
            // Without its session there is no lock.
            Ok(false) | Err(_) => {
                self.held().remove(token);
                Ok(false)
            }
        }
    }

    async fn give_back(&self, key: &str, token: &Token) -> Result<bool> {
        let Some(held) = self.find(key, token) else {
            return Ok(false);
        };
        self.held().remove(token);
        let Some(mut session) = held.conn.lock().await.take() else {
            return Ok(false);
        };
        let limit = session.handle.acquire_timeout();
        // Whatever comes of it, the lock ends with the session.
        match bounded(limit, session.conn.advisory_unlock(&held.lock)).await {
            Ok(was_held) => {
                // Not kept: it would be ended for saying nothing.
                if timeout(limit, session.conn.close()).await.is_err() {
                    tracing::debug!(target: "shard_orm", "a server did not answer when a lock's connection was closed");
                }
                Ok(was_held)
            }
            Err(failure) if failure.lost => Ok(false),
            Err(failure) => Err(failure.error),
        }
    }

    async fn look(&self, key: &str) -> Result<bool> {
        let handle = self.handle()?;
        let lock = advisory(&handle.cluster, key);
        let mut lease = handle.writer()?.acquire().await?;
        let asked = lease.conn()?.is_advisory_locked(&lock);
        match bounded(handle.acquire_timeout(), asked).await {
            Ok(locked) => {
                lease.settle();
                Ok(locked)
            }
            Err(failure) => {
                if failure.lost {
                    lease.lost();
                } else {
                    lease.settle();
                }
                Err(failure.error)
            }
        }
    }

    fn find(&self, key: &str, token: &Token) -> Option<Arc<Held>> {
        let held = self.held();
        held.get(token)
            .filter(|held| held.key == key)
            .map(Arc::clone)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Token, Arc<Held>>> {
        // No code that can panic runs under the lock.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    async fn open(handle: &Arc<NamespaceHandle>) -> Result<Self> {
        let endpoint = handle.writer()?;
        Ok(Self {
            conn: endpoint.open_dedicated().await?,
            handle: Arc::clone(handle),
            endpoint: endpoint.index(),
        })
    }
}

/// What a session answers; a lost connection when it does not within the limit.
async fn bounded<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(limit, asked).await.unwrap_or_else(|_| {
        Err(Failure {
            error: Error::new(
                ErrorKind::Unavailable,
                format!("the server did not answer what a lock asked it within {limit:?}"),
            ),
            lost: true,
            rolled_back: true,
            stale: Stale::No,
        })
    })
}

impl LockManager for DatabaseLocks {
    fn lock<'a>(
        &'a self,
        key: &'a str,
        token: &'a Token,
        ttl: Duration,
    ) -> Answer<'a, Option<Acquired>> {
        Box::pin(self.take(key, token, ttl))
    }

    fn ping<'a>(&'a self, key: &'a str, token: &'a Token, ttl: Duration) -> Answer<'a, bool> {
        Box::pin(self.extend(key, token, ttl))
    }

    fn release<'a>(&'a self, key: &'a str, token: &'a Token) -> Answer<'a, bool> {
        Box::pin(self.give_back(key, token))
    }

    fn is_locked<'a>(&'a self, key: &'a str) -> Answer<'a, bool> {
        Box::pin(self.look(key))
    }
}

impl fmt::Debug for DatabaseLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseLocks")
            .field("database", &self.database)
            .field("held", &self.held().len())
            .finish_non_exhaustive()
    }
}
