//! Finds the owner of a hash or key among explicit ranges.
//!
//! Built once by the strategies with ranges, and called by their `route`.

use std::fmt;
use std::ops::RangeInclusive;

use super::lookup::Lookup;
use super::{Position, Ranges, check_count, shards_text};
use crate::error::{Error, Result};

/// The owners of all positions, with an index.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Owners<T> {
    logical_shards: u32,
    ranges: Ranges<T>,
    /// The first position of each range but the first.
    lookup: Lookup,
    /// The shard of each range.
    shards: Box<[u16]>,
    /// The shards that own a range, ascending.
    used: Box<[u16]>,
}

impl<T: Position> Owners<T> {
    /// The owners by these ranges, whose shards are below `logical_shards`.
    pub(super) fn new(logical_shards: u32, ranges: Ranges<T>) -> Result<Self> {
        let count = check_count(logical_shards as usize)?;
        let number = |shard: u32| match u16::try_from(shard) {
            Ok(number) if shard < count => Ok(number),
            _ => Err(Error::configuration(format!(
                "a range belongs to logical shard {shard}, but the shards are {}; assign it to one \
                 of them",
                shards_text(count)
            ))),
        };
        let shards = ranges.starts().map(|(_, shard)| number(shard));
        let used = ranges.shards().into_iter().map(number);
        Ok(Self {
            logical_shards: count,
            shards: shards.collect::<Result<_>>()?,
            used: used.collect::<Result<_>>()?,
            lookup: Lookup::new(
                ranges
                    .starts()
                    .skip(1)
                    .map(|(first, _)| first.to_number())
                    .collect(),
            ),
            ranges,
        })
    }

    pub(super) fn logical_shards(&self) -> u32 {
        self.logical_shards
    }

    pub(super) fn ranges(&self) -> &Ranges<T> {
        &self.ranges
    }

    /// The shard that owns a position.
    #[inline]
    pub(super) fn owner(&self, position: T) -> u32 {
        let at = self.lookup.position(position.to_number());
        // There is one range more than there are bounds.
        u32::from(self.shards.get(at).copied().unwrap_or_default())
    }

    /// Whether a shard owns a range.
    pub(super) fn owns(&self, shard: u32) -> bool {
        u16::try_from(shard).is_ok_and(|shard| self.used.binary_search(&shard).is_ok())
    }

    /// The shards that own a part of this range, some of them repeatedly.
    pub(super) fn within(&self, range: &RangeInclusive<T>) -> impl Iterator<Item = u32> {
        let first = self.lookup.position(range.start().to_number());
        let last = self.lookup.position(range.end().to_number());
        let shards = self.shards.get(first..=last).unwrap_or_default();
        shards.iter().copied().map(u32::from)
    }
}

impl<T: Position> fmt::Debug for Owners<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.ranges, f)
    }
}
