//! Pins: keys with an explicit shard, over any strategy; for example for a large tenant.

use crate::error::{Error, Result};

/// Keys that bypass the strategy, each with its logical shard.
///
/// ```
/// use shard_orm::route::Pins;
///
/// let pins = Pins::new([(42, 3), (7, 0)])?;
/// assert_eq!(pins.get(42), Some(3));
/// assert_eq!(pins.get(43), None);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    /// Sorted by key.
    pins: Box<[(i64, u32)]>,
}

impl Pins {
    /// Pins from `(key, shard)` pairs.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if a key is pinned twice.
    pub fn new(pins: impl IntoIterator<Item = (i64, u32)>) -> Result<Self> {
        let mut pins: Vec<(i64, u32)> = pins.into_iter().collect();
        pins.sort_unstable();
        if let Some(pair) = pins.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::configuration(format!(
                "key {} is pinned twice, to shard {} and to shard {}; remove one of the two",
                pair[0].0, pair[0].1, pair[1].1
            )));
        }
        Ok(Self { pins: pins.into() })
    }

    /// The shard to which this key is pinned, if any.
    #[must_use]
    #[inline]
    pub fn get(&self, key: i64) -> Option<u32> {
        if self.pins.is_empty() {
            return None;
        }
        let at = self.pins.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.pins.get(at).map(|(_, shard)| *shard)
    }

    /// All pins as `(key, shard)`, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (i64, u32)> + '_ {
        self.pins.iter().copied()
    }

    /// Whether there are no pins.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pins.is_empty()
    }
}
