//! Session locks of a server: PostgreSQL's advisory locks, and `GET_LOCK` of MySQL and MariaDB.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::name::advisory;
use super::{Acquired, LockFuture, LockManager, Token};
use crate::backend::{AdvisoryLock, Conn, Failure, Stale};
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};

/// Session locks on the server of a named database: advisory locks on PostgreSQL, `GET_LOCK` on
/// MySQL and MariaDB.
///
/// Each held lock has a dedicated connection outside the pool, which is closed with the lock; one
/// more is kept for new attempts after a lock was found taken. The server therefore needs room for
/// one connection per lock and process (`max_connections`). A proxy that shares sessions between
/// clients, like PgBouncer in transaction mode, does not work.
///
/// A lock ends with its session. The server ends a session that is silent for the TTL of its lock:
/// by `idle_session_timeout` on PostgreSQL from 14 (earlier versions notice only a closed
/// connection), or by `wait_timeout`, in whole seconds, on MySQL and MariaDB. A ping that is
/// cancelled before its answer closes the connection, and ends the lock.
///
/// SQLite has no sessions: use [`LeaseLocks`](super::LeaseLocks) there.
///
/// # Names on the server
/// To inspect locks, or to take the same ones from other programs: a lock's name is the BLAKE2b-512
/// hash of the cluster's name, a zero byte, and the key. On PostgreSQL the first 8 bytes,
/// big-endian, are the argument of `pg_advisory_lock(bigint)`, in the connection's database. On
/// MySQL and MariaDB, where locks are global to the server, the name is the first 31 characters of
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
    /// The connection for attempts, used by one attempt at a time: many waiters for a lock need
    /// only one.
    spare: tokio::sync::Mutex<Option<Session>>,
}

/// A lock and its session.
struct Held {
    key: String,
    lock: AdvisoryLock,
    /// Taken out during a request: a session whose request was cancelled does not come back.
    conn: tokio::sync::Mutex<Option<Session>>,
}

/// A dedicated connection and its handle.
struct Session {
    conn: Conn,
    handle: Arc<NamespaceHandle>,
    endpoint: usize,
}

impl DatabaseLocks {
    /// Locks on the server of a named database. Sends nothing.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) on SQLite;
    /// [`Configuration`](ErrorKind::Configuration) if there is no such database.
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

/// Runs a request on a session; a timeout counts as a lost connection.
async fn bounded<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(limit, asked).await.unwrap_or_else(|_| {
        Err(Failure {
            error: Error::new(
                ErrorKind::Unavailable,
                format!("the server did not answer a request of a lock within {limit:?}"),
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
    ) -> LockFuture<'a, Option<Acquired>> {
        Box::pin(async move {
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
                    // The server may have ended the idle session. A lock that it took ended with it.
                    Err(failure) if failure.lost && was_known => {}
                    Err(failure) => return Err(failure.error),
                }
            }
        })
    }

    fn ping<'a>(&'a self, key: &'a str, token: &'a Token, ttl: Duration) -> LockFuture<'a, bool> {
        Box::pin(async move {
            let Some(held) = self.find(key, token) else {
                return Ok(false);
            };
            let mut slot = held.conn.lock().await;
            let Some(mut session) = slot.take() else {
                self.held().remove(token);
                return Ok(false);
            };
            match bounded(ttl, session.conn.advisory_ping(&held.lock, ttl)).await {
                Ok(true) => {
                    *slot = Some(session);
                    Ok(true)
                }
                Err(failure) if !failure.lost => {
                    *slot = Some(session);
                    Err(failure.error)
                }
                // Without its session the lock is gone.
                Ok(false) | Err(_) => {
                    self.held().remove(token);
                    Ok(false)
                }
            }
        })
    }

    fn release<'a>(&'a self, key: &'a str, token: &'a Token) -> LockFuture<'a, bool> {
        Box::pin(async move {
            let Some(held) = self.find(key, token) else {
                return Ok(false);
            };
            self.held().remove(token);
            let Some(mut session) = held.conn.lock().await.take() else {
                return Ok(false);
            };
            let limit = session.handle.acquire_timeout();
            // In any case, the lock ends with the session.
            match bounded(limit, session.conn.advisory_unlock(&held.lock)).await {
                Ok(was_held) => {
                    // Not kept: the server would end it as idle.
                    if timeout(limit, session.conn.close()).await.is_err() {
                        tracing::debug!(target: "shard_orm", "a server did not answer while the \
                             connection of a lock was being closed");
                    }
                    Ok(was_held)
                }
                Err(failure) if failure.lost => Ok(false),
                Err(failure) => Err(failure.error),
            }
        })
    }

    fn is_locked<'a>(&'a self, key: &'a str) -> LockFuture<'a, bool> {
        Box::pin(async move {
            let handle = self.handle()?;
            let lock = advisory(&handle.cluster, key);
            let mut lease = handle.writer()?.acquire().await?;
            let asked = lease.conn()?.is_advisory_locked(&lock);
            let locked = bounded(handle.acquire_timeout(), asked).await;
            lease.finish(locked)
        })
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
