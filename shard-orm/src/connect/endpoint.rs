//! An endpoint as seen from one namespace, and a connection checked out from it.
//!
//! Used by `namespace_handle`, which verifies the namespace, and by `load_balancer`, which chooses
//! the endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::pool::{Lease, Pool};
use crate::backend::{Conn, Listener};
use crate::error::Result;

/// The pool of one endpoint, and whether the namespace has been verified there.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(super) pool: Arc<Pool>,
    index: usize,
    /// One more than the losses that the pool had counted when the namespace was verified; 0 before
    /// it was.
    verified: AtomicU64,
}

/// A connection, and the endpoint to which it belongs.
#[derive(Debug)]
pub(crate) struct Checkout<'p> {
    pub(crate) lease: Lease,
    pub(crate) endpoint: &'p Endpoint,
}

impl Endpoint {
    pub(super) fn new(pool: Arc<Pool>, index: usize) -> Self {
        Self {
            pool,
            index,
            verified: AtomicU64::new(0),
        }
    }

    /// The position among the server's endpoints; 0 is the configured primary.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Its name in messages, without password.
    pub(crate) fn label(&self) -> &str {
        self.pool.label()
    }

    /// Whether the record of the namespace has been read here and is correct, and no connection was
    /// lost since: the server may be another one after that, which lacks the last changes.
    #[inline]
    pub(super) fn is_verified(&self) -> bool {
        self.verified.load(Ordering::Relaxed) == self.pool.losses() + 1
    }

    /// Whether the namespace has ever been verified here.
    pub(super) fn was_verified(&self) -> bool {
        self.verified.load(Ordering::Relaxed) != 0
    }

    /// The pool, for what is noted of its server.
    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The lost connections so far, for [`set_verified`](Self::set_verified).
    pub(super) fn losses(&self) -> u64 {
        self.pool.losses()
    }

    /// The record was read after so many connections had been lost.
    pub(super) fn set_verified(&self, losses: u64) {
        self.verified.store(losses + 1, Ordering::Relaxed);
    }

    /// The number of connections in use.
    pub(super) fn outstanding(&self) -> usize {
        self.pool.outstanding()
    }

    /// A connection without waiting, if the namespace has been verified and one is available.
    pub(super) fn at_once(&self) -> Option<Lease> {
        if self.is_verified() {
            self.pool.at_once()
        } else {
            None
        }
    }

    /// The record says that the namespace does not serve.
    pub(super) fn forget_verified(&self) {
        self.verified.store(0, Ordering::Relaxed);
    }

    /// An idle connection without waiting, even if the namespace does not exist yet.
    pub(super) fn idle(&self) -> Option<Lease> {
        self.pool.at_once()
    }

    /// A connection, even if the namespace does not exist yet.
    pub(crate) async fn acquire(&self) -> Result<Lease> {
        self.pool.acquire().await
    }

    /// A dedicated connection outside the pool, for long use.
    pub(crate) async fn open_dedicated(&self) -> Result<Conn> {
        self.pool.open_dedicated().await
    }

    /// A private database in memory, with the options of this endpoint's sessions (SQLite).
    #[cfg(feature = "migrate")]
    pub(crate) async fn open_in_memory(&self) -> Result<Conn> {
        self.pool.open_in_memory().await
    }

    /// A dedicated session that receives notifications; `None` if the database has none.
    pub(crate) async fn listen(&self, channel: &str) -> Result<Option<Listener>> {
        self.pool.listen(channel).await
    }
}
