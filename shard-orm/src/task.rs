//! Background tasks of the library, whose panics are logged and which are restarted.
//!
//! Used for every task that is spawned and that no caller awaits.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::{Error, ErrorKind, Result};

/// The delay before a task that panicked is restarted: the first one, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_mins(1));

/// A signal to begin nothing further, for an operator who interrupts a request. All clones are the
/// same signal.
///
/// ```
/// let stop = shard_orm::admin::StopSignal::default();
/// let other = stop.clone();
/// other.stop();
/// assert!(stop.is_stopped());
/// ```
#[derive(Debug, Clone, Default)]
pub struct StopSignal(Arc<watch::Sender<bool>>);

impl StopSignal {
    /// Gives the signal.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was given.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is given.
    pub(crate) async fn stopped(&self) {
        let mut given = self.0.subscribe();
        // The sender is kept here.
        let _ = given.wait_for(|given| *given).await;
    }
}

/// Runs a future, and turns a panic into an error, which is logged as well.
///
/// The changes of the future remain, so that they must be usable half-done. The panic's own text,
/// which may contain a value, goes to the process's panic output and nowhere else.
pub(crate) async fn catch_panic<T>(
    what: &'static str,
    future: impl Future<Output = T>,
) -> Result<T> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|_| {
        tracing::error!(target: "shard_orm", task = what, "a task has panicked");
        Error::new(
            ErrorKind::Unavailable,
            format!("{what} panicked; the process's panic output says where"),
        )
    })
}

/// Runs a task to completion, and restarts it when it panics.
pub(crate) async fn restarting<F>(what: &'static str, mut begin: impl FnMut() -> F)
where
    F: Future<Output = ()>,
{
    let (shortest, longest) = PAUSES;
    let mut pause = shortest;
    loop {
        let begun = Instant::now();
        if catch_panic(what, begin()).await.is_ok() {
            return;
        }
        if begun.elapsed() > longest {
            pause = shortest;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_begun_again_until_it_ends() {
        let mut begun = 0;
        restarting("a test", || {
            begun += 1;
            let number = begun;
            async move { assert!(number == 3, "number {number} fails") }
        })
        .await;
        assert_eq!(begun, 3);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_without_its_text() {
        let secret = "4711";
        let outcome = catch_panic("a test", async { panic!("the value is {secret}") });
        let error = outcome.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(!format!("{error} {error:?}").contains(secret));
        assert_eq!(catch_panic("a test", async { 7 }).await.unwrap(), 7);
    }
}
