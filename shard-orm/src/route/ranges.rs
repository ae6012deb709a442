//! Explicit ranges: which logical shard owns which part of the hashes, or of the keys.
//!
//! A strategy that is built from them routes by [`Owners`](super::owners::Owners). The
//! configuration holds them as they are here, so that a shard can be split or merged without a
//! change for any other shard.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

mod error;
mod position;

pub use error::RangesError;
pub use position::Position;

/// The maximum number of ranges of a group or region.
pub const MAX_RANGES: usize = 1 << 20;

/// Ranges of all hashes (`u64`) or of all keys (`i64`), each owned by a logical shard.
///
/// Every position is in exactly one range: a range begins at its first position and ends before
/// the next range. A logical shard can own several ranges. Neighbouring ranges of the same shard
/// become one, so that equal ranges compare as equal.
///
/// ```
/// use shard_orm::route::{Hash, Ranges, RoutingKey, Strategy};
///
/// let even = Hash::new(2)?.ranges();
/// let split = even.split(1, 0xc000_0000_0000_0000, 2)?;
/// assert_eq!(
///     split.to_string(),
///     "{ 0000000000000000 = 0, 8000000000000000 = 1, c000000000000000 = 2 }"
/// );
/// assert_eq!(split.merge(1, 2)?, even);
///
/// let hash = Hash::with_ranges(3, split)?;
/// assert_eq!(hash.route(&RoutingKey::new(42))?, 1);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ranges<T> {
    /// The first position of each range with its shard. They ascend from the lowest position, and
    /// no two neighbours have the same shard.
    entries: Arc<[(T, u32)]>,
}

impl<T: Position> Ranges<T> {
    /// Ranges from their first positions and logical shards, in any order.
    ///
    /// # Errors
    ///
    /// [`RangesError`] if there are none or more than [`MAX_RANGES`], if no range begins at the
    /// lowest position, or if two ranges begin at the same one.
    pub fn new(starts: impl IntoIterator<Item = (T, u32)>) -> Result<Self, RangesError> {
        let mut entries: Vec<(T, u32)> = starts.into_iter().collect();
        entries.sort_unstable();
        let Some((first, _)) = entries.first() else {
            return Err(RangesError::Empty);
        };
        if entries.len() > MAX_RANGES {
            return Err(RangesError::TooMany {
                ranges: entries.len(),
            });
        }
        if *first != T::FIRST {
            return Err(RangesError::NoFirst {
                lowest: T::FIRST.notation(),
                first: first.notation(),
            });
        }
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(RangesError::Duplicate {
                first: pair[0].0.notation(),
            });
        }
        Ok(Self::joined(entries))
    }

    /// Joins neighbours of the same shard; the entries ascend from the lowest position.
    fn joined(mut entries: Vec<(T, u32)>) -> Self {
        entries.dedup_by_key(|(_, shard)| *shard);
        Self {
            entries: entries.into(),
        }
    }

    /// The first position of each range and its logical shard, ascending.
    pub fn starts(&self) -> impl ExactSizeIterator<Item = (T, u32)> + '_ {
        self.entries.iter().copied()
    }

    /// All ranges with their logical shards, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (RangeInclusive<T>, u32)> + '_ {
        let next = self.entries.iter().skip(1).map(|(next, _)| next.before());
        self.entries
            .iter()
            .zip(next.chain([T::LAST]))
            .map(|((first, shard), last)| (*first..=last, *shard))
    }

    /// The ranges of a logical shard, ascending; none if it owns nothing.
    pub fn of(&self, shard: u32) -> impl Iterator<Item = RangeInclusive<T>> + '_ {
        self.iter()
            .filter_map(move |(range, owner)| (owner == shard).then_some(range))
    }

    /// The logical shard that owns a position.
    #[must_use]
    pub fn owner(&self, position: T) -> u32 {
        let after = self
            .entries
            .partition_point(|(first, _)| *first <= position);
        // The first range begins at the lowest position.
        self.entries[after.saturating_sub(1)].1
    }

    /// The logical shards that own a range, ascending.
    #[must_use]
    pub fn shards(&self) -> Vec<u32> {
        let shards: BTreeSet<u32> = self.entries.iter().map(|(_, shard)| *shard).collect();
        shards.into_iter().collect()
    }

    /// Splits a logical shard in two: it keeps its positions below `at`, and the logical shard
    /// `new` owns the others. No other shard changes.
    ///
    /// # Errors
    ///
    /// [`RangesError`] if the shard owns nothing, if `new` owns something, or if one of the two
    /// parts would be empty.
    pub fn split(&self, shard: u32, at: T, new: u32) -> Result<Self, RangesError> {
        if self.of(shard).next().is_none() {
            return Err(RangesError::UnknownShard { shard });
        }
        if self.of(new).next().is_some() {
            return Err(RangesError::ShardInUse { shard: new });
        }
        let mut entries = Vec::with_capacity(self.entries.len() + 1);
        let (mut kept, mut moved) = (false, false);
        for (range, owner) in self.iter() {
            let (first, last) = range.into_inner();
            if owner != shard {
                entries.push((first, owner));
                continue;
            }
            if first < at {
                entries.push((first, shard));
                kept = true;
            }
            if last >= at {
                entries.push((first.max(at), new));
                moved = true;
            }
        }
        if !(kept && moved) {
            let at = at.notation();
            return Err(RangesError::EmptyPart { shard, at });
        }
        Ok(Self::joined(entries))
    }

    /// Gives these positions to a logical shard. Their owners until now are among `from`, or it owns them
    /// already.
    ///
    /// # Errors
    ///
    /// [`RangesError::OtherOwner`] if another logical shard owns one of the positions.
    pub fn assigned(
        &self,
        positions: &RangeInclusive<T>,
        to: u32,
        from: &[u32],
    ) -> Result<Self, RangesError> {
        let (start, end) = (*positions.start(), *positions.end());
        let mut entries = Vec::with_capacity(self.entries.len() + 2);
        for (range, owner) in self.iter() {
            let (first, last) = range.into_inner();
            if last < start || first > end {
                entries.push((first, owner));
                continue;
            }
            if owner != to && !from.contains(&owner) {
                return Err(RangesError::OtherOwner {
                    shard: owner,
                    first: first.max(start).notation(),
                });
            }
            if first < start {
                entries.push((first, owner));
            }
            entries.push((first.max(start), to));
            if last > end {
                entries.push((end.after(), owner));
            }
        }
        Ok(Self::joined(entries))
    }

    /// Merges two neighbours: `shard` owns the positions of both, and `other` owns nothing. No
    /// other shard changes.
    ///
    /// # Errors
    ///
    /// [`RangesError`] if one of them owns nothing, or if no range of one touches a range of the
    /// other, as of a shard and itself.
    pub fn merge(&self, shard: u32, other: u32) -> Result<Self, RangesError> {
        for one in [shard, other] {
            if self.of(one).next().is_none() {
                return Err(RangesError::UnknownShard { shard: one });
            }
        }
        let touch = |pair: &[(T, u32)]| {
            let owners = (pair[0].1, pair[1].1);
            owners == (shard, other) || owners == (other, shard)
        };
        if !self.entries.windows(2).any(touch) {
            return Err(RangesError::NotAdjacent { shard, other });
        }
        let owner = |owner| if owner == other { shard } else { owner };
        let entries = self.starts().map(|(first, own)| (first, owner(own)));
        Ok(Self::joined(entries.collect()))
    }
}

