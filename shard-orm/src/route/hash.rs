//! The default strategy: ranges of a frozen 64-bit hash.
//!
//! Ranges rather than a modulus: one shard can be split in two without moving a key of another.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::owners::Owners;
use super::{OwnedKeys, Ranges, RoutingKey, Strategy, check_count};
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

/// Ranges of the key's [`mix64`].
///
/// [`new`](Self::new) divides the hashes evenly: the shard of a key is `(mix64(key) * n) >> 64`,
/// where the key's two's complement is read as an unsigned number and the product has 128 bits.
/// [`with_ranges`](Self::with_ranges) takes explicit [`Ranges`], which a split or a merge makes of
/// the even ones.
///
/// ```
/// use shard_orm::route::{Hash, RoutingKey, Strategy};
///
/// let hash = Hash::new(16)?;
/// assert_eq!(hash.route(&RoutingKey::new(0))?, 0);
/// assert_eq!(hash.route(&RoutingKey::new(42))?, 10);
///
/// let ranges = hash.ranges().split(10, 0xa700_0000_0000_0000, 16)?;
/// let split = Hash::with_ranges(17, ranges)?;
/// assert_eq!(split.route(&RoutingKey::new(42))?, 16);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hash(Division);

/// How the hashes are divided among the shards.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Division {
    /// Evenly among this number of shards, in their order.
    Even(u32),
    Ranges(Arc<Owners<u64>>),
}

impl Hash {
    /// Routes to this number of shards, each with an equal share of the hashes.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) for 0, or for more than
    /// [`MAX_LOGICAL_SHARDS`](super::MAX_LOGICAL_SHARDS).
    pub fn new(logical_shards: u32) -> Result<Self> {
        check_count(logical_shards as usize).map(|count| Self(Division::Even(count)))
    }

    /// Routes to this number of shards by these ranges of the hash. A shard that owns no range is
    /// [unused](Strategy::is_used). Ranges that are the even ones give a strategy that equals
    /// [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and if a range belongs to a shard that is not below
    /// `logical_shards`.
    pub fn with_ranges(logical_shards: u32, ranges: Ranges<u64>) -> Result<Self> {
        let even = Self::new(logical_shards)?;
        if ranges == even.ranges() {
            return Ok(even);
        }
        let owners = Owners::new(logical_shards, ranges)?;
        Ok(Self(Division::Ranges(Arc::new(owners))))
    }

    /// The ranges of the hash, also of a strategy that divides it evenly.
    #[must_use]
    pub fn ranges(&self) -> Ranges<u64> {
        match &self.0 {
            Division::Even(count) => Ranges::even_to(*count),
            Division::Ranges(owners) => owners.ranges().clone(),
        }
    }

    /// The shard of a key; every key has one.
    #[inline]
    pub(super) fn shard_of(&self, key: i64) -> u32 {
        let hash = mix64(key.cast_unsigned());
        match &self.0 {
            Division::Even(count) => slice(hash, *count),
            Division::Ranges(owners) => owners.owner(hash),
        }
    }

    /// The shards that own a part of a range of hashes, some of them repeatedly.
    pub(super) fn shards_of_hashes(&self, hashes: &RangeInclusive<u64>) -> Vec<u32> {
        match &self.0 {
            Division::Even(count) => {
                let first = slice(*hashes.start(), *count);
                let last = slice(*hashes.end(), *count);
                (first..=last).collect()
            }
            Division::Ranges(owners) => owners.within(hashes).collect(),
        }
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

    fn owned_keys(&self) -> Vec<(u32, OwnedKeys)> {
        let owned = self.ranges().by_shard().into_iter();
        let keys = |ranges| OwnedKeys::Hashes {
            region: None,
            ranges,
        };
        owned.map(|(shard, ranges)| (shard, keys(ranges))).collect()
    }

    fn logical_shards(&self) -> u32 {
        match &self.0 {
            Division::Even(count) => *count,
            Division::Ranges(owners) => owners.logical_shards(),
        }
    }

    #[inline]
    fn route(&self, key: &RoutingKey<'_>) -> Result<u32> {
        Ok(self.shard_of(key.key))
    }

    fn is_used(&self, shard: u32) -> bool {
        match &self.0 {
            Division::Even(_) => true,
            Division::Ranges(owners) => owners.owns(shard),
        }
    }

    fn as_hash(&self) -> Option<&Hash> {
        Some(self)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::{Hash, slice};

    proptest! {
        #[test]
        fn the_even_ranges_are_the_slices(count in 1_u32..=65_536, hashes in prop::collection::vec(any::<u64>(), 20)) {
            let ranges = Hash::new(count).unwrap().ranges();
            prop_assert_eq!(ranges.starts().len(), count as usize);
            for hash in hashes {
                prop_assert_eq!(ranges.owner(hash), slice(hash, count));
            }
            for (first, shard) in ranges.starts() {
                prop_assert_eq!(slice(first, count), shard);
                prop_assert!(shard == 0 || slice(first - 1, count) == shard - 1);
            }
        }

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
