//! Locks that prevent two runs of one task, across processes.
//!
//! A task takes the lock of its key before it starts. The caller that gets a [`Guard`] runs; for
//! all others the lock is taken. The guard renews the lock while it is held, and reports its loss.
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> shard_orm::Result<()> {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use shard_orm::lock::{Guard, LeaseLocks, LockManager};
//!
//! # #[derive(shard_orm::ShardModel)]
//! # #[shard(database = "default", table = "settings")]
//! # struct Setting {
//! #     #[shard(primary_key)]
//! #     name: String,
//! # }
//! # let cluster = shard_orm::testing::cluster::<Setting>().await?;
//! let locks = LeaseLocks::new(&cluster, "default")?;
//! locks.setup().await?;
//! let locks: Arc<dyn LockManager> = Arc::new(locks);
//!
//! let ttl = Duration::from_secs(30);
//! if let Some(guard) = Guard::acquire(Arc::clone(&locks), "nightly-report", ttl).await? {
//!     // No other guard can be acquired until this one is released, dropped or lost.
//!     assert!(Guard::acquire(locks, "nightly-report", ttl).await?.is_none());
//!     guard.release().await?;
//! }
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # Lock managers
//! | manager | storage | expires | fencing |
//! |---|---|---|---|
//! | [`LeaseLocks`] | a table in a named database of any kind | by the clock of the database | yes |
//! | [`DatabaseLocks`] | a session on PostgreSQL, MySQL or MariaDB | with the session, which the server ends | no |
//! | `RedisLocks` (feature `redis`) | a key in Redis | by the clock of Redis | no |
//!
//! For others, implement [`LockManager`].
//!
//! # Limits of locks
//! A lock prevents two runs in all ordinary cases, which saves work. It does not prove that there
//! is only one. A holder that is suspended just before its write, and resumes after the lock has
//! passed to another, writes concurrently with the new holder. A server that forgets what it had
//! acknowledged, as Redis or an asynchronous replica can during a failover, gives one lock to two
//! holders. Every lock that expires has these limits. Where correctness is at stake, the target
//! must protect itself: [`Guard::fence`] is a fencing token that increases with every acquisition,
//! and a target that stores the highest one it has seen can refuse earlier holders.

mod database;
mod guard;
mod lease;
mod name;
#[cfg(feature = "redis")]
mod redis;
mod token;

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use crate::error::{Error, Result};

pub use database::DatabaseLocks;
pub use guard::Guard;
pub use lease::LeaseLocks;
#[cfg(feature = "redis")]
pub use redis::RedisLocks;
pub use token::Token;

#[cfg(feature = "migrate")]
pub(crate) use name::advisory;

/// The shortest TTL of a lock.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest TTL of a lock.
const LONGEST: Duration = Duration::from_hours(24);

/// The future of a [`LockManager`]'s method.
pub type LockFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A backend for locks: [`LeaseLocks`], [`DatabaseLocks`], `RedisLocks`, or a custom one.
///
/// Called by [`Guard`]. All four methods may be called concurrently, for one key or several. A
/// dropped future may have done its work: a lock that it has taken expires after its TTL.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use std::time::{Duration, Instant};
///
/// use shard_orm::lock::{Acquired, LockFuture, LockManager, Token};
///
/// /// Locks of one process.
/// #[derive(Debug, Default)]
/// struct LocalLocks(Mutex<HashMap<String, (Token, Instant)>>);
///
/// impl LocalLocks {
///     /// Asks for a lock that is held, by the holder of this token if there is one.
///     fn held(&self, key: &str, token: Option<&Token>) -> bool {
///         let all = self.0.lock().unwrap();
///         all.get(key).is_some_and(|(holder, until)| {
///             *until > Instant::now() && token.is_none_or(|token| token == holder)
///         })
///     }
/// }
///
/// impl LockManager for LocalLocks {
///     fn lock<'a>(&'a self, key: &'a str, token: &'a Token, ttl: Duration) -> LockFuture<'a, Option<Acquired>> {
///         Box::pin(async move {
///             if self.held(key, None) {
///                 return Ok(None);
///             }
///             self.0.lock().unwrap().insert(key.to_owned(), (*token, Instant::now() + ttl));
///             Ok(Some(Acquired::new()))
///         })
///     }
///
///     fn ping<'a>(&'a self, key: &'a str, token: &'a Token, ttl: Duration) -> LockFuture<'a, bool> {
///         Box::pin(async move {
///             let held = self.held(key, Some(token));
///             if held {
///                 self.0.lock().unwrap().insert(key.to_owned(), (*token, Instant::now() + ttl));
///             }
///             Ok(held)
///         })
///     }
///
///     fn release<'a>(&'a self, key: &'a str, token: &'a Token) -> LockFuture<'a, bool> {
///         Box::pin(async move {
///             let held = self.held(key, Some(token));
///             if held {
///                 self.0.lock().unwrap().remove(key);
///             }
///             Ok(held)
///         })
///     }
///
///     fn is_locked<'a>(&'a self, key: &'a str) -> LockFuture<'a, bool> {
///         Box::pin(async move { Ok(self.held(key, None)) })
///     }
/// }
/// ```
pub trait LockManager: fmt::Debug + Send + Sync + 'static {
    /// Takes the lock of a key for `ttl`, with a token that has not been used before; `None` if
    /// another holder has it. Does not wait for the holder.
    fn lock<'a>(
        &'a self,
        key: &'a str,
        token: &'a Token,
        ttl: Duration,
    ) -> LockFuture<'a, Option<Acquired>>;

    /// Extends the lock by `ttl` from now, if this token still holds it. `false` means that the
    /// token does not hold it, or has not held it continuously.
    fn ping<'a>(&'a self, key: &'a str, token: &'a Token, ttl: Duration) -> LockFuture<'a, bool>;

    /// Releases the lock, if this token still holds it; returns whether it did.
    fn release<'a>(&'a self, key: &'a str, token: &'a Token) -> LockFuture<'a, bool>;

    /// Whether the lock is held by anyone. The answer may be outdated on arrival: it is for
    /// monitoring, and does not replace [`lock`](Self::lock).
    fn is_locked<'a>(&'a self, key: &'a str) -> LockFuture<'a, bool>;
}

/// An acquired lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Acquired {
    fence: Option<i64>,
}

impl Acquired {
    /// Without a fencing token.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a fencing token, which must be higher than that of every earlier acquisition of the
    /// key.
    #[must_use]
    pub fn fenced(fence: i64) -> Self {
        Self { fence: Some(fence) }
    }

    /// The fencing token, higher than that of every earlier acquisition of the key; `None` from a
    /// manager without fencing.
    #[must_use]
    pub fn fence(&self) -> Option<i64> {
        self.fence
    }
}

/// Refuses a TTL that is too short to be renewed, or too long to wait for.
fn check_ttl(ttl: Duration) -> Result<()> {
    if (SHORTEST..=LONGEST).contains(&ttl) {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "the lock TTL is {ttl:?}; it must be between {SHORTEST:?} and {LONGEST:?}"
    )))
}
