//! The handle of one open transaction.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use crate::backend::{Args, Conn, Failure, OnRow, Sql, Stale};
use crate::cluster::Cluster;
use crate::connect::{Lease, NamespaceHandle, WriteMarker, WriteMarks};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{Running, begin};

/// An open transaction on one logical shard, or on one named database.
///
/// Every call that takes `&cluster` also takes `&tx`. A row of another logical shard is rejected
/// with [`CrossShard`](ErrorKind::CrossShard) before anything is sent. One statement runs at a
/// time; a second one fails with [`TransactionBusy`](ErrorKind::TransactionBusy).
///
/// If it is dropped without [`commit`](Self::commit), it is rolled back: its connection is closed
/// at once, which frees its locks. [`rollback`](Self::rollback) does the same and keeps the
/// connection. Dropping the future of a running statement, or a stream before its end, also ends
/// the transaction.
///
/// A transaction that the database has rolled back, or may have, takes no further statements, since
/// each would be committed by itself. This is the case after a deadlock or a lock wait timeout on
/// MySQL and MariaDB, and after a full disk or a busy file on SQLite.
///
/// Cheap to clone; all clones are the same transaction.
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     user_id: i64,
/// #     quantity: i32,
/// # }
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// let tx = cluster.begin(Order::shard(42)).await?;
/// let mut order = Order::get(&tx, 42, 7).await?;
/// order.quantity += 1;
/// order.update(&tx).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Tx {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    handle: Arc<NamespaceHandle>,
    /// The endpoint that it runs on.
    endpoint: usize,
    read_only: bool,
    /// The write marks of the session, if there is one.
    marks: Option<Arc<WriteMarks>>,
    state: Mutex<State>,
    /// The database asked for a retry of the transaction.
    retry: AtomicBool,
    /// The server rejected a write, since it has become read-only.
    refused: AtomicBool,
}

struct State {
    /// `None` once the transaction has ended.
    lease: Option<Lease>,
    /// A statement was sent and has not completed.
    running: bool,
    /// A statement failed on PostgreSQL, which then accepts no further statements and responds to
    /// COMMIT with a rollback that looks like success.
    failed: bool,
    savepoints: u32,
}

impl Tx {
    pub(super) fn new(
        cluster: Cluster,
        handle: Arc<NamespaceHandle>,
        (lease, endpoint): (Lease, usize),
        read_only: bool,
        marks: Option<Arc<WriteMarks>>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                cluster,
                handle,
                endpoint,
                read_only,
                marks,
                state: Mutex::new(State {
                    lease: Some(lease),
                    running: false,
                    failed: false,
                    savepoints: 0,
                }),
                retry: AtomicBool::new(false),
                refused: AtomicBool::new(false),
            }),
        }
    }

    /// Commits.
    ///
    /// # Errors
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) when the response was lost: it may be
    /// committed. [`TransactionEnded`](ErrorKind::TransactionEnded) when the database has rolled
    /// it back before. Otherwise the error of the database, and the transaction is rolled back.
    pub async fn commit(self) -> Result<()> {
        let _marker = WriteMarker::new(self.inner.marks.as_deref(), &self.inner.handle);
        let session = self.enter()?;
        if session.state.failed {
            session.end_with("ROLLBACK").await?;
            return Err(self.name(Error::new(
                ErrorKind::TransactionEnded,
                "a statement of this transaction failed, so it has been rolled back; roll back to \
                 a savepoint, or run the transaction again",
            )));
        }
        let begun = begin(false);
        let ended = session.end_with("COMMIT").await;
        let rows = ended.as_ref().map(|()| 0).map_err(Error::kind);
        let handle = &*self.inner.handle;
        let namespace = &handle.namespace;
        let named = (&**namespace.group(), namespace.shard(), &*handle.server);
        handle.observed.timed("commit", named, begun, rows);
        ended
    }

    /// Rolls back and returns the connection to the pool.
    ///
    /// # Errors
    /// When the connection is lost. The transaction is rolled back in any case.
    pub async fn rollback(self) -> Result<()> {
        self.enter()?.end_with("ROLLBACK").await
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.inner.cluster
    }

    pub(crate) fn handle(&self) -> &Arc<NamespaceHandle> {
        &self.inner.handle
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.inner.read_only
    }

    /// Returns whether the transaction may be retried: the database asked for it, or its server has
    /// become read-only and another one is the primary.
    pub(super) async fn wants_retry(&self) -> bool {
        if self.inner.retry.load(Ordering::Relaxed) {
            return true;
        }
        self.inner.refused.load(Ordering::Relaxed)
            && self.inner.handle.has_new_primary(self.inner.endpoint).await
    }

    /// The error of a statement whose table is gone because the logical shard has moved: the
    /// transaction may begin again, at the new place.
    pub(crate) fn moved(&self, failed: &Error) -> Error {
        self.inner.retry.store(true, Ordering::Relaxed);
        let message = format!("the logical shard has moved: {}", failed.message());
        Error::new(ErrorKind::ShardMoved, message)
    }

    pub(super) fn name(&self, error: Error) -> Error {
        self.inner.handle.name_error(error)
    }

    /// Runs a statement of this call.
    pub(crate) async fn run<'r>(
        &self,
        prepare: impl FnOnce() -> Result<(Sql, Args)>,
        on_row: &'r mut OnRow<'r>,
        running: &'r Running,
    ) -> Result<u64> {
        let (mut session, sql, args) = self.enter_with(prepare)?;
        running.sends(sql.text.len() + args.bytes());
        let result = {
            let mut reading = session.conn()?.run(sql, args, on_row).noted_in(running);
            self.or_abort(&mut reading).await
        };
        let result = result.map(|answer| {
            running.ends(answer.arrived, self.inner.handle.observed.slow_call());
            answer.rows
        });
        session.settle(result)
    }

    /// Prepares a statement and takes the connection for it. A separate function, so that the
    /// future of the call does not hold the prepared statement.
    fn enter_with(
        &self,
        prepare: impl FnOnce() -> Result<(Sql, Args)>,
    ) -> Result<(SessionGuard<'_>, Sql, Args)> {
        let (sql, args) = prepare()?;
        Ok((self.enter()?, sql, args))
    }

    /// Runs a text without arguments.
    pub(super) async fn batch(&self, text: &str) -> Result<()> {
        let mut session = self.enter()?;
        let result = self.or_abort(session.conn()?.batch(text)).await;
        session.settle(result)
    }

    /// Awaits the response of the server, unless the server has stopped responding.
    pub(crate) async fn or_abort<T>(
        &self,
        asked: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let health = &self.inner.handle.health;
        health.or_abort(self.inner.endpoint, asked).await
    }

    /// Takes the connection for one statement.
    pub(crate) fn enter(&self) -> Result<SessionGuard<'_>> {
        let Ok(mut state) = self.inner.state.try_lock() else {
            return Err(self.name(Error::new(
                ErrorKind::TransactionBusy,
                "another statement of this transaction is running; await it first",
            )));
        };
        if state.lease.is_none() {
            return Err(self.name(Error::new(
                ErrorKind::TransactionEnded,
                "this transaction has ended: it was committed or rolled back, its connection was \
                 lost, or one of its statements was dropped before it was done",
            )));
        }
        state.running = true;
        Ok(SessionGuard { tx: self, state })
    }

    /// A number for the next savepoint.
    pub(super) async fn next_savepoint(&self) -> Result<u32> {
        let mut session = self.enter()?;
        session.state.savepoints += 1;
        let number = session.state.savepoints;
        session.leave();
        Ok(number)
    }

    /// Clears the failure, which a rollback to a savepoint has undone.
    pub(super) async fn clear_failure(&self) -> Result<()> {
        let mut session = self.enter()?;
        session.state.failed = false;
        session.leave();
        Ok(())
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tx({})", self.inner.handle)
    }
}

