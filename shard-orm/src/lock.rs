//! Locks that keep two runs of one task apart, in whatever processes they are.
//!
//! A task takes the lock of its key before it begins: whoever gets a [`Guard`] runs, and all others
//! are told that somebody does. The guard renews the lock while it is held, and says when it was
//! lost.
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
//!     // Nobody else is here until the guard is released or dropped, or was lost.
//!     assert!(Guard::acquire(locks, "nightly-report", ttl).await?.is_none());
//!     guard.release().await?;
//! }
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # Who keeps them
//! | | where | ends when nobody renews it | a number that rises |
//! |---|---|---|---|
//! | [`LeaseLocks`] | a table in a named database, of any kind | by the database's clock | yes |
//! | [`DatabaseLocks`] | a session of PostgreSQL, MySQL or MariaDB | with the session, which its server ends | no |
//! | `RedisLocks` (feature `redis`) | a key in Redis | by Redis's clock | no |
//!
//! Others implement [`LockManager`].
//!
//! # What a lock does not do
//! It keeps two runs apart in all ordinary cases, and saves work. It is no proof that there is but
//! one: a holder that is stopped just before its write, and goes on after the lock has passed to
//! another, writes beside the new holder; and a server that forgets what it had acknowledged, as
//! Redis or an asynchronous replica may at a failover, gives one lock to two. No lock that can end
//! by itself is without this. What must not be wrong is kept by what is written to:
//! [`Guard::fence`] is a number that rises with every taking, and a target that keeps the highest
//! which it has seen refuses a holder that was overtaken.

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

/// The shortest time of a lock.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_hours(24);

/// What a [`LockManager`] answers, in time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// What keeps locks: [`LeaseLocks`], [`DatabaseLocks`], `RedisLocks`, or one of your own.
///
/// [`Guard`] calls it. All four methods may be called at the same time, for different keys and
/// for one. A future that is dropped may have done its work: what it has locked ends with its
/// time.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use std::time::{Duration, Instant};
///
/// use shard_orm::lock::{Acquired, Answer, LockManager, Token};
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
///     fn lock<'a>(&'a self, key: &'a str, token: &'a Token, ttl: Duration) -> Answer<'a, Option<Acquired>> {
///         Box::pin(async move {
///             if self.held(key, None) {
///                 return Ok(None);
///             }
///             self.0.lock().unwrap().insert(key.to_owned(), (*token, Instant::now() + ttl));
///             Ok(Some(Acquired::new()))
///         })
///     }
///
///     fn ping<'a>(&'a self, key: &'a str, token: &'a Token, ttl: Duration) -> Answer<'a, bool> {
///         Box::pin(async move {
///             let held = self.held(key, Some(token));
///             if held {
///                 self.0.lock().unwrap().insert(key.to_owned(), (*token, Instant::now() + ttl));
///             }
///             Ok(held)
///         })
///     }
///
///     fn release<'a>(&'a self, key: &'a str, token: &'a Token) -> Answer<'a, bool> {
///         Box::pin(async move {
///             let held = self.held(key, Some(token));
///             if held {
///                 self.0.lock().unwrap().remove(key);
///             }
///             Ok(held)
///         })
///     }
///
///     fn is_locked<'a>(&'a self, key: &'a str) -> Answer<'a, bool> {
///         Box::pin(async move { Ok(self.held(key, None)) })
///     }
/// }
/// ```
pub trait LockManager: fmt::Debug + Send + Sync + 'static {
    /// Takes the lock of a key for `ttl`, under a token that has not been used before; `None` when
    /// another holds it. Waits for nobody.
    fn lock<'a>(
        &'a self,
        key: &'a str,
        token: &'a Token,
        ttl: Duration,
    ) -> Answer<'a, Option<Acquired>>;

    /// Lets the lock last for `ttl` from now on, if this token holds it still. `false`: it does not,
    /// and has not all the time since it was taken.
    fn ping<'a>(&'a self, key: &'a str, token: &'a Token, ttl: Duration) -> Answer<'a, bool>;

    /// Gives the lock back, if this token holds it still; says whether it did.
    fn release<'a>(&'a self, key: &'a str, token: &'a Token) -> Answer<'a, bool>;

    /// Whether anybody holds the lock. The answer may be outdated when it comes: it is for people
    /// to look at, and no replacement for [`lock`](Self::lock).
    fn is_locked<'a>(&'a self, key: &'a str) -> Answer<'a, bool>;
}

/// A lock that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Acquired {
    fence: Option<i64>,
}

impl Acquired {
    /// By a manager that counts nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a number that is higher than that of every earlier taking of the key.
    #[must_use]
    pub fn fenced(fence: i64) -> Self {
        Self { fence: Some(fence) }
    }

    /// A number that is higher than that of every earlier taking of the key; `None` from a manager
    /// that counts nothing.
    #[must_use]
    pub fn fence(&self) -> Option<i64> {
        self.fence
    }
}

/// Refuses times that are too short to be renewed in, or too long to be waited for.
fn check_ttl(ttl: Duration) -> Result<()> {
    if (SHORTEST..=LONGEST).contains(&ttl) {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "a lock is to be held for {ttl:?} at a time; take a time from {SHORTEST:?} to {LONGEST:?}"
    )))
}
