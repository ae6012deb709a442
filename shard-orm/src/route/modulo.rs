//! The remainder of the key: common in hand-written sharding.

use super::{RoutingKey, Strategy, check_count};
use crate::error::Result;

/// Shard `key mod n`, with a remainder that is never negative: with 4 shards, key -1 is on shard 3.
///
/// Keys that share a divisor with `n` concentrate on few shards; prefer [`Hash`](super::Hash)
/// unless the rows are already placed this way.
///
/// ```
/// use shard_orm::route::{Modulo, RoutingKey, Strategy};
///
/// let modulo = Modulo::new(4)?;
/// assert_eq!(modulo.route(&RoutingKey::new(6))?, 2);
/// assert_eq!(modulo.route(&RoutingKey::new(-1))?, 3);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modulo {
    logical_shards: u32,
}

impl Modulo {
    /// Routes to this number of shards.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) for 0, or for more than
    /// [`MAX_LOGICAL_SHARDS`](super::MAX_LOGICAL_SHARDS).
    pub fn new(logical_shards: u32) -> Result<Self> {
        check_count(logical_shards as usize).map(|logical_shards| Self { logical_shards })
    }
}

impl Strategy for Modulo {
    fn name(&self) -> &str {
        "modulo"
    }

    fn logical_shards(&self) -> u32 {
        self.logical_shards
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a euclidean remainder by a u32 is at least 0 and below that u32"
    )]
    fn route(&self, key: &RoutingKey<'_>) -> Result<u32> {
        Ok(key.key.rem_euclid(i64::from(self.logical_shards)) as u32)
    }
}
