//! The layout of the 63 bits of a snowflake id.
//!
//! Pure functions. `id` generates ids with them, `record` finds the shards of an id, and users
//! decode ids. Exported as `id::Layout`.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::clock::EPOCH_SECONDS;
use crate::error::{Error, Result};

/// The bits of the milliseconds since 2025-01-01: enough until September 2094.
const TIME_BITS: u32 = 41;
/// The bits of all other parts: with the time, 63, so no id is negative.
const OTHER_BITS: u32 = 22;

/// The layout of the 63 bits of a snowflake id: the widths of sequence, worker and shard within the
/// lower 22 bits.
///
/// From the highest bit to the lowest:
///
/// | bits | meaning |
/// |---|---|
/// | 1 | 0 |
/// | 41 | milliseconds since 2025-01-01 00:00:00 UTC |
/// | 6 | sequence of the ids of one millisecond |
/// | 8 | worker id |
/// | 8 | the leading bits of [`mix64`](crate::route::mix64) of the row's shard key |
///
/// The widths of the last three can be chosen within 22 bits, with `[ids]` in the configuration.
/// They must never change once an id has been stored: existing ids would be decoded wrongly, and
/// new ids could repeat them.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use shard_orm::id::Layout;
///
/// let parts = Layout::default().parts(181_190_950_180_423_594).unwrap();
/// assert_eq!(parts.time, UNIX_EPOCH + Duration::from_millis(1_778_888_888_888));
/// assert_eq!((parts.sequence, parts.worker, parts.shard_bits), (5, 7, 170));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    sequence_bits: u32,
    worker_bits: u32,
    shard_bits: u32,
}

/// The parts of one snowflake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Parts {
    /// The time of generation, to the millisecond. In a burst it can be up to a second ahead.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339_of"))]
    pub time: SystemTime,
    /// The same, in milliseconds since 2025-01-01 00:00:00 UTC.
    pub milliseconds: u64,
    /// The position among its worker's ids of that millisecond, from 0.
    pub sequence: u32,
    /// The worker that generated it.
    pub worker: u32,
    /// The leading bits of the hash of the row's shard key.
    pub shard_bits: u32,
}

impl Default for Layout {
    /// 6 bits for the sequence, 8 for the worker, 8 for the shard.
    fn default() -> Self {
        Self {
            sequence_bits: 6,
            worker_bits: 8,
            shard_bits: 8,
        }
    }
}

impl Layout {
    /// A layout with these widths in bits: 22 in total, and at least one for the sequence.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) for other widths.
    pub fn new(sequence_bits: u32, worker_bits: u32, shard_bits: u32) -> Result<Self> {
        let sum = u64::from(sequence_bits) + u64::from(worker_bits) + u64::from(shard_bits);
        if sum != u64::from(OTHER_BITS) {
            return Err(Error::configuration(format!(
                "{sequence_bits} bits of sequence, {worker_bits} of worker and {shard_bits} of \
                 shard are {sum} in total; use {OTHER_BITS} bits"
            )));
        }
        if sequence_bits == 0 {
            return Err(Error::configuration(
                "the sequence has 0 bits, which would limit a worker to one id per millisecond; \
                 use at least 1",
            ));
        }
        Ok(Self {
            sequence_bits,
            worker_bits,
            shard_bits,
        })
    }

    /// The bits of the sequence: a worker generates up to `2^n` ids per millisecond.
    #[must_use]
    pub const fn sequence_bits(self) -> u32 {
        self.sequence_bits
    }

    /// The bits of the worker: up to `2^n` workers at a time.
    #[must_use]
    pub const fn worker_bits(self) -> u32 {
        self.worker_bits
    }

    /// The number of leading bits of the key's hash in an id.
    #[must_use]
    pub const fn shard_bits(self) -> u32 {
        self.shard_bits
    }

    /// Decodes an id; `None` for a negative number, which no layout generates.
    #[must_use]
    pub fn parts(self, id: i64) -> Option<Parts> {
        let bits = u64::try_from(id).ok()?;
        let milliseconds = bits >> OTHER_BITS;
        let part = |shift: u32, width: u32| {
            // At most 22 bits remain.
            u32::try_from((bits >> shift) & mask(width)).unwrap_or(u32::MAX)
        };
        Some(Parts {
            time: UNIX_EPOCH
                + Duration::from_secs(EPOCH_SECONDS)
                + Duration::from_millis(milliseconds),
            milliseconds,
            sequence: part(self.worker_bits + self.shard_bits, self.sequence_bits),
            worker: part(self.shard_bits, self.worker_bits),
            shard_bits: part(0, self.shard_bits),
        })
    }

    /// The lowest id of a moment: ids generated earlier are below it, later ones are not. It is 0
    /// before 2025 and `i64::MAX` from 2094-09-07.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use shard_orm::id::Layout;
    ///
    /// let day = UNIX_EPOCH + Duration::from_secs(1_767_225_600); // 2026-01-01
    /// assert_eq!(Layout::default().first_at(day), 132_271_570_944_000_000);
    /// ```
    #[must_use]
    pub fn first_at(self, time: SystemTime) -> i64 {
        let epoch = UNIX_EPOCH + Duration::from_secs(EPOCH_SECONDS);
        let Ok(since) = time.duration_since(epoch) else {
            return 0;
        };
        match u64::try_from(since.as_millis()) {
            Ok(milliseconds) if milliseconds <= self.last_millisecond() => {
                (milliseconds << OTHER_BITS).cast_signed()
            }
            _ => i64::MAX,
        }
    }

