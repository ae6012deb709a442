//! A held lock, which is renewed in the background until it is released or lost.

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
use crate::task::catch_panic;

/// The longest wait between two looks at the clock: the runtime's timers stop while the machine is
/// suspended, but the lock expires.
const CLOCK_CHECK: Duration = Duration::from_secs(1);
/// The first and the longest pause of a waiter.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// A held lock.
///
/// A task renews it after each third of its TTL. The lock is lost when the manager says so, or when
/// no renewal succeeds within nine tenths of the TTL, measured from the sending of the last renewal
/// by a clock that includes suspension. Then [`lost`](Self::lost) resolves, and
/// [`is_held`](Self::is_held) is false and stays false.
///
/// On drop, it is released in the background.
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
///     Either::Right(_) => println!("the lock was lost: another run may have started"),
/// }
/// guard.release().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it releases the lock"]
pub struct Guard {
    held: Arc<Held>,
    acquired: Acquired,
    lost: watch::Receiver<bool>,
    /// Dropping it ends the task.
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<bool>>,
}

/// The state shared by the guard and its task.
struct Held {
    manager: Arc<dyn LockManager>,
    key: String,
    token: Token,
    ttl: Duration,
    clock: Arc<dyn Clock>,
    /// When the lock expires, by the clock's `elapsed`; `i64::MIN` once it is lost.
    until: AtomicI64,
}

impl Guard {
    /// Takes the lock of a key with this `ttl` (100 ms to a day); `None` if another holder has it.
    ///
    /// Cancel-safe: a lock that is taken for a cancelled caller is released.
    ///
    /// # Errors
    /// The manager's error; [`Unavailable`](ErrorKind::Unavailable) if it does not answer within
    /// the TTL; [`Configuration`](ErrorKind::Configuration) for a `ttl` out of range, or outside a
    /// tokio runtime.
    pub async fn acquire(
        manager: Arc<dyn LockManager>,
        key: impl Into<String>,
        ttl: Duration,
    ) -> Result<Option<Self>> {
        Self::acquire_by(Arc::new(SystemClock), manager, key.into(), ttl).await
    }

    /// As [`acquire`](Self::acquire), but waits up to `wait` for the lock. It polls, so waiters are
    /// not served in order.
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
            // Random, so that waiters do not poll at the same moment.
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
            Error::configuration(
                "a lock is renewed by a tokio task: take it within a tokio runtime",
            )
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
        // In a separate task, which completes even if the caller is cancelled; the unused guard is
        // then dropped.
        let task = runtime.spawn(held.take(runtime.clone()));
        task.await.unwrap_or_else(|source| Err(ended(source)))
    }

    /// Resolves when the lock is lost, and also when the guard is released or dropped.
    ///
    /// Another holder may then have the lock, so nothing more should be written under it. After a
    /// suspension of the machine, it resolves within a second.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut lost = self.lost.clone();
        async move {
            // An error means that the task has ended, and the lock with it.
            let _ended = lost.wait_for(|lost| *lost).await;
        }
    }

    /// Whether the lock is still held by its TTL. Reads the clock, and sends nothing.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.is_held()
    }

    /// The fencing token, higher than that of every earlier acquisition of the key; `None` from a
    /// manager without fencing. Of the managers here, [`LeaseLocks`](super::LeaseLocks) has
    /// fencing.
    #[must_use]
    pub fn fence(&self) -> Option<i64> {
        self.acquired.fence()
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.held.key
    }

    /// The token of this acquisition.
    #[must_use]
    pub fn token(&self) -> Token {
        self.held.token
    }

    /// Releases the lock and waits for the result; returns whether it was still held.
    ///
    /// Cancel-safe: the release continues in the background.
    ///
    /// # Errors
    /// The manager's error. The lock then expires after its TTL.
    pub async fn release(self) -> Result<bool> {
        // The lock has ended if the runtime has.
        let _told = self.stop.send(());
        self.task.await.unwrap_or_else(|source| Err(ended(source)))
    }
}

impl Held {
    /// Takes the lock, and starts to renew it.
    fn take(
        self: &Arc<Self>,
        runtime: Handle,
    ) -> impl Future<Output = Result<Option<Guard>>> + Send + use<> {
        let held = Arc::clone(self);
        async move {
            let sent = held.clock.elapsed();
            let ends = held.ends(sent);
            let locked = catch_panic("the acquisition of a lock", async {
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
                    // It may have been taken nevertheless.
                    runtime.spawn(async move { held.give_back().await });
                    Err(error)
                }
            }
        }
    }

    /// Until when a lock is certainly held, for a request sent at this time: the holder's clock may
    /// run slower than the manager's.
    fn ends(&self, sent: i64) -> i64 {
        sent.saturating_add(micros(self.ttl - self.ttl / 10))
    }

    /// When the next renewal is due: a third of the TTL after the last one was sent.
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

    /// Waits until this time of the clock.
    async fn pause(&self, until: i64) {
        while let Ok(left @ 1..) = u64::try_from(until.saturating_sub(self.clock.elapsed())) {
            tokio::time::sleep(Duration::from_micros(left).min(CLOCK_CHECK)).await;
        }
    }

    /// Renews the lock until it is lost or `stop` resolves, and then releases it.
    async fn keep(
        self: Arc<Self>,
        lost: watch::Sender<bool>,
        mut stop: oneshot::Receiver<()>,
    ) -> Result<bool> {
        let mut next = self.due();
        loop {
            // A release does not interrupt a ping: that would cost a connection.
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
                    // Fails only if nobody waits for the result.
                    let _heard = lost.send(true);
                    // Released after the holder has stopped: until then only the expiry admits
                    // others.
                    let _stopped = (&mut stop).await;
                    break;
                }
            };
        }
        self.until.store(i64::MIN, Ordering::Release);
        drop(lost);
        self.give_back().await
    }

    /// Renews the lock once; returns whether it is held.
    async fn renew(&self) -> Result<bool> {
        let until = self.until.load(Ordering::Acquire);
        let sent = self.clock.elapsed();
        // A custom manager that panics has not renewed it.
        let pinged = catch_panic("the renewal of a lock", async {
            self.manager.ping(&self.key, &self.token, self.ttl).await
        });
        let answer = match select(pin!(pinged), pin!(self.pause(until))).await {
            Either::Left((answer, _)) => answer.flatten()?,
            Either::Right(_) => false,
        };
        // Once reported as lost, it stays lost.
        let held = answer && self.clock.elapsed() < until;
        if held {
            self.until.store(self.ends(sent), Ordering::Release);
        }
        Ok(held)
    }

    async fn give_back(&self) -> Result<bool> {
        let released = catch_panic("the release of a lock", async {
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
                "the manager of lock `{}` did not answer within the TTL, {:?}",
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
        "the task of a lock has ended: its runtime was shut down, or the lock manager panicked",
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
