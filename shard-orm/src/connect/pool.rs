//! Connections to one endpoint: a semaphore and a stack.
//!
//! Checking a connection out or in sends nothing to the server. Instead: a connection that was
//! dropped in mid-operation is closed and never reused; one that has been idle for long is pinged
//! before its next use; and after a connection is lost, all that were idle at that time are pinged
//! first.

#[cfg(feature = "metrics")]
mod figures;
mod history;
mod lease;
#[cfg(feature = "migrate")]
mod memory;
mod outcomes;
mod replacement;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, SemaphorePermit, TryAcquireError};
use tokio::time::timeout;

use crate::backend::{Conn, Listener, Opener, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{ServerRecorder, Stopwatch, Waiters};

pub(crate) use lease::Lease;
pub(crate) use outcomes::{LastOutcome, Refusal};

use history::History;
use outcomes::Outcomes;

/// The interval at which a retired pool is checked.
const RETIREMENT_PERIOD: Duration = Duration::from_millis(200);

/// The limits of a pool.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) max_connections: usize,
    pub(crate) acquire_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) max_lifetime: Duration,
    pub(crate) ping_after_idle: Duration,
}

/// The connections to one endpoint; on SQLite, to one file in one role.
pub(crate) struct Pool {
    opener: Opener,
    /// The endpoint's name in messages, without password.
    label: String,
    /// The file, on SQLite.
    file: Option<PathBuf>,
    limits: Limits,
    permits: Semaphore,
    /// Last in, first out: the others stay idle and are closed.
    idle: Mutex<Vec<Idle>>,
    /// Counts lost connections: an idle connection with an older count must be pinged first.
    losses: AtomicU64,
    /// Counts tables altered under a prepared statement: a connection with an older count must drop
    /// its prepared statements.
    alterations: AtomicU64,
    /// The last outcomes, for health reports.
    outcomes: Outcomes,
    history: History,
    /// The statistics of its server.
    observed: Arc<ServerRecorder>,
    waiters: Waiters,
    /// Notified when a connection comes back to a closing pool.
    returned: Notify,
}

struct Idle {
    conn: Conn,
    opened: Instant,
    since: Instant,
    proven: u64,
    planned: u64,
}

impl Pool {
    pub(crate) fn new(
        session: Session,
        label: String,
        limits: Limits,
        observed: Arc<ServerRecorder>,
    ) -> Result<Self> {
        Ok(Self {
            file: session.file.clone(),
            opener: Opener::new(session)?,
            label,
            permits: Semaphore::new(limits.max_connections),
            limits,
            idle: Mutex::new(Vec::new()),
            losses: AtomicU64::new(0),
            alterations: AtomicU64::new(0),
            outcomes: Outcomes::default(),
            history: History::default(),
            observed,
            waiters: Waiters::default(),
            returned: Notify::new(),
        })
    }

    /// The endpoint's name in messages.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// The file, on SQLite.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The maximum number of connections.
    pub(super) fn max_connections(&self) -> usize {
        self.limits.max_connections
    }

    /// The number of connections in use or being opened.
    pub(crate) fn outstanding(&self) -> usize {
        self.limits
            .max_connections
            .saturating_sub(self.permits.available_permits())
    }

