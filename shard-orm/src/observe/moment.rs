//! When a call began, in half the room of an `Instant`: the future of each call holds one.

use std::num::NonZeroU64;
use std::sync::LazyLock;
use std::time::Instant;

/// A moment, in microseconds since the first one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(NonZeroU64);

static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Moment {
    #[inline]
    fn now() -> Self {
        let since = FIRST.elapsed();
        // Not `as_micros`, whose division of 128 bits is slow.
        let micros = since.as_secs() * 1_000_000 + u64::from(since.subsec_micros());
        Self(NonZeroU64::MIN.saturating_add(micros))
    }

    /// The microseconds since.
    #[inline]
    pub(crate) fn elapsed_micros(self) -> u64 {
        Self::now().0.get().saturating_sub(self.0.get())
    }
}

/// The beginning of a call; `None` if nobody wants to know how long it takes.
#[inline]
pub(crate) fn begin(traced: bool) -> Option<Moment> {
    (cfg!(feature = "metrics") || traced).then(Moment::now)
}
