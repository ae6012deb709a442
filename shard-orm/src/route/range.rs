//! Ranges of the key itself: for keys that are assigned in order, or that carry a meaning.

use super::{RoutingKey, Strategy, check_count};
use crate::error::{Error, Result};

/// Ranges of keys: each includes its bound and excludes the next one.
///
/// `bounds[i]` is the first key of shard `i + 1`. Shard 0 has all keys below the first bound, and
/// the last shard has all from the last bound, so every key has a shard.
///
/// ```
/// use shard_orm::route::{Range, RoutingKey, Strategy};
///
/// let range = Range::new([1_000, 2_000])?;
/// assert_eq!(range.logical_shards(), 3);
/// assert_eq!(range.route(&RoutingKey::new(999))?, 0);
/// assert_eq!(range.route(&RoutingKey::new(1_000))?, 1);
/// assert_eq!(range.route(&RoutingKey::new(i64::MAX))?, 2);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    bounds: Box<[i64]>,
    logical_shards: u32,
}

impl Range {
    /// Routes by these bounds, to one more shard than there are bounds.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the bounds do not ascend, if the first
    /// is `i64::MIN` (no key is below it), or if there are too many.
    pub fn new(bounds: impl IntoIterator<Item = i64>) -> Result<Self> {
        let bounds: Box<[i64]> = bounds.into_iter().collect();
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
        Ok(Self {
            logical_shards: check_count(bounds.len() + 1)?,
            bounds,
        })
    }
}

impl Strategy for Range {
    fn name(&self) -> &str {
        "range"
    }

    fn logical_shards(&self) -> u32 {
        self.logical_shards
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the constructor has checked that there are fewer than 65,536 bounds"
    )]
    fn route(&self, key: &RoutingKey<'_>) -> Result<u32> {
        Ok(self.bounds.partition_point(|first| *first <= key.key) as u32)
    }
}