impl Ranges<u64> {
    /// Ranges of equal width for these logical shards, in this order. For the shards from 0 to
    /// `n - 1` these are the ranges of [`Hash::new(n)`](super::Hash::new).
    ///
    /// # Errors
    ///
    /// [`RangesError`] for no shard, or for more than [`MAX_RANGES`].
    pub fn even(shards: impl IntoIterator<Item = u32>) -> Result<Self, RangesError> {
        let shards: Vec<u32> = shards.into_iter().collect();
        let count = shards.len() as u128;
        Self::new(
            (0..)
                .zip(shards)
                .map(|(at, shard)| (slice_start(at, count), shard)),
        )
    }

    /// The even ranges of the shards from 0 to `logical_shards - 1`, of which there are some.
    pub(super) fn even_to(logical_shards: u32) -> Self {
        let count = u128::from(logical_shards);
        let shards = 0..logical_shards;
        Self::joined(
            shards
                .map(|shard| (slice_start(shard.into(), count), shard))
                .collect(),
        )
    }
}

/// The lowest hash with `(hash * count) >> 64 == at`, for a position below the count.
fn slice_start(at: u128, count: u128) -> u64 {
    u64::try_from((at << 64).div_ceil(count)).unwrap_or(u64::MAX)
}

/// The notation of configuration files: an inline table of the first position of each range and its
/// logical shard.
impl<T: Position> fmt::Display for Ranges<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ ")?;
        for (position, (first, shard)) in self.starts().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{} = {shard}", first.notation())?;
        }
        f.write_str(" }")
    }
}

impl<T: Position> fmt::Debug for Ranges<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
