//! When a call began, in half the room of an `Instant`: the future of each call holds one.

use std::num::NonZeroU64;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A moment, in nanoseconds since the first one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(NonZeroU64);

static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Moment {
    #[inline]
    fn now() -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos(FIRST.elapsed())))
    }

    /// The time since.
    #[inline]
    pub(crate) fn elapsed(self) -> Duration {
        Duration::from_nanos(Self::now().0.get() - self.0.get())
    }
}

/// The beginning of a call; `None` if nobody wants to know how long it takes.
#[inline]
pub(crate) fn begin(traced: bool) -> Option<Moment> {
    (cfg!(feature = "metrics") || traced).then(Moment::now)
}

/// Enough for 584 years.
#[inline]
fn nanos(time: Duration) -> u64 {
    time.as_secs() * 1_000_000_000 + u64::from(time.subsec_nanos())
}
