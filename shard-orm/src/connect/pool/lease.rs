//! A connection checked out from its pool.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{Idle, Pool};
use crate::backend::{Conn, Failure};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Event;
use crate::task::catch_panic;

/// A connection checked out from its pool.
///
/// On drop it returns to the pool if it is clean. In mid-operation it is closed instead, which
/// frees its locks.
pub(crate) struct Lease {
    /// `None` only while the lease is being filled.
    pub(super) conn: Option<Conn>,
    pub(super) pool: Arc<Pool>,
    pub(super) opened: Instant,
    pub(super) proven: u64,
    /// The count of alterations that it has seen.
    pub(super) planned: u64,
    /// How long it was waited for, in microseconds, as far as it was measured.
    pub(super) waited: u32,
    pub(super) dirty: bool,
}

impl Lease {
    /// Takes over an idle connection.
    pub(super) fn fill(&mut self, idle: Idle, proven: u64) {
        self.opened = idle.opened;
        self.proven = proven;
        self.planned = idle.planned;
        self.conn = Some(idle.conn);
    }

    /// The connection, marked as in mid-operation until [`settle`](Self::settle).
    pub(crate) fn conn(&mut self) -> Result<&mut Conn> {
        self.dirty = true;
        self.conn
            .as_mut()
            .ok_or_else(|| Error::new(ErrorKind::Unavailable, "the connection was given up"))
    }

    /// Marks the operation as complete: the connection may be reused.
    pub(crate) fn settle(&mut self) {
        self.dirty = false;
    }

    /// Ends an operation by its outcome: the connection may be reused unless it was lost.
    pub(crate) fn finish<T>(&mut self, outcome: Result<T, Failure>) -> Result<T> {
        match &outcome {
            Err(failure) if failure.lost => self.lost(),
            _ => self.settle(),
        }
        outcome.map_err(|failure| failure.error)
    }

    /// Discards a lost connection; its siblings must be pinged.
    pub(crate) fn lost(&mut self) {
        self.dirty = true;
        self.conn = None;
        self.pool.require_pings();
        self.pool.outcomes.lost();
        self.pool.observed.count(Event::ConnectionLost);
    }

    /// Records a successful write.
    pub(crate) fn wrote(&self) {
        self.pool.outcomes.wrote();
    }

    /// Records a failed statement after which the connection still works.
    #[cold]
    pub(crate) fn failed(&self, error: &Error) {
        self.pool.outcomes.failed(error);
    }

    /// Whether a table was not found only because the connection was opened before the table was
    /// created. Its siblings must then be pinged.
    pub(crate) fn is_outdated(&self, error: &Error) -> bool {
        let outdated = error.kind() == ErrorKind::UndefinedTable
            && self.conn.as_ref().is_some_and(Conn::is_outdated);
        if outdated {
            self.pool.require_pings();
        }
        outdated
    }

    /// Whether it was open at that instant, and therefore belongs to the server process of that
    /// time.
    pub(in crate::connect) fn was_open_at(&self, instant: Instant) -> bool {
        self.opened <= instant
    }

    /// It was waited for since then: for more than a place in the pool.
    pub(in crate::connect) fn has_waited_since(&mut self, begun: Instant) {
        let waited = begun.elapsed().as_micros();
        self.waited = u32::try_from(waited).unwrap_or(u32::MAX);
    }

    /// How long it was waited for, in microseconds; 0 if it was not measured.
    pub(crate) fn waited(&self) -> u32 {
        self.waited
    }

    /// Returns the connection to its pool, if it can be reused. The instant is now, for which the clock was read
    /// already.
    #[inline]
    pub(crate) fn give_back(&mut self, now: Instant) {
        let conn = self
            .conn
            .take_if(|conn| !self.dirty && !conn.is_crowded() && !self.pool.permits.is_closed());
        if let Some(conn) = conn {
            self.keep(conn, now);
        }
    }

    fn keep(&self, conn: Conn, now: Instant) {
        self.pool.lock().push(Idle {
            conn,
            opened: self.opened,
            since: now,
            proven: self.proven,
            planned: self.planned,
        });
    }

    /// Whether the connection was lost, or has not been opened.
    pub(in crate::connect) fn is_lost(&self) -> bool {
        self.conn.is_none()
    }

    /// The endpoint's name in messages.
    pub(crate) fn label(&self) -> &str {
        &self.pool.label
    }

    /// The error for a write without an answer.
    #[cold]
    pub(crate) fn outcome_unknown(&self, lost: Error) -> Error {
        self.pool.observed.count(Event::OutcomeUnknown);
        Error::new(
            ErrorKind::OutcomeUnknown,
            format!(
                "the connection to {} was lost after a write was sent and before it was answered: \
                 the write may have been carried out; read before you write again",
                self.label()
            ),
        )
        .with_source(lost)
    }

    /// Drops prepared statements here and on all siblings before their next use, after a table was
    /// altered.
    pub(crate) fn note_alteration(&self) {
        self.pool.note_alteration(self.planned);
    }

    /// The same before an immediate retry. Opens another connection if this one is unusable.
    pub(crate) async fn prepare_again(&mut self, of_no_use: bool) -> Result<()> {
        let alterations = self.pool.note_alteration(self.planned);
        let limit = self.pool.limits.connect_timeout;
        if let Some(conn) = &mut self.conn
            && !of_no_use
            && matches!(timeout(limit, conn.clear_statements()).await, Ok(Ok(())))
        {
            self.planned = alterations;
            self.proven = self.pool.losses.load(Ordering::Acquire);
            return Ok(());
        }
        self.conn = None;
        self.replace().await
    }

    /// Opens a connection.
    pub(super) async fn replace(&mut self) -> Result<()> {
        self.proven = self.pool.losses.load(Ordering::Acquire);
        self.planned = self.pool.alterations.load(Ordering::Acquire);
        self.conn = Some(self.pool.open_pooled().await?);
        self.opened = Instant::now();
        Ok(())
    }

    /// Pings the connection, after idle time or after a sibling was lost.
    pub(super) async fn answers(&mut self, limit: Duration) -> bool {
        let alterations = self.pool.alterations.load(Ordering::Acquire);
        let is_outdated = std::mem::replace(&mut self.planned, alterations) != alterations;
        let Some(conn) = &mut self.conn else {
            return false;
        };
        let asked = async {
            if is_outdated {
                conn.clear_statements().await?;
            }
            conn.ping().await
        };
        matches!(timeout(limit, asked).await, Ok(Ok(())))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            if self.dirty {
                if let Some(session) = conn.abandon()
                    && let Ok(runtime) = Handle::try_current()
                {
                    // The permit stays taken until the session has ended.
                    let pool = Arc::clone(&self.pool);
                    runtime.spawn(catch_panic("the end of a session", pool.end(session)));
                    return;
                }
            } else if conn.is_crowded()
                && let Ok(runtime) = Handle::try_current()
            {
                // As above: the permit stays taken until it is replaced.
                let renewal = Arc::clone(&self.pool).renew(conn);
                runtime.spawn(catch_panic("the renewal of a connection", renewal));
                return;
            } else if !self.pool.permits.is_closed() {
                self.keep(conn, Instant::now());
            }
        }
        self.pool.release_permit();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("endpoint", &self.pool.label)
            .field("dirty", &self.dirty)
            .finish_non_exhaustive()
    }
}
