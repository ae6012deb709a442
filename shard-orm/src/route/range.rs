//! Ranges of the key itself: for keys that are handed out in order, or that carry a meaning.

use super::{RoutingKey, Strategy, check_count};
use crate::error::{Error, Result};

/// Ranges of keys, each from its bound up to, but without, the next one.
///
/// `bounds[i]` is the first key of shard `i + 1`; shard 0 takes everything below the first bound
/// and the last shard everything from the last bound on, so every key has a shard.
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
    /// Routes by these bounds to one shard more than there are bounds.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) when a bound is not above the one
    /// before it, when the first is `i64::MIN` (nothing lies below it), or when there are too
    /// many.
    pub fn new(bounds: impl IntoIterator<Item = i64>) -> Result<Self> {
        let bounds: Box<[i64]> = bounds.into_iter().collect();
        if let Some(pair) = bounds.windows(2).find(|pair| pair[0] >= pair[1]) {
            let what = if pair[0] == pair[1] {
                format!("the bound {} stands twice", pair[0])
            } else {
                format!("the bound {} stands after {}", pair[1], pair[0])
            };
            return Err(Error::configuration(format!(
                "{what}; each bound is the first key of the next shard, so list them in rising \
                 order, each once"
            )));
        }
        if bounds.first() == Some(&i64::MIN) {
            return Err(Error::configuration(format!(
                "the first bound is {}, so shard 0 would own no key; leave that bound out",
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
        reason = "the constructor has checked that the bounds are fewer than 65,536"
    )]
    fn route(&self, key: &RoutingKey<'_>) -> Result<u32> {
        Ok(self.bounds.partition_point(|first| *first <= key.key) as u32)
    }
}