    /// An idle or new connection.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<Lease> {
        match self.at_once() {
            Some(lease) => Ok(lease),
            None => self.wait().await,
        }
    }

    /// An idle connection that needs no ping, without waiting.
    pub(super) fn at_once(self: &Arc<Self>) -> Option<Lease> {
        let permit = self.permits.try_acquire().ok()?;
        let mut lease = self.handle(permit);
        // The lease was created just now, so the clock is not read again.
        let now = lease.opened;
        let proven = self.losses.load(Ordering::Acquire);
        let idle = self.lock().pop_if(|idle| {
            self.is_within_lifetime(idle, now) && self.is_proven(idle, proven, now)
        })?;
        lease.fill(idle, proven);
        lease.dirty = false;
        Some(lease)
    }

    /// Waits until the limit allows a connection; reuses or opens one.
    ///
    /// Rare paths are boxed: this keeps the future of every statement small.
    pub(super) async fn wait(self: &Arc<Self>) -> Result<Lease> {
        let stopwatch = Stopwatch::start();
        let outcome = self.wait_for_one().await;
        let waited = self.observed.waited(stopwatch);
        let mut lease = outcome?;
        lease.waited = waited;
        Ok(lease)
    }

    async fn wait_for_one(self: &Arc<Self>) -> Result<Lease> {
        let mut lease = self.reserve().await?;
        let now = lease.opened;
        while let Some(idle) = self.pop() {
            if !self.is_within_lifetime(&idle, now) {
                continue;
            }
            let proven = self.losses.load(Ordering::Acquire);
            let is_proven = self.is_proven(&idle, proven, now);
            lease.fill(idle, proven);
            if is_proven {
                lease.dirty = false;
                return Ok(lease);
            }
            if Box::pin(lease.answers(self.limits.connect_timeout)).await {
                self.outcomes.answered();
                lease.dirty = false;
                return Ok(lease);
            }
            lease.conn = None;
            // A new connection may lead to another server.
            self.require_pings();
        }
        Box::pin(lease.replace()).await?;
        lease.dirty = false;
        Ok(lease)
    }

    /// Whether a connection is younger than its maximum lifetime.
    fn is_within_lifetime(&self, idle: &Idle, now: Instant) -> bool {
        now.duration_since(idle.opened) < self.limits.max_lifetime
    }

    /// The count of lost connections.
    #[inline]
    pub(super) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    /// Whether a connection needs no ping: it was used recently, and none has been lost since.
    fn is_proven(&self, idle: &Idle, losses: u64, now: Instant) -> bool {
        idle.proven == losses && now.duration_since(idle.since) < self.limits.ping_after_idle
    }

    /// Waits for a permit.
    async fn reserve(self: &Arc<Self>) -> Result<Lease> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(self.closed()),
            Err(TryAcquireError::NoPermits) => {
                let _waiting = self.waiters.enter();
                match timeout(self.limits.acquire_timeout, self.permits.acquire()).await {
                    Ok(Ok(permit)) => permit,
                    Ok(Err(_)) => return Err(self.closed()),
                    Err(_) => return Err(self.exhausted()),
                }
            }
        };
        Ok(self.handle(permit))
    }

    /// An empty lease. Its permit is returned on drop, wherever its owner is cancelled.
    fn handle(self: &Arc<Self>, permit: SemaphorePermit<'_>) -> Lease {
        permit.forget();
        self.empty_lease()
    }

    /// An empty lease with a permit that is taken already.
    fn empty_lease(self: &Arc<Self>) -> Lease {
        Lease {
            conn: None,
            pool: Arc::clone(self),
            opened: Instant::now(),
            proven: 0,
            planned: 0,
            waited: 0,
            dirty: true,
        }
    }

    async fn open(&self) -> Result<Conn> {
        let opened = self.try_open().await;
        self.outcomes.opened(opened.as_ref().map(|_| ()));
        opened
    }

    async fn try_open(&self) -> Result<Conn> {
        match timeout(self.limits.connect_timeout, self.opener.open()).await {
            Ok(Ok(conn)) => Ok(conn),
            Ok(Err(error)) => Err(Error::new(
                error.kind(),
                format!("cannot connect to {}: {}", self.label, error.message()),
            )
            .with_source(error)),
            Err(_) => Err(self.unaccepted()),
        }
    }

    /// Opens a dedicated connection outside the pool, for the monitor and for locks.
    pub(super) async fn open_dedicated(&self) -> Result<Conn> {
        self.open().await
    }

    /// Opens a dedicated session that receives notifications; `None` if the database has none.
    pub(super) async fn listen(&self, channel: &str) -> Result<Option<Listener>> {
        match timeout(self.limits.connect_timeout, self.opener.listen(channel)).await {
            Ok(listener) => listener,
            Err(_) => Err(self.unaccepted()),
        }
    }

    /// Requires a ping of all other connections, after one was lost.
    pub(super) fn require_pings(&self) {
        self.losses.fetch_add(1, Ordering::Release);
    }

    /// Makes all other connections drop their prepared statements, after a table was altered.
    /// `known` is the count of the connection that noticed; returns the new count.
    fn note_alteration(&self, known: u64) -> u64 {
        let noted = self.alterations.compare_exchange(
            known,
            known + 1,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        match noted {
            Ok(_) => {
                // The ping precedes the next use.
                self.require_pings();
                known + 1
            }
            // Another statement has noticed already.
            Err(now) => now,
        }
    }

    /// Closes connections that have been idle for too long, oldest first.
    pub(crate) async fn sweep(self: &Arc<Self>) {
        // A connection counts until it is closed, so the server never sees more than the limit.
        // Without a free permit all connections are in use, and none is idle.
        while let Ok(permit) = self.permits.try_acquire() {
            let _handle = self.handle(permit);
            let stale = {
                let mut idle = self.lock();
                match idle.first() {
                    Some(oldest)
                        if oldest.since.elapsed() >= self.limits.idle_timeout
                            || oldest.opened.elapsed() >= self.limits.max_lifetime =>
                    {
                        idle.remove(0)
                    }
                    _ => return,
                }
            };
            self.disconnect(stale.conn).await;
        }
    }

    /// The endpoint's last outcome; `None` before the first connection.
    pub(super) fn last_outcome(&self) -> Option<LastOutcome> {
        let losses = self.losses.load(Ordering::Acquire);
        // A connection in use when another was lost proves nothing before its next use.
        let idle = self.lock();
        let answered = idle.iter().filter(|idle| idle.proven == losses);
        let answered = answered.map(|idle| idle.since).max();
        self.outcomes.last_outcome(answered)
    }

    /// Why the last attempt to open a connection failed. Open connections may still work.
    pub(super) fn open_error(&self) -> Option<String> {
        self.outcomes.open_error()
    }

    /// The last refused write, until it expires.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.outcomes.refusal()
    }

    /// Whether the pool was closed.
    pub(super) fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    /// The timeout for a free connection.
    pub(super) fn acquire_timeout(&self) -> Duration {
        self.limits.acquire_timeout
    }

    /// The longest idle time of a connection.
    pub(crate) fn idle_timeout(&self) -> Duration {
        self.limits.idle_timeout
    }

    /// Stops lending connections, closes idle ones, and waits for those in use.
    pub(crate) async fn close(&self) {
        self.permits.close();
        loop {
            // Registered before the count is read, so that no return is missed.
            let returned = self.returned.notified();
            let done = self.outstanding() == 0;
            // A lease closes its connection when it is dropped. One that was returned while the
            // pool was closing is among the idle ones.
            while let Some(idle) = self.pop() {
                self.disconnect(idle.conn).await;
            }
            if done {
                return;
            }
            returned.await;
        }
    }

    /// Closes returned connections until nobody can take one: calls that began under the former
    /// topology still use this pool.
    pub(crate) async fn retire(self: Arc<Self>) {
        loop {
            while let Some(idle) = self.pop() {
                self.disconnect(idle.conn).await;
            }
            if Arc::strong_count(&self) == 1 || self.permits.is_closed() {
                return;
            }
            tokio::time::sleep(RETIREMENT_PERIOD).await;
        }
    }

    fn release_permit(&self) {
        self.permits.add_permits(1);
        if self.permits.is_closed() {
            self.returned.notify_waiters();
        }
    }

    fn pop(&self) -> Option<Idle> {
        self.lock().pop()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        // No code that can panic runs under the lock.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn unaccepted(&self) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "{} did not accept a connection within {:?} (`connect_timeout`)",
                self.label, self.limits.connect_timeout
            ),
        )
    }

    #[cold]
    fn closed(&self) -> Error {
        let label = &self.label;
        let message = format!("the pool of {label} is closed because the cluster was closed");
        Error::new(ErrorKind::Unavailable, message)
    }

    #[cold]
    fn exhausted(&self) -> Error {
        Error::new(
            ErrorKind::PoolExhausted,
            format!(
                "all {} connections to {} were in use for {:?}; raise `max_connections` or \
                 `acquire_timeout`, or keep transactions shorter",
                self.limits.max_connections, self.label, self.limits.acquire_timeout
            ),
        )
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("endpoint", &self.label)
            .field("outstanding", &self.outstanding())
            .finish_non_exhaustive()
    }
}
