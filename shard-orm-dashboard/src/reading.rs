//! One source of the page, read for all viewers together.
//!
//! A viewer gets the last reading. If that is old, one viewer's request begins a new one, and all wait for it a
//! little. So the cost does not grow with the viewers, nobody waits long for a server that is down, and nothing
//! is asked while nobody looks.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::BoxFuture;
use shard_orm::ErrorKind;
use tokio::sync::watch;

/// The least time between two readings of a source, unless it has another one.
const PERIOD: Duration = Duration::from_secs(2);
/// At most one part of this many of the time is spent reading a source.
const SHARE: u32 = 5;
/// The longest time that a reading takes.
const LIMIT: Duration = Duration::from_secs(20);
/// The longest time that a viewer waits for a newer reading.
const PATIENCE: Duration = Duration::from_secs(3);

/// A source, and what was read of it last.
pub(crate) struct Reading<T> {
    read: Box<dyn Fn() -> BoxFuture<'static, shard_orm::Result<T>> + Send + Sync>,
    state: Arc<Mutex<State<T>>>,
    /// Counts the readings.
    ended: Arc<watch::Sender<u64>>,
    period: Duration,
}

struct State<T> {
    value: Option<Arc<T>>,
    /// When the value was read.
    taken: Option<SystemTime>,
    /// What the last reading failed with.
    failure: Option<Failure>,
    is_running: bool,
    /// When the value becomes old.
    until: Option<Instant>,
}

/// Why a source could not be read.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// What is wrong, and what to do.
    pub(crate) message: String,
    /// Whether the configuration has no such source.
    pub(crate) is_absent: bool,
}

/// What a viewer gets of a source.
#[derive(Debug)]
pub(crate) struct Seen<T> {
    /// What was read last, if a reading has succeeded.
    pub(crate) value: Option<Arc<T>>,
    /// When that was.
    pub(crate) taken: Option<SystemTime>,
    /// Why there is nothing newer.
    pub(crate) failure: Option<Failure>,
}

impl<T: Send + Sync + 'static> Reading<T> {
    /// A source that is read by this function.
    pub(crate) fn new<F>(read: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = shard_orm::Result<T>> + Send + 'static,
    {
        Self {
            read: Box::new(move || Box::pin(read())),
            state: Arc::new(Mutex::new(State {
                value: None,
                taken: None,
                failure: None,
                is_running: false,
                until: None,
            })),
            ended: Arc::new(watch::Sender::new(0)),
            period: PERIOD,
        }
    }

    /// Sets the least time between two readings, for a source that changes slower.
    pub(crate) fn every(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }

    /// The last reading, or a newer one if it is old and does not take long.
    pub(crate) async fn get(&self) -> Seen<T> {
        let mut ended = self.ended.subscribe();
        if self.begin() {
            let _ = tokio::time::timeout(PATIENCE, ended.changed()).await;
        }
        let state = lock(&self.state);
        Seen {
            value: state.value.clone(),
            taken: state.taken,
            failure: state.failure.clone(),
        }
    }

    /// Makes the next viewer read the source again, after a change. Waits a little for a reading that may
    /// have begun before.
    pub(crate) async fn expire(&self) {
        let mut ended = self.ended.subscribe();
        let is_running = lock(&self.state).is_running;
        if is_running {
            let _ = tokio::time::timeout(PATIENCE, ended.changed()).await;
        }
        lock(&self.state).until = None;
    }

    /// Begins a reading unless one is running or the last one is new; whether one is running.
    fn begin(&self) -> bool {
        let mut state = lock(&self.state);
        if state.is_running {
            return true;
        }
        let began = Instant::now();
        if state.until.is_some_and(|until| began < until) {
            return false;
        }
        state.is_running = true;
        drop(state);
        let end = End {
            state: Arc::clone(&self.state),
            ended: Arc::clone(&self.ended),
            began,
            period: self.period,
        };
        let read = (self.read)();
        tokio::spawn(async move {
            let outcome = tokio::time::timeout(LIMIT, read).await;
            let mut state = lock(&end.state);
            match outcome {
                Ok(Ok(value)) => {
                    state.value = Some(Arc::new(value));
                    state.taken = Some(SystemTime::now());
                    state.failure = None;
                }
                Ok(Err(error)) => {
                    state.failure = Some(Failure {
                        message: error.to_string(),
                        is_absent: error.kind() == ErrorKind::Configuration,
                    });
                }
                Err(_) => {
                    state.failure = Some(Failure {
                        message: format!(
                            "no answer within {} s; look for servers that do not answer",
                            LIMIT.as_secs()
                        ),
                        is_absent: false,
                    });
                }
            }
            drop(state);
            drop(end);
        });
        true
    }
}

/// Ends a reading when it is dropped, also if the source panicked.
struct End<T> {
    state: Arc<Mutex<State<T>>>,
    ended: Arc<watch::Sender<u64>>,
    began: Instant,
    period: Duration,
}

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.is_running = false;
        let now = Instant::now();
        let rest = (now - self.began) * (SHARE - 1);
        state.until = Some((self.began + self.period).max(now + rest));
        drop(state);
        self.ended.send_modify(|number| *number += 1);
    }
}

/// Each change of the state is complete before the lock is released.
fn lock<T>(state: &Mutex<State<T>>) -> std::sync::MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> fmt::Debug for Reading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_viewers_cost_one_reading() {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let reading = Reading::new(move || {
            let number = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                Ok(number)
            }
        });
        let viewers = (0..10).map(|_| reading.get());
        let seen = futures_util::future::join_all(viewers).await;
        assert!(seen.iter().all(|seen| seen.value.as_deref() == Some(&0)));
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_hangs_keeps_no_viewer_and_is_reported() {
        let reading: Reading<()> = Reading::new(std::future::pending);
        let seen = reading.get().await;
        assert!(seen.value.is_none() && seen.failure.is_none());
        tokio::time::sleep(LIMIT).await;
        let seen = reading.get().await;
        assert!(
            seen.failure
                .unwrap()
                .message
                .contains("no answer within 20 s")
        );
    }

    #[tokio::test]
    async fn a_source_that_panics_is_read_again() {
        let reading: Reading<()> = Reading::new(|| async { panic!("on purpose") });
        assert!(reading.get().await.value.is_none());
        assert!(!lock(&reading.state).is_running);
    }
}
