//! A lock while it is held: renewed, watched, and given back.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::cmp::min;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

use super::{Acquired, LockManager, Token, check_ttl};
use crate::clock::{Clock, SystemClock, micros};
use crate::error::{Error, ErrorKind, Result};
use crate::random::random;
use crate::task::caught;

/// How long the clock is not looked at: the timers of the runtime stand still while the machine is
/// suspended, and the lock runs out meanwhile.
const LOOK: Duration = Duration::from_secs(1);
/// The first pause of one who waits for a lock, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// A lock that is held.
///
/// A task renews it after each third of its time. When that fails until nine tenths of the time are
/// over, counted from before the last renewal was sent and by a clock that goes on while the machine
/// sleeps, or when the manager says that another may have it, the lock is lost: [`lost`](Self::lost)
/// resolves, [`is_held`](Self::is_held) is false, and stays so.
///
/// Dropped, it is released in the background.
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// use futures_util::future::{Either, select};
/// use shard_orm::lock::{Guard, LockManager};
///
/// # async fn copy_everything() {}
/// # async fn run(locks: Arc<dyn LockManager>) -> shard_orm::Result<()> {
/// let Some(guard) = Guard::acquire(locks, "copy", Duration::from_secs(30)).await? else {
///     return Ok(()); // Another process does it.
/// };
/// let work = Box::pin(copy_everything());
/// match select(work, Box::pin(guard.lost())).await {
///     Either::Left(_) => println!("done"),
///     Either::Right(_) => println!("given up: another may have begun"),
/// }
/// guard.release().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "dropped, it releases the lock"]
pub struct Guard {
    held: Arc<Held>,
    acquired: Acquired,
    lost: watch::Receiver<bool>,
    /// Dropped, it ends the task as well.
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<bool>>,
}

/// What the guard and its task have in common.
struct Held {
    manager: Arc<dyn LockManager>,
    key: String,
    token: Token,
    ttl: Duration,
    clock: Arc<dyn Clock>,
    /// Until when it is held, by the clock's `elapsed`; `i64::MIN` once it is lost.
    until: AtomicI64,
}

impl Guard {
    /// Takes the lock of a key, for `ttl` (100 ms to a day) at a time; `None` when another holds it.
    ///
    /// Safe to cancel: what is taken for a caller that has gone is released.
    ///
    /// # Errors
    /// What the manager says; [`Unavailable`](ErrorKind::Unavailable) when it does not answer
    /// within the time of the lock; [`Configuration`](ErrorKind::Configuration) for a `ttl` out of
    /// range, and outside of a tokio runtime.
    pub async fn acquire(
        manager: Arc<dyn LockManager>,
        key: impl Into<String>,
        ttl: Duration,
    ) -> Result<Option<Self>> {
        Self::acquire_by(Arc::new(SystemClock), manager, key.into(), ttl).await
    }

    /// As [`acquire`](Self::acquire), and waits up to `wait` for the lock to come free. It asks again
    /// from time to time, so that those who wait come in no order.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_within(
        manager: Arc<dyn LockManager>,
        key: impl Into<String>,
        ttl: Duration,
        wait: Duration,
    ) -> Result<Option<Self>> {
        let key = key.into();
        let begun = tokio::time::Instant::now();
        let (mut pause, longest) = PAUSES;
        loop {
            if let Some(guard) = Self::acquire(Arc::clone(&manager), key.as_str(), ttl).await? {
                return Ok(Some(guard));
            }
            let left = wait.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            // At random, so that those who wait do not ask all at once.
            let percent = u32::try_from(50 + random() % 100).unwrap_or(100);
            tokio::time::sleep((pause * percent / 100).min(left)).await;
            pause = (pause * 3 / 2).min(longest);
        }
    }

    async fn acquire_by(
        clock: Arc<dyn Clock>,
        manager: Arc<dyn LockManager>,
        key: String,
        ttl: Duration,
    ) -> Result<Option<Self>> {
        check_ttl(ttl)?;
        let runtime = Handle::try_current().map_err(|source| {
            Error::configuration("a lock is renewed by tokio: take it within a tokio runtime")
                .with_source(source)
        })?;
        let held = Arc::new(Held {
            manager,
            key,
            token: Token::random(),
            ttl,
            clock,
            until: AtomicI64::new(i64::MIN),
        });
        // In a task of its own: it comes to its end without the caller as well, and the guard that
        // nobody takes from it is dropped.
        let task = runtime.spawn(held.take(runtime.clone()));
        task.await.unwrap_or_else(|source| Err(ended(source)))
    }

    /// Resolves when the lock is lost; also when the guard is released or dropped.
    ///
    /// After it another may hold the lock, so that nothing more should be written under it. It is told
    /// within a second after a machine that was suspended has gone on.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut lost = self.lost.clone();
        async move {
            // An error: the task has ended, and the lock with it.
            let _ended = lost.wait_for(|lost| *lost).await;
        }
    }

    /// Whether the lock is held, as far as its time tells. Looks at the clock, and asks nobody.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.is_held()
    }

    /// A number that is higher than that of every earlier taking of the key; `None` from a manager
    /// that counts nothing. Of the managers here, [`LeaseLocks`](super::LeaseLocks) counts.
    #[must_use]
    pub fn fence(&self) -> Option<i64> {
        self.acquired.fence()
    }

    /// What it is the lock of.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.held.key
    }

    /// What tells this taking from others.
    #[must_use]
    pub fn token(&self) -> Token {
        self.held.token
    }

    /// Gives the lock back, and waits for that; says whether it was still held.
    ///
    /// Safe to cancel: it goes on in the background.
    ///
    /// # Errors
    /// What the manager says. The lock then ends with its time.
    pub async fn release(self) -> Result<bool> {
        // It has ended when the runtime has.
        let _told = self.stop.send(());
        self.task.await.unwrap_or_else(|source| Err(ended(source)))
    }
}

