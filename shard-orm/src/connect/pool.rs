//! The connections to one endpoint: a semaphore and a stack.
//!
//! Nothing is asked of the server when a connection is taken or given back. Instead a connection
//! that was dropped in the middle of an operation is closed at once and never used again; one
//! that has been idle for long is pinged before its next use; and when one is lost, all others
//! that were idle then are pinged before theirs.

mod lease;
mod outcomes;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, SemaphorePermit, TryAcquireError};
use tokio::time::timeout;

use crate::backend::{Abandoned, Conn, Listener, Opener, Session};
use crate::error::{Error, ErrorKind, Result};

pub(crate) use lease::Lease;
pub(crate) use outcomes::{LastOutcome, Refusal};

use outcomes::Outcomes;

/// How often a pool that is no longer in force is looked at.
const RETIREMENT_PERIOD: Duration = Duration::from_millis(200);

/// How many connections a pool holds, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) max_connections: usize,
    pub(crate) acquire_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) max_lifetime: Duration,
    pub(crate) ping_after_idle: Duration,
}

/// The connections to one endpoint; for SQLite, to one file in one role.
pub(crate) struct Pool {
    opener: Opener,
    /// What messages call the endpoint: no password.
    label: String,
    /// The file, for SQLite.
    file: Option<PathBuf>,
    limits: Limits,
    permits: Semaphore,
    /// Used last, taken first: the others grow idle and are closed.
    idle: Mutex<Vec<Idle>>,
    /// Counts lost connections, so that each idle one knows whether it has been proven since.
    losses: AtomicU64,
    /// Counts how often a statement met a table that had been altered, so that each connection knows
    /// whether it has forgotten its own since.
    alterations: AtomicU64,
    /// The last outcomes, for health reports.
    outcomes: Outcomes,
    /// Told of each connection that comes back while the pool is being closed.
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
    pub(crate) fn new(session: Session, label: String, limits: Limits) -> Result<Self> {
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
            returned: Notify::new(),
        })
    }

    /// What messages call the endpoint.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// The file, for SQLite.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// How many connections it has at most.
    pub(super) fn most(&self) -> usize {
        self.limits.max_connections
    }

    /// How many connections are in use, or being opened.
    pub(crate) fn outstanding(&self) -> usize {
        self.limits
            .max_connections
            .saturating_sub(self.permits.available_permits())
    }

    /// Takes a connection, or opens one.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<Lease> {
        match self.at_once() {
            Some(lease) => Ok(lease),
            None => self.wait().await,
        }
    }

    /// Takes an idle connection that is good to use as it is, if there is one; nothing is waited
    /// for.
    pub(super) fn at_once(self: &Arc<Self>) -> Option<Lease> {
        let permit = self.permits.try_acquire().ok()?;
        let mut lease = self.handle(permit);
        // The lease was made just now: the clock is not looked at again.
        let now = lease.opened;
        let proven = self.losses.load(Ordering::Acquire);
        let idle = self
            .lock()
            .pop_if(|idle| self.may_live(idle, now) && self.is_proven(idle, proven, now))?;
        lease.fill(idle, proven);
        lease.dirty = false;
        Some(lease)
    }

    /// Takes a connection as soon as there is a place for it, or opens one.
    ///
    /// What is rare is boxed: it does not make the future of every statement larger.
    pub(super) async fn wait(self: &Arc<Self>) -> Result<Lease> {
        let mut lease = self.reserve().await?;
        let now = lease.opened;
        while let Some(idle) = self.pop() {
            if !self.may_live(&idle, now) {
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
        }
        Box::pin(lease.replace()).await?;
        lease.dirty = false;
        Ok(lease)
    }

    /// Whether a connection has not come to the end of its life.
    fn may_live(&self, idle: &Idle, now: Instant) -> bool {
        now.duration_since(idle.opened) < self.limits.max_lifetime
    }

    /// Whether a connection need not be pinged: it was in use a short while ago, and none was lost
    /// since.
    fn is_proven(&self, idle: &Idle, losses: u64, now: Instant) -> bool {
        idle.proven == losses && now.duration_since(idle.since) < self.limits.ping_after_idle
    }

    /// Waits for a place among the connections.
    async fn reserve(self: &Arc<Self>) -> Result<Lease> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(self.closed()),
            Err(TryAcquireError::NoPermits) => {
                match timeout(self.limits.acquire_timeout, self.permits.acquire()).await {
                    Ok(Ok(permit)) => permit,
                    Ok(Err(_)) => return Err(self.closed()),
                    Err(_) => return Err(self.exhausted()),
                }
            }
        };
        Ok(self.handle(permit))
    }

    /// A lease that is still to be filled. It gives its place back when it is dropped, wherever
    /// its owner is cancelled.
    fn handle(self: &Arc<Self>, permit: SemaphorePermit<'_>) -> Lease {
        permit.forget();
        Lease {
            conn: None,
            pool: Arc::clone(self),
            opened: Instant::now(),
            proven: 0,
            planned: 0,
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
            Err(_) => Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "{} did not take a connection within {:?} (`connect_timeout`)",
                    self.label, self.limits.connect_timeout
                ),
            )),
        }
    }

    /// Opens a connection beside those of the pool, for the monitor and for locks.
    pub(super) async fn open_dedicated(&self) -> Result<Conn> {
        self.open().await
    }

    /// Opens a session beside those of the pool that hears what others tell; `None` on databases that
    /// tell nothing.
    pub(super) async fn listen(&self, channel: &str) -> Result<Option<Listener>> {
        match timeout(self.limits.connect_timeout, self.opener.listen(channel)).await {
            Ok(listener) => listener,
            Err(_) => Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "{} did not take a connection within {:?} (`connect_timeout`)",
                    self.label, self.limits.connect_timeout
                ),
            )),
        }
    }

    /// A connection to the endpoint was lost: all others have to prove themselves.
    pub(super) fn doubt(&self) {
        self.losses.fetch_add(1, Ordering::Release);
    }

    /// A statement on a connection that knew of so many alterations met another one: all others have
    /// to forget their statements. Gives how many there are by now.
    fn note_alteration(&self, known: u64) -> u64 {
        let noted = self.alterations.compare_exchange(
            known,
            known + 1,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        match noted {
            Ok(_) => {
                // Before their next use.
                self.doubt();
                known + 1
            }
            // Another statement has met it before.
            Err(now) => now,
        }
    }

    /// Closes what has been idle for too long, oldest first.
    pub(crate) async fn sweep(self: &Arc<Self>) {
        // A connection counts until it is closed, so that the server sees no more than the limit.
        // With no place free all connections are in use, and none is idle.
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
            self.say_goodbye(stale).await;
        }
    }

    /// Closes a connection. A server that does not answer is not waited for.
    async fn say_goodbye(&self, idle: Idle) {
        let closed = timeout(self.limits.connect_timeout, idle.conn.close()).await;
        if closed.is_err() {
            tracing::debug!(target: "shard_orm", "a server did not answer when a connection was closed");
        }
    }

    /// What was last heard of the endpoint; `None` while no connection was opened.
    pub(super) fn last_outcome(&self) -> Option<LastOutcome> {
        let losses = self.losses.load(Ordering::Acquire);
        // One that was in use when another was lost says nothing before its next use.
        let idle = self.lock();
        let answered = idle.iter().filter(|idle| idle.proven == losses);
        let answered = answered.map(|idle| idle.since).max();
        self.outcomes.last_outcome(answered)
    }

    /// Why the last attempt to open a connection failed. Those that are open may serve on.
    pub(super) fn not_opened(&self) -> Option<String> {
        self.outcomes.not_opened()
    }

    /// The last write that the endpoint refused, for as long as it counts.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.outcomes.refusal()
    }

    /// Whether the cluster was closed.
    pub(super) fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    /// How long a statement waits for a free connection.
    pub(super) fn acquire_timeout(&self) -> Duration {
        self.limits.acquire_timeout
    }

    /// How long a connection may be idle.
    pub(crate) fn idle_timeout(&self) -> Duration {
        self.limits.idle_timeout
    }

    /// Hands out no connection any more, closes the idle ones, and waits for the others to come
    /// back.
    pub(crate) async fn close(&self) {
        self.permits.close();
        loop {
            // Before the look at what is outstanding: it is told of all that comes back from here.
            let returned = self.returned.notified();
            let done = self.outstanding() == 0;
            // Connections in use are closed where their leases are dropped; one that came back
            // while the pool was being closed stands among the idle ones.
            while let Some(idle) = self.pop() {
                self.say_goodbye(idle).await;
            }
            if done {
                return;
            }
            returned.await;
        }
    }

    /// Closes each connection when it comes back, until nobody can take one any more: what stands
    /// in a topology that is no longer in force is used by what began under it.
    pub(crate) async fn retire(self: Arc<Self>) {
        loop {
            while let Some(idle) = self.pop() {
                self.say_goodbye(idle).await;
            }
            if Arc::strong_count(&self) == 1 || self.permits.is_closed() {
                return;
            }
            tokio::time::sleep(RETIREMENT_PERIOD).await;
        }
    }

    /// Ends a session that was given up, over the connection that takes its place.
    async fn end(self: Arc<Self>, session: Abandoned) {
        let mut lease = Lease {
            conn: None,
            pool: Arc::clone(&self),
            opened: Instant::now(),
            proven: self.losses.load(Ordering::Acquire),
            planned: self.alterations.load(Ordering::Acquire),
            dirty: true,
        };
        let Ok(mut conn) = self.open().await else {
            return;
        };
        lease.opened = Instant::now();
        // That the session has ended by itself is an error like others, and none to be heard of.
        match timeout(self.limits.connect_timeout, conn.end(session)).await {
            Ok(Err(failure)) if failure.lost => {}
            Ok(_) => {
                lease.conn = Some(conn);
                lease.dirty = false;
            }
            Err(_) => {}
        }
    }

    fn give_place_back(&self) {
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
    fn closed(&self) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "the pool of {} is closed: the cluster was closed",
                self.label
            ),
        )
    }

    #[cold]
    fn exhausted(&self) -> Error {
        Error::new(
            ErrorKind::PoolExhausted,
            format!(
                "all {} connections to {} were in use for {:?}; raise `max_connections` or \
                 `acquire_timeout`, or hold transactions for less long",
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
