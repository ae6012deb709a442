//! The moment at which a future is dropped before it completes.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::random::Random;

/// When a future is dropped before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Never,
    /// After so many polls, at once: while it waits for something. With 0 it is never polled.
    Waiting(u32),
    /// After so many polls, when it is woken: what it waited for is there, and not yet taken.
    Woken(u32),
    /// After a time, whatever it is doing.
    After(Duration),
}

impl Cut {
    /// One that falls on any of the first `polls` waits, for a part of all futures.
    pub(crate) fn random(random: &mut Random, polls: u32) -> Self {
        match random.up_to(100) {
            0..12 => Self::Waiting(random.up_to(polls + 1)),
            12..22 => Self::Woken(1 + random.up_to(polls)),
            22..27 => Self::After(Duration::from_micros(u64::from(random.up_to(10_000)))),
            _ => Self::Never,
        }
    }

    /// Runs a future until it is done or cut; `None` when it is cut.
    pub(crate) async fn run<T>(self, future: impl Future<Output = T>) -> Option<T> {
        let (polls, woken) = match self {
            Self::Never => return Some(future.await),
            Self::After(time) => return tokio::time::timeout(time, future).await.ok(),
            Self::Waiting(polls) => (polls, false),
            Self::Woken(polls) => (polls, true),
        };
        let mut future = pin!(future);
        let mut left = polls;
        poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            match future.as_mut().poll(context) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                Poll::Pending if left == 0 && !woken => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Whether the future is never begun.
    pub(crate) fn before_all(self) -> bool {
        self == Self::Waiting(0)
    }
}