/// The connection of a transaction, taken for one statement.
///
/// If it is dropped before [`leave`](Self::leave), it ends the transaction: its statement was
/// interrupted, and the state of the connection is unknown.
pub(crate) struct SessionGuard<'t> {
    tx: &'t Tx,
    state: MutexGuard<'t, State>,
}

impl SessionGuard<'_> {
    pub(crate) fn conn(&mut self) -> Result<&mut Conn> {
        match &mut self.state.lease {
            Some(lease) => lease.conn(),
            None => Err(Error::new(
                ErrorKind::TransactionEnded,
                "this transaction has ended",
            )),
        }
    }

    /// The statement is done.
    pub(crate) fn leave(mut self) {
        self.state.running = false;
    }

    /// Records the result of the statement.
    pub(crate) fn settle<T>(mut self, result: Result<T, Failure>) -> Result<T> {
        let failure = match result {
            Ok(value) => {
                self.leave();
                return Ok(value);
            }
            Err(failure) => failure,
        };
        if failure.error.is_retryable() {
            self.tx.inner.retry.store(true, Ordering::Relaxed);
        }
        if failure.error.kind() == ErrorKind::ReadOnly && !self.tx.inner.read_only {
            self.tx.inner.refused.store(true, Ordering::Relaxed);
        }
        if let Some(lease) = &self.state.lease {
            if failure.stale != Stale::No {
                lease.note_alteration();
            }
            if !failure.lost && !self.tx.inner.read_only {
                lease.failed(&failure.error);
            }
            // It ends the transaction, and is not used again after it.
            lease.is_outdated(&failure.error);
        }
        if failure.lost {
            self.tx.inner.handle.health.request_probe();
            if let Some(mut lease) = self.state.lease.take() {
                lease.lost();
            }
        } else if failure.rolled_back {
            // What would come next would run outside of any transaction.
            self.state.lease = None;
        } else if self
            .tx
            .inner
            .handle
            .dialect()
            .capability()
            .errors_abort_transactions
            && failure.error.kind() != ErrorKind::Decode
        {
            self.state.failed = true;
        }
        self.leave();
        Err(failure.error)
    }

    /// Ends the transaction with COMMIT or ROLLBACK.
    async fn end_with(mut self, text: &str) -> Result<()> {
        let tx = self.tx;
        let result = tx.or_abort(self.conn()?.batch(text)).await;
        let Some(mut lease) = self.state.lease.take() else {
            return Ok(());
        };
        match result {
            Ok(()) => {
                lease.settle();
                if text == "COMMIT" && !self.tx.inner.read_only {
                    lease.wrote();
                }
                self.leave();
                Ok(())
            }
            Err(failure) if failure.lost => {
                // A transaction that only reads leaves nothing that may have been carried out.
                let error = if text == "COMMIT" && !self.tx.inner.read_only {
                    lease.outcome_unknown(failure.error)
                } else {
                    failure.error
                };
                lease.lost();
                Err(self.tx.name(error))
            }
            Err(failure) => {
                if failure.error.is_retryable() {
                    self.tx.inner.retry.store(true, Ordering::Relaxed);
                }
                Err(self.tx.name(failure.error))
            }
        }
    }
}

impl Drop for SessionGuard<'_> {
    fn drop(&mut self) {
        if self.state.running {
            // At once, not with the handle: the locks are free from here on.
            self.state.lease = None;
        }
    }
}
