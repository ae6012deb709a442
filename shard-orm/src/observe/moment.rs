//! When something began.

use std::time::{Duration, Instant};

/// A moment. Of two readings of the clock, the difference is computed once, at the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(Instant);

impl Moment {
    #[inline]
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    /// The microseconds until then.
    #[inline]
    pub(super) fn micros_until(self, now: Instant) -> u64 {
        micros(now.saturating_duration_since(self.0))
    }

    /// The microseconds since.
    #[inline]
    pub(crate) fn elapsed_micros(self) -> u64 {
        micros(self.0.elapsed())
    }
}

/// The beginning of a call; `None` if nobody wants to know how long it takes.
#[inline]
pub(crate) fn begin(traced: bool) -> Option<Moment> {
    (cfg!(feature = "metrics") || traced).then(Moment::now)
}

/// A duration in microseconds.
#[inline]
pub(super) fn micros(time: Duration) -> u64 {
    // Not `as_micros`, whose division of 128 bits is slow.
    time.as_secs() * 1_000_000 + u64::from(time.subsec_micros())
}