impl Held {
    /// Takes the lock, and begins to renew it.
    fn take(
        self: &Arc<Self>,
        runtime: Handle,
    ) -> impl Future<Output = Result<Option<Guard>>> + Send + use<> {
        let held = Arc::clone(self);
        async move {
            let sent = held.clock.elapsed();
            let ends = held.ends(sent);
            let locked = caught("the taking of a lock", async {
                held.manager.lock(&held.key, &held.token, held.ttl).await
            });
            let answer = match select(pin!(locked), pin!(held.pause(ends))).await {
                Either::Left((answer, _)) => answer.flatten(),
                Either::Right(_) => Err(held.late()),
            };
            let acquired = match answer {
                Ok(Some(_)) if held.clock.elapsed() >= ends => Err(held.late()),
                answer => answer,
            };
            match acquired {
                Ok(Some(acquired)) => {
                    held.until.store(ends, Ordering::Release);
                    Ok(Some(Guard::new(held, acquired, &runtime)))
                }
                Ok(None) => Ok(None),
                Err(error) => {
                    // It may have been taken all the same.
                    runtime.spawn(async move { held.give_back().await });
                    Err(error)
                }
            }
        }
    }

    /// Until when a lock is surely held whose statement was sent then: the holder's clock may be
    /// slower than the manager's.
    fn ends(&self, sent: i64) -> i64 {
        sent.saturating_add(micros(self.ttl - self.ttl / 10))
    }

    /// When the next renewal is due: a third of the time after the last one was sent.
    fn due(&self) -> i64 {
        let sent = self
            .until
            .load(Ordering::Acquire)
            .saturating_sub(self.ends(0));
        sent.saturating_add(micros(self.ttl / 3))
    }

    fn is_held(&self) -> bool {
        self.clock.elapsed() < self.until.load(Ordering::Acquire)
    }

    /// Waits until the clock says so.
    async fn pause(&self, until: i64) {
        while let Ok(left @ 1..) = u64::try_from(until.saturating_sub(self.clock.elapsed())) {
            tokio::time::sleep(Duration::from_micros(left).min(LOOK)).await;
        }
    }

    /// Renews the lock until it is lost or `stop` comes, and gives it back at `stop`.
    async fn keep(
        self: Arc<Self>,
        lost: watch::Sender<bool>,
        mut stop: oneshot::Receiver<()>,
    ) -> Result<bool> {
        let mut next = self.due();
        loop {
            // No ping is broken off by a release: it would cost a connection.
            if let Either::Left(_) = select(&mut stop, pin!(self.pause(next))).await {
                break;
            }
            next = match self.renew().await {
                Ok(true) => self.due(),
                Err(error) if self.is_held() => {
                    tracing::warn!(
                        target: "shard_orm",
                        key = self.key,
                        error = %error.kind(),
                        "a lock was not renewed"
                    );
                    let soon = micros(self.ttl / 12);
                    min(
                        self.clock.elapsed().saturating_add(soon),
                        self.until.load(Ordering::Acquire),
                    )
                }
                Ok(false) | Err(_) => {
                    tracing::warn!(target: "shard_orm", key = self.key, "a lock was lost");
                    self.until.store(i64::MIN, Ordering::Release);
                    // It is heard by nobody when nobody asks.
                    let _heard = lost.send(true);
                    // Given back when the holder has stopped: until then others are let in by the
                    // time alone.
                    let _stopped = (&mut stop).await;
                    break;
                }
            };
        }
        self.until.store(i64::MIN, Ordering::Release);
        drop(lost);
        self.give_back().await
    }

    /// Renews the lock once; says whether it is held.
    async fn renew(&self) -> Result<bool> {
        let until = self.until.load(Ordering::Acquire);
        let sent = self.clock.elapsed();
        // A manager of the users' own that panics has not renewed it.
        let pinged = caught("the renewal of a lock", async {
            self.manager.ping(&self.key, &self.token, self.ttl).await
        });
        let answer = match select(pin!(pinged), pin!(self.pause(until))).await {
            Either::Left((answer, _)) => answer.flatten()?,
            Either::Right(_) => false,
        };
        // Once it was over it stays over, for those who have seen it.
        let held = answer && self.clock.elapsed() < until;
        if held {
            self.until.store(self.ends(sent), Ordering::Release);
        }
        Ok(held)
    }

    async fn give_back(&self) -> Result<bool> {
        let released = caught("the release of a lock", async {
            self.manager.release(&self.key, &self.token).await
        });
        match timeout(self.ttl, released).await {
            Ok(answer) => answer.flatten(),
            Err(_) => Err(self.late()),
        }
    }

    #[cold]
    fn late(&self) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "what keeps the lock `{}` did not answer within its time, {:?}",
                self.key, self.ttl
            ),
        )
    }
}

impl Guard {
    fn new(held: Arc<Held>, acquired: Acquired, runtime: &Handle) -> Self {
        let (losing, lost) = watch::channel(false);
        let (stop, stopped) = oneshot::channel();
        let task = runtime.spawn(Arc::clone(&held).keep(losing, stopped));
        Self {
            held,
            acquired,
            lost,
            stop,
            task,
        }
    }
}

#[cold]
fn ended(source: JoinError) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the task of a lock has ended: its runtime was shut down, or what keeps the lock panicked",
    )
    .with_source(source)
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("key", &self.held.key)
            .field("held", &self.is_held())
            .field("fence", &self.fence())
            .finish_non_exhaustive()
    }
}
