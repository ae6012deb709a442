//! The guard with a manager and a clock controlled by the tests.

use std::collections::VecDeque;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use super::super::LockFuture;
use super::*;

/// Longer than any expected event takes.
const LIMIT: Duration = Duration::from_secs(30);

/// A clock that the test advances.
#[derive(Debug, Default)]
struct Turned(AtomicI64);

impl Turned {
    fn turn(&self, time: Duration) {
        self.0.fetch_add(micros(time), Ordering::SeqCst);
    }
}

impl Clock for Turned {
    fn wall(&self) -> i64 {
        SystemClock.wall()
    }

    fn elapsed(&self) -> i64 {
        SystemClock.elapsed() + self.0.load(Ordering::SeqCst)
    }
}

/// The outcome of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ping {
    Fails,
    Hangs,
    Panics,
}

/// A manager of one lock, which lasts until it is released.
#[derive(Debug, Default)]
struct Fake {
    holder: Mutex<Option<Token>>,
    /// The outcomes of the next pings; later ones succeed normally.
    pings: Mutex<VecDeque<Ping>>,
    pinged: AtomicUsize,
    /// `lock` takes the lock, and then waits for this.
    single_flight: Option<Notify>,
    entered: Notify,
}

impl Fake {
    fn holder(&self) -> MutexGuard<'_, Option<Token>> {
        self.holder.lock().unwrap()
    }

    fn with(pings: impl IntoIterator<Item = Ping>) -> Arc<Self> {
        Arc::new(Self {
            pings: Mutex::new(pings.into_iter().collect()),
            ..Self::default()
        })
    }

    async fn becomes_free(&self) {
        eventually(|| self.holder().is_none()).await;
    }
}

impl LockManager for Fake {
    fn lock<'a>(
        &'a self,
        _key: &'a str,
        token: &'a Token,
        _ttl: Duration,
    ) -> LockFuture<'a, Option<Acquired>> {
        Box::pin(async move {
            if self.holder().is_some() {
                return Ok(None);
            }
            *self.holder() = Some(*token);
            self.entered.notify_one();
            if let Some(single_flight) = &self.single_flight {
                single_flight.notified().await;
            }
            Ok(Some(Acquired::fenced(7)))
        })
    }

    fn ping<'a>(&'a self, _key: &'a str, token: &'a Token, _ttl: Duration) -> LockFuture<'a, bool> {
        Box::pin(async move {
            let next = self.pings.lock().unwrap().pop_front();
            self.pinged.fetch_add(1, Ordering::SeqCst);
            match next {
                Some(Ping::Fails) => Err(Error::new(ErrorKind::Unavailable, "not there")),
                Some(Ping::Hangs) => std::future::pending().await,
                Some(Ping::Panics) => panic!("a faulty manager"),
                None => Ok(*self.holder() == Some(*token)),
            }
        })
    }

    fn release<'a>(&'a self, _key: &'a str, token: &'a Token) -> LockFuture<'a, bool> {
        Box::pin(async move {
            let held = *self.holder() == Some(*token);
            if held {
                *self.holder() = None;
            }
            Ok(held)
        })
    }

    fn is_locked<'a>(&'a self, _key: &'a str) -> LockFuture<'a, bool> {
        Box::pin(async move { Ok(self.holder().is_some()) })
    }
}

async fn eventually(condition: impl Fn() -> bool) {
    let until = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(LIMIT, until).await.unwrap();
}

