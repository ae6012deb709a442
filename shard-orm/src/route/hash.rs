//! The default strategy: contiguous ranges of a frozen 64-bit hash.
//!
//! Ranges rather than a modulus: one shard can later be split in two without moving a key of
//! another.

use std::ops::RangeInclusive;

use super::{RoutingKey, Strategy, check_count};
use crate::error::Result;

/// Mixes all bits of a 64-bit number: the finalizer of SplitMix64.
///
/// Frozen, since the shard of every row depends on it. On unsigned 64-bit numbers with wrapping
/// arithmetic: `z ^= z >> 30; z *= 0xbf58476d1ce4e5b9; z ^= z >> 27; z *= 0x94d049bb133111eb; z ^=
/// z >> 31`. It is a bijection. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014, in the variant 13 of Stafford's mixers.
///
/// ```
/// use shard_orm::route::mix64;
///
/// assert_eq!(mix64(0), 0);
/// assert_eq!(mix64(1), 0x5692_161d_100b_05e5);
/// ```
#[must_use]
#[inline]
pub const fn mix64(mut z: u64) -> u64 {
    z ^= z >> 30;
    z = z.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^= z >> 27;
    z = z.wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Contiguous ranges of equal width of the key's [`mix64`]: shard `(mix64(key) * n) >> 64`, where
/// the key's two's complement is read as an unsigned number and the product has 128 bits.
///
/// ```
/// use shard_orm::route::{Hash, RoutingKey, Strategy};
///
/// let hash = Hash::new(16)?;
/// assert_eq!(hash.route(&RoutingKey::new(0))?, 0);
/// assert_eq!(hash.route(&RoutingKey::new(42))?, 10);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash {
    logical_shards: u32,
}

impl Hash {
    /// Routes to this number of shards.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) for 0, or for more than
    /// [`MAX_LOGICAL_SHARDS`](super::MAX_LOGICAL_SHARDS).
    pub fn new(logical_shards: u32) -> Result<Self> {
        check_count(logical_shards as usize).map(|logical_shards| Self { logical_shards })
    }

    /// The shard of a key; every key has one.
    #[inline]
    pub(super) fn shard_of(self, key: i64) -> u32 {
        slice(mix64(key.cast_unsigned()), self.logical_shards)
    }
}

impl Hash {
    /// The shards that own a part of a range of hashes.
    pub(super) fn shards_of_hashes(self, hashes: &RangeInclusive<u64>) -> RangeInclusive<u32> {
        slice(*hashes.start(), self.logical_shards)..=slice(*hashes.end(), self.logical_shards)
    }
}

/// The index of the slice that holds a hash, of `count` slices of equal size.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a product of a u64 and a u32, shifted by 64 bits, is below the u32"
)]
pub(super) fn slice(hash: u64, count: u32) -> u32 {
    ((u128::from(hash) * u128::from(count)) >> 64) as u32
}

impl Strategy for Hash {
    fn name(&self) -> &str {
        "hash"
    }

    fn logical_shards(&self) -> u32 {
        self.logical_shards
    }

    #[inline]
    fn route(&self, key: &RoutingKey<'_>) -> Result<u32> {
        Ok(self.shard_of(key.key))
    }

    fn as_hash(&self) -> Option<Hash> {
        Some(*self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::slice;

    proptest! {
        #[test]
        fn a_shard_owns_a_contiguous_range_of_hashes(
            a in any::<u64>(),
            b in any::<u64>(),
            count in 1u32..=65_536,
        ) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(slice(low, count) <= slice(high, count));
            prop_assert!(slice(high, count) < count);
        }
    }

    #[test]
    fn the_ranges_cover_every_hash() {
        for count in [1, 2, 3, 16, 1000, 65_536] {
            assert_eq!(slice(0, count), 0);
            assert_eq!(slice(u64::MAX, count), count - 1);
        }
    }
}
