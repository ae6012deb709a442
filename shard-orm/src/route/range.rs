//! Ranges of the key itself: for keys that are assigned in order, or that carry a meaning.

use super::owners::Owners;
use super::{OwnedKeys, Ranges, RoutingKey, Strategy, check_count};
use crate::error::{Error, Result};

/// Ranges of keys: each includes its bound and excludes the next one.
///
/// By [`new`](Self::new), `bounds[i]` is the first key of shard `i + 1`. Shard 0 has all keys below
/// the first bound, and the last shard has all from the last bound, so every key has a shard.
/// [`with_ranges`](Self::with_ranges) takes explicit [`Ranges`], whose shards are in any order.
///
/// ```
/// use shard_orm::route::{Range, RoutingKey, Strategy};
///
/// let range = Range::new([1_000, 2_000])?;
/// assert_eq!(range.logical_shards(), 3);
/// assert_eq!(range.route(&RoutingKey::new(999))?, 0);
/// assert_eq!(range.route(&RoutingKey::new(1_000))?, 1);
/// assert_eq!(range.route(&RoutingKey::new(i64::MAX))?, 2);
///
/// let split = Range::with_ranges(4, range.ranges().split(0, 500, 3)?)?;
/// assert_eq!(split.route(&RoutingKey::new(999))?, 3);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    owners: Owners<i64>,
}

impl Range {
    /// Routes by these bounds, to one more shard than there are bounds.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the bounds do not ascend, if the first
    /// is `i64::MIN` (no key is below it), or if there are too many.
    pub fn new(bounds: impl IntoIterator<Item = i64>) -> Result<Self> {
        let bounds: Vec<i64> = bounds.into_iter().collect();
        if let Some(pair) = bounds.windows(2).find(|pair| pair[0] >= pair[1]) {
            let what = if pair[0] == pair[1] {
                format!("duplicate bound {}", pair[0])
            } else {
                format!("bound {} follows {}", pair[1], pair[0])
            };
            return Err(Error::configuration(format!(
                "{what}; each bound is the first key of the next shard, so list them in ascending \
                 order, each once"
            )));
        }
        if bounds.first() == Some(&i64::MIN) {
            return Err(Error::configuration(format!(
                "the first bound is {}, so shard 0 would own no key; remove that bound",
                i64::MIN
            )));
        }
        let logical_shards = check_count(bounds.len() + 1)?;
        let firsts = std::iter::once(i64::MIN).chain(bounds);
        Self::with_ranges(logical_shards, Ranges::new(firsts.zip(0..))?)
    }

    /// Routes to this number of shards by these ranges of the key. A shard that owns no range is
    /// [unused](Strategy::is_used).
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if `logical_shards` is 0 or above
    /// [`MAX_LOGICAL_SHARDS`](super::MAX_LOGICAL_SHARDS), or if a range belongs to a shard that is
    /// not below it.
    pub fn with_ranges(logical_shards: u32, ranges: Ranges<i64>) -> Result<Self> {
        Owners::new(logical_shards, ranges).map(|owners| Self { owners })
    }

    /// The ranges of the key.
    #[must_use]
    pub fn ranges(&self) -> Ranges<i64> {
        self.owners.ranges().clone()
    }
}

impl Strategy for Range {
    fn name(&self) -> &str {
        "range"
    }

    fn owned_keys(&self) -> Vec<(u32, OwnedKeys)> {
        let owned = self.owners.ranges().by_shard().into_iter();
        owned
            .map(|(shard, ranges)| (shard, OwnedKeys::Keys(ranges)))
            .collect()
    }

    fn logical_shards(&self) -> u32 {
        self.owners.logical_shards()
    }

    #[inline]
    fn route(&self, key: &RoutingKey<'_>) -> Result<u32> {
        Ok(self.owners.owner(key.key))
    }

    fn is_used(&self, shard: u32) -> bool {
        self.owners.owns(shard)
    }
}