async fn acquire(fake: &Arc<Fake>, ttl: Duration) -> Guard {
    let manager: Arc<dyn LockManager> = Arc::<Fake>::clone(fake);
    Guard::acquire(manager, "key", ttl).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_lock_is_lost_after_a_suspension_longer_than_its_ttl() {
    let clock = Arc::new(Turned::default());
    let fake = Fake::with([]);
    let ttl = Duration::from_secs(600);
    let taken = Guard::acquire_by(
        Arc::<Turned>::clone(&clock),
        Arc::<Fake>::clone(&fake),
        "key".to_owned(),
        ttl,
    );
    let guard = taken.await.unwrap().unwrap();
    clock.turn(ttl * 8 / 10);
    assert!(guard.is_held());
    let lost = guard.lost();
    clock.turn(ttl / 10);
    // The manager would still confirm it.
    assert!(!guard.is_held());
    timeout(LIMIT, lost).await.unwrap();
    assert!(!guard.is_held());
}

#[tokio::test]
async fn a_slowly_acquired_lock_is_renewed_in_time() {
    let clock = Arc::new(Turned::default());
    let fake = Arc::new(Fake {
        single_flight: Some(Notify::new()),
        ..Fake::default()
    });
    let ttl = Duration::from_secs(60);
    let acquisition = tokio::spawn(Guard::acquire_by(
        Arc::<Turned>::clone(&clock),
        Arc::<Fake>::clone(&fake),
        "key".to_owned(),
        ttl,
    ));
    fake.entered.notified().await;
    // A third of the TTL later only a few seconds would be left.
    clock.turn(ttl * 6 / 10);
    fake.single_flight.as_ref().unwrap().notify_one();
    let guard = acquisition.await.unwrap().unwrap().unwrap();
    eventually(|| fake.pinged.load(Ordering::SeqCst) > 0).await;
    eventually(|| guard.held.until.load(Ordering::SeqCst) > clock.elapsed() + micros(ttl / 2))
        .await;
    assert!(guard.is_held());
}

#[tokio::test]
async fn a_hanging_ping_loses_the_lock_within_its_ttl() {
    let fake = Fake::with([Ping::Hangs]);
    let ttl = Duration::from_millis(600);
    let begun = std::time::Instant::now();
    let guard = acquire(&fake, ttl).await;
    timeout(LIMIT, guard.lost()).await.unwrap();
    assert!(begun.elapsed() >= ttl * 8 / 10, "{:?}", begun.elapsed());
    assert!(!guard.is_held());
    assert!(
        guard.release().await.unwrap(),
        "it is released nevertheless"
    );
}

#[tokio::test]
async fn a_lock_survives_temporary_ping_failures() {
    let fake = Fake::with([Ping::Fails, Ping::Fails]);
    let guard = acquire(&fake, Duration::from_secs(3)).await;
    eventually(|| fake.pinged.load(Ordering::SeqCst) >= 3).await;
    assert!(guard.is_held());
    assert!(guard.release().await.unwrap());
}

#[tokio::test]
async fn a_lock_survives_panicking_pings() {
    let fake = Fake::with([Ping::Panics, Ping::Panics]);
    let guard = acquire(&fake, Duration::from_secs(3)).await;
    eventually(|| fake.pinged.load(Ordering::SeqCst) >= 3).await;
    assert!(guard.is_held());
    assert!(guard.release().await.unwrap());
}

#[tokio::test]
async fn a_lock_is_lost_and_released_if_pings_keep_panicking() {
    let fake = Fake::with(std::iter::repeat_n(Ping::Panics, 1_000));
    let guard = acquire(&fake, Duration::from_millis(300)).await;
    timeout(LIMIT, guard.lost()).await.unwrap();
    assert!(!guard.is_held());
    drop(guard);
    fake.becomes_free().await;
}

#[tokio::test]
async fn a_lock_is_lost_after_permanent_ping_failures() {
    let fake = Fake::with(std::iter::repeat_n(Ping::Fails, 1_000));
    let guard = acquire(&fake, Duration::from_millis(300)).await;
    timeout(LIMIT, guard.lost()).await.unwrap();
    assert!(!guard.is_held());
    assert!(fake.pinged.load(Ordering::SeqCst) > 2, "it was retried");
}

#[tokio::test]
async fn a_lock_taken_by_another_holder_is_lost_at_the_next_ping() {
    let fake = Fake::with([]);
    let guard = acquire(&fake, Duration::from_millis(300)).await;
    let other = Token::random();
    *fake.holder() = Some(other);
    timeout(LIMIT, guard.lost()).await.unwrap();
    assert!(!guard.release().await.unwrap());
    assert_eq!(*fake.holder(), Some(other));
}

#[tokio::test]
async fn dropping_a_guard_releases_the_lock_and_resolves_lost() {
    let fake = Fake::with([]);
    let guard = acquire(&fake, Duration::from_secs(60)).await;
    assert_eq!(guard.fence(), Some(7));
    let lost = guard.lost();
    drop(guard);
    timeout(LIMIT, lost).await.unwrap();
    fake.becomes_free().await;
}

#[tokio::test]
async fn a_lock_taken_for_a_cancelled_caller_is_released() {
    let fake = Arc::new(Fake {
        single_flight: Some(Notify::new()),
        ..Fake::default()
    });
    let manager: Arc<dyn LockManager> = Arc::<Fake>::clone(&fake);
    let acquiring = Box::pin(Guard::acquire(manager, "key", Duration::from_secs(60)));
    let Either::Right(((), acquiring)) = select(acquiring, Box::pin(fake.entered.notified())).await
    else {
        panic!("it should not have completed");
    };
    drop(acquiring);
    assert!(fake.holder().is_some());
    fake.single_flight.as_ref().unwrap().notify_one();
    fake.becomes_free().await;
}

#[tokio::test]
async fn a_late_acquisition_is_an_error_and_is_released() {
    let fake = Arc::new(Fake {
        single_flight: Some(Notify::new()),
        ..Fake::default()
    });
    let manager: Arc<dyn LockManager> = Arc::<Fake>::clone(&fake);
    let taken = Guard::acquire(manager, "key", Duration::from_millis(200));
    let error = timeout(LIMIT, taken).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    fake.becomes_free().await;
}

#[tokio::test]
async fn a_waiter_gets_the_lock_once_it_is_free_or_times_out() {
    let fake = Fake::with([]);
    let manager = || -> Arc<dyn LockManager> { Arc::<Fake>::clone(&fake) };
    let ttl = Duration::from_secs(60);
    let guard = acquire(&fake, ttl).await;
    let short = Duration::from_millis(50);
    let nothing = Guard::acquire_within(manager(), "key", ttl, short).await;
    assert!(nothing.unwrap().is_none());
    let waiting = tokio::spawn(Guard::acquire_within(manager(), "key", ttl, Duration::MAX));
    guard.release().await.unwrap();
    let second = waiting.await.unwrap().unwrap().unwrap();
    assert_eq!(*fake.holder(), Some(second.token()));
}

#[tokio::test]
async fn ttls_out_of_range_are_rejected() {
    for ttl in [Duration::ZERO, Duration::from_millis(99), Duration::MAX] {
        let error = Guard::acquire(Fake::with([]), "key", ttl)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}