    /// The last millisecond since 2025-01-01 that fits in an id.
    pub(crate) const fn last_millisecond(self) -> u64 {
        mask(TIME_BITS)
    }

    /// The highest worker id.
    pub(crate) fn last_worker(self) -> u32 {
        u32::try_from(mask(self.worker_bits)).unwrap_or(u32::MAX)
    }

    /// Encodes an id. `tick` is the millisecond, shifted by the bits of the sequence, plus the
    /// sequence; the leading bits of the hash are used.
    pub(crate) const fn join(self, tick: u64, worker: u32, hash: u64) -> i64 {
        let worker = (worker as u64) & mask(self.worker_bits);
        let upper = (tick << self.worker_bits) | worker;
        // Shifting by 64 yields none: without shard bits nothing is used.
        let lower = match hash.checked_shr(u64::BITS - self.shard_bits) {
            Some(bits) => bits,
            None => 0,
        };
        ((upper << self.shard_bits) | lower).cast_signed()
    }

    /// The range of hashes of shard keys whose rows can have this id; `None` for a negative id.
    pub(crate) fn hashes(self, id: i64) -> Option<RangeInclusive<u64>> {
        let bits = u64::try_from(id).ok()? & mask(self.shard_bits);
        let free = u64::BITS - self.shard_bits;
        let low = bits.checked_shl(free).unwrap_or(0);
        Some(low..=low | mask(free))
    }
}

impl fmt::Display for Layout {
    /// Displays the widths as `6/8/8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}",
            self.sequence_bits, self.worker_bits, self.shard_bits
        )
    }
}

/// A mask of this many bits.
const fn mask(bits: u32) -> u64 {
    match u64::MAX.checked_shr(u64::BITS - bits) {
        Some(mask) => mask,
        None => 0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::route::mix64;

    /// Milliseconds, sequence, worker, key, and the id in the default layout; computed by the
    /// Python function `id` of the guide.
    const VECTORS: [(u64, u32, u32, i64, i64); 6] = [
        (0, 0, 0, 0, 0),
        (1, 0, 0, 0, 4_194_304),
        (1, 1, 0, 0, 4_259_840),
        (0, 0, 1, 0, 256),
        (43_199_288_888, 5, 7, 42, 181_190_950_180_423_591),
        ((1 << 41) - 1, 63, 255, -1, i64::MAX - 75),
    ];

    #[test]
    fn the_layout_is_frozen() {
        let layout = Layout::default();
        for (milliseconds, sequence, worker, key, id) in VECTORS {
            let hash = mix64(key.cast_unsigned());
            let tick = (milliseconds << 6) | u64::from(sequence);
            assert_eq!(layout.join(tick, worker, hash), id, "{milliseconds} {key}");
            let parts = layout.parts(id).unwrap();
            assert_eq!(
                (parts.milliseconds, parts.sequence, parts.worker),
                (milliseconds, sequence, worker)
            );
            assert_eq!(u64::from(parts.shard_bits), hash >> 56);
        }
    }

    #[test]
    fn negative_numbers_are_not_ids() {
        assert_eq!(Layout::default().parts(-1), None);
        assert_eq!(Layout::default().hashes(i64::MIN), None);
    }

    #[test]
    fn widths_fill_22_bits() {
        for (sequence, worker, shard) in [(6, 8, 7), (6, 8, 9), (0, 11, 11), (u32::MAX, 1, 22)] {
            assert!(Layout::new(sequence, worker, shard).is_err());
        }
        for (sequence, worker, shard) in [(22, 0, 0), (1, 21, 0), (1, 0, 21), (6, 8, 8)] {
            assert!(Layout::new(sequence, worker, shard).is_ok());
        }
    }

    fn layouts() -> impl Strategy<Value = Layout> {
        (1_u32..=22).prop_flat_map(|sequence| {
            (0..=22 - sequence).prop_map(move |worker| {
                Layout::new(sequence, worker, 22 - sequence - worker).unwrap()
            })
        })
    }

    proptest! {
        #[test]
        fn encoding_and_decoding_round_trip(
            layout in layouts(),
            milliseconds in 0..=mask(41),
            sequence in any::<u32>(),
            worker in any::<u32>(),
            hash in any::<u64>(),
        ) {
            let sequence = u64::from(sequence) & mask(layout.sequence_bits);
            let worker = worker & layout.last_worker();
            let tick = (milliseconds << layout.sequence_bits) | sequence;
            let id = layout.join(tick, worker, hash);
            prop_assert!(id >= 0);
            let parts = layout.parts(id).unwrap();
            prop_assert_eq!(parts.milliseconds, milliseconds);
            prop_assert_eq!(u64::from(parts.sequence), sequence);
            prop_assert_eq!(parts.worker, worker);
            prop_assert!(layout.hashes(id).unwrap().contains(&hash));
            prop_assert!(layout.first_at(parts.time) <= id);
        }

        #[test]
        fn ids_are_ordered_by_time_and_sequence(
            layout in layouts(),
            one in 0..=mask(41),
            worker in any::<u32>(),
            hash in any::<u64>(),
        ) {
            let worker = worker & layout.last_worker();
            let lower = layout.join(one, worker, hash);
            prop_assert!(lower < layout.join(one + 1, 0, 0));
        }
    }
}
