//! Ids in the style of django-shard-library: microseconds, a part of the shard key, and random
//! bits.
//!
//! They need neither a worker id nor a database, at a price: if two processes generate an id in the
//! same microsecond for shard keys that are equal modulo 1,024, the ids are equal in one of eight
//! cases.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::snowflake::Refusal;
use super::timeline::Timeline;
use crate::clock::{Clock, EPOCH_SECONDS, SystemClock};
use crate::route::mix64;

/// The microseconds that fit in 63 bits with 13 other bits: until September 2060.
const LAST_MICROSECOND: u64 = (1 << 50) - 1;
/// How far a burst may run ahead of the clock.
const BORROWED_MICROSECONDS: u64 = 1_000_000;

/// The parts of an id of `generate = "nanosecond"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct NanosecondParts {
    /// The time of generation, to the microsecond. In a burst it can be up to a second ahead.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339_of"))]
    pub time: SystemTime,
    /// The same, in microseconds since 2025-01-01 00:00:00 UTC.
    pub microseconds: u64,
    /// The row's shard key modulo 1,024.
    pub key: u32,
    /// Three random bits.
    pub random: u32,
}

/// Decodes an id of `generate = "nanosecond"`; `None` for a negative number.
///
/// ```
/// use shard_orm::id::nanosecond_parts;
///
/// let parts = nanosecond_parts((5 << 13) | (42 << 3) | 7).unwrap();
/// assert_eq!((parts.microseconds, parts.key, parts.random), (5, 42, 7));
/// ```
#[must_use]
pub fn nanosecond_parts(id: i64) -> Option<NanosecondParts> {
    let bits = u64::try_from(id).ok()?;
    let microseconds = bits >> 13;
    let part = |shift: u32, mask: u64| u32::try_from((bits >> shift) & mask).unwrap_or_default();
    Some(NanosecondParts {
        time: UNIX_EPOCH + Duration::from_secs(EPOCH_SECONDS) + Duration::from_micros(microseconds),
        microseconds,
        key: part(3, 1_023),
        random: part(0, 7),
    })
}

/// Generates ids of `microseconds << 13 | shard key modulo 1,024 << 3 | 3 random bits`.
///
/// That library counts from 1970, and its ids overflow a signed 64-bit integer. Counted from
/// 2025-01-01 they fit until 2060.
#[derive(Debug)]
pub(super) struct Nanoseconds<C = SystemClock> {
    clock: C,
    timeline: Timeline,
    last: AtomicU64,
}

/// Shared by the process: no two of its ids have the same microsecond.
pub(super) static SHARED: Nanoseconds = Nanoseconds::new(SystemClock);

impl<C: Clock> Nanoseconds<C> {
    const fn new(clock: C) -> Self {
        Self {
            clock,
            timeline: Timeline::new(),
            last: AtomicU64::new(0),
        }
    }

    pub(super) fn try_next(&self, key: i64) -> Result<i64, Refusal> {
        let now = self.timeline.moment(&self.clock).now;
        let Some(now) = u64::try_from(now).ok().filter(|now| *now > 0) else {
            return Err(Refusal::ClockUnset);
        };
        let mut last = self.last.load(Ordering::Relaxed);
        let next = loop {
            let next = now.max(last + 1);
            if next > now + BORROWED_MICROSECONDS {
                // Waits for a tenth of a second of microseconds at once.
                return Err(Refusal::Ahead(Duration::from_millis(100)));
            }
            if next > LAST_MICROSECOND {
                return Err(Refusal::Exhausted);
            }
            match self
                .last
                .compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => break next,
                Err(other) => last = other,
            }
        };
        let of_key = key.rem_euclid(1_024).cast_unsigned();
        Ok((next << 13 | of_key << 3 | random_bits(next)).cast_signed())
    }
}

/// Three bits that differ between processes.
fn random_bits(of: u64) -> u64 {
    static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
    mix64(*SEED ^ of) >> 61
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Still(i64);

    impl Clock for Still {
        fn wall(&self) -> i64 {
            self.0
        }

        fn elapsed(&self) -> i64 {
            0
        }
    }

    #[test]
    fn the_layout_is_that_of_the_other_library_from_2025_on() {
        let maker = Nanoseconds::new(Still(5_000_000));
        for (key, of_key) in [
            (42, 42),
            (1_024, 0),
            (2_047, 1_023),
            (-1, 1_023),
            (i64::MIN, 0),
        ] {
            let id = maker.try_next(key).unwrap();
            assert_eq!((id >> 3) & 1_023, of_key, "{key}");
        }
        let next = maker.try_next(0).unwrap();
        assert_eq!(next >> 13, 5_000_005);
    }

    #[test]
    fn ids_of_one_process_are_unique_within_a_second_of_a_stopped_clock() {
        let maker = Nanoseconds::new(Still(5_000_000));
        let mut last = 0;
        let mut made = 0;
        while let Ok(id) = maker.try_next(42) {
            assert!(id > last);
            last = id;
            made += 1;
        }
        assert_eq!(made, BORROWED_MICROSECONDS + 1);
    }

    #[test]
    fn no_id_is_negative_and_none_is_made_beyond_2060() {
        let last = LAST_MICROSECOND.cast_signed();
        assert!(Nanoseconds::new(Still(last)).try_next(-1).unwrap() > 0);
        let beyond = Nanoseconds::new(Still(last + 1)).try_next(1);
        assert_eq!(beyond, Err(Refusal::Exhausted));
        let before = Nanoseconds::new(Still(-1)).try_next(1);
        assert_eq!(before, Err(Refusal::ClockUnset));
    }
}
