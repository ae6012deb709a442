//! Maps a shard key to its logical shard.
//!
//! Called once per statement, before anything else: a pure function of the key, without a lock,
//! an allocation or a look at any server. Two processes that hold the same [`Router`] agree on
//! every key, and so does any other language that repeats the functions described here.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

mod django;
mod hash;
mod modulo;
mod pins;
mod points;
mod range;
mod region;
mod ring;

pub use django::DjangoRing;
pub use hash::{Hash, mix64};
pub use modulo::Modulo;
pub use pins::Pins;
pub use range::Range;
pub use region::Region;
pub use ring::Ring;

/// The most logical shards that a group can have.
pub const MAX_LOGICAL_SHARDS: u32 = 65_536;

/// What a row is routed by: its shard key, and its region where the group has regions.
///
/// ```
/// use shard_orm::route::RoutingKey;
///
/// let key = RoutingKey::new(42).in_region("eu");
/// assert_eq!((key.key, key.region), (42, Some("eu")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoutingKey<'a> {
    /// The region, for groups that are routed by [`Region`]; all others ignore it.
    pub region: Option<&'a str>,
    /// The shard key. Every value is one: 0, negative ones, `i64::MIN` and `i64::MAX`.
    pub key: i64,
}

impl<'a> RoutingKey<'a> {
    /// A key without a region.
    #[must_use]
    pub const fn new(key: i64) -> Self {
        Self { region: None, key }
    }

    /// The same key in a region.
    #[must_use]
    pub const fn in_region(self, region: &'a str) -> Self {
        Self {
            region: Some(region),
            key: self.key,
        }
    }
}

impl From<i64> for RoutingKey<'_> {
    fn from(key: i64) -> Self {
        Self::new(key)
    }
}

/// How a group's keys are spread over its logical shards.
///
/// Implement it for a function of your own, and give it to the group with
/// [`Group::strategy`](crate::config::Group::strategy). An answer must depend on the key alone:
/// every client has to find a row where another has put it, today and after a restart.
///
/// ```
/// use shard_orm::route::{RoutingKey, Strategy};
/// use shard_orm::{Error, ErrorKind};
///
/// /// Even keys and odd keys; no negative ones.
/// #[derive(Debug)]
/// struct Parity;
///
/// impl Strategy for Parity {
///     fn name(&self) -> &str {
///         "parity"
///     }
///
///     fn logical_shards(&self) -> u32 {
///         2
///     }
///
///     fn route(&self, key: &RoutingKey<'_>) -> shard_orm::Result<u32> {
///         match key.key {
///             0.. => Ok(u32::from(key.key % 2 == 1)),
///             negative => Err(Error::new(
///                 ErrorKind::NoShardForKey,
///                 format!("{negative} is negative; use keys from 0"),
///             )),
///         }
///     }
/// }
///
/// assert_eq!(Parity.route(&RoutingKey::new(7))?, 1);
/// # Ok::<(), Error>(())
/// ```
pub trait Strategy: Send + Sync + fmt::Debug + 'static {
    /// Its name, for reports and messages.
    fn name(&self) -> &str;

    /// How many logical shards it routes to; they are numbered from 0.
    fn logical_shards(&self) -> u32;

    /// The logical shard that owns this key, below [`logical_shards`](Self::logical_shards).
    ///
    /// Runs once per statement: it takes no lock and allocates nothing unless it fails.
    ///
    /// # Errors
    ///
    /// [`NoShardForKey`](ErrorKind::NoShardForKey) when no shard owns it, with a message that
    /// says what was asked and what to do.
    fn route(&self, key: &RoutingKey<'_>) -> Result<u32>;

    /// Whether a key without a region has no shard.
    fn needs_region(&self) -> bool {
        false
    }

    /// The library's own default, which a router asks without the way through a trait object.
    #[doc(hidden)]
    fn as_hash(&self) -> Option<Hash> {
        None
    }
}

/// A group's strategy and its pins: the one place where a key becomes a logical shard.
///
/// ```
/// use std::sync::Arc;
/// use shard_orm::route::{Hash, Pins, Router, RoutingKey};
///
/// let router = Router::new(Arc::new(Hash::new(16)?)).with_pins(Pins::new([(42, 3)])?)?;
/// assert_eq!(router.route(&RoutingKey::new(42))?, 3);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Router {
    strategy: Arc<dyn Strategy>,
    hash: Option<Hash>,
    /// The strategy's count, read once so that the check of an answer is one comparison.
    logical_shards: u32,
    pins: Pins,
}

impl Router {
    /// Routes by this strategy alone.
    #[must_use]
    pub fn new(strategy: Arc<dyn Strategy>) -> Self {
        Self {
            logical_shards: strategy.logical_shards(),
            hash: strategy.as_hash(),
            strategy,
            pins: Pins::default(),
        }
    }

    /// The same with these pins in the place of any earlier ones.
    ///
    /// # Errors
    ///
    /// [`Configuration`](ErrorKind::Configuration) when a pin names a shard that the strategy
    /// does not have.
    pub fn with_pins(mut self, pins: Pins) -> Result<Self> {
        if let Some((key, shard)) = pins.iter().find(|(_, shard)| *shard >= self.logical_shards) {
            return Err(Error::configuration(format!(
                "key {key} is pinned to shard {shard}, but there are only the shards {}; \
                 pin it to one of them",
                shards_text(self.logical_shards),
            )));
        }
        self.pins = pins;
        Ok(self)
    }

    /// How many logical shards there are.
    #[must_use]
    pub fn logical_shards(&self) -> u32 {
        self.logical_shards
    }

    /// The strategy under the pins.
    #[must_use]
    pub fn strategy(&self) -> &dyn Strategy {
        &*self.strategy
    }

    /// The pins.
    #[must_use]
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Whether a key without a region has no shard, unless it is pinned.
    #[must_use]
    pub fn needs_region(&self) -> bool {
        self.strategy.needs_region()
    }

    /// The logical shard that owns this key: the one it is pinned to, in whatever region, or
    /// else what the strategy says.
    ///
    /// # Errors
    ///
    /// [`NoShardForKey`](ErrorKind::NoShardForKey) when no shard owns it, or when a strategy of
    /// the user's names a shard that it said it does not have.
    #[inline]
    pub fn route(&self, key: &RoutingKey<'_>) -> Result<u32> {
        if let Some(shard) = self.pins.get(key.key) {
            return Ok(shard);
        }
        if let Some(hash) = self.hash {
            return Ok(hash.shard_of(key.key));
        }
        let shard = self.strategy.route(key)?;
        if shard < self.logical_shards {
            Ok(shard)
        } else {
            Err(self.beyond(key.key, shard))
        }
    }

    /// Whether it routes by ranges of a key's hash.
    pub(crate) fn finds_by_hash(&self) -> bool {
        self.hash.is_some()
    }

    /// The logical shards of all keys whose hash lies between these two, in rising order: those that
    /// own a part of the range, and those that a key of it is pinned to. `None` when the strategy is
    /// not [`Hash`].
    pub(crate) fn shards_of_hashes(&self, hashes: &RangeInclusive<u64>) -> Option<Vec<u32>> {
        let mut shards: Vec<u32> = self.hash?.shards_of_hashes(hashes).collect();
        let pinned = self
            .pins
            .iter()
            .filter(|(key, _)| hashes.contains(&mix64(key.cast_unsigned())));
        shards.extend(pinned.map(|(_, shard)| shard));
        shards.sort_unstable();
        shards.dedup();
        Some(shards)
    }

    #[cold]
    fn beyond(&self, key: i64, shard: u32) -> Error {
        Error::new(
            ErrorKind::NoShardForKey,
            format!(
                "the strategy `{}` put key {key} on shard {shard}, but there are only the shards \
                 {}; its `route` and `logical_shards` must agree",
                self.strategy.name(),
                shards_text(self.logical_shards),
            ),
        )
    }
}

/// Checks a strategy's number of logical shards.
fn check_count(logical_shards: usize) -> Result<u32> {
    match u32::try_from(logical_shards) {
        Ok(count @ 1..=MAX_LOGICAL_SHARDS) => Ok(count),
        _ => Err(Error::configuration(format!(
            "{logical_shards} logical shards; use 1 to {MAX_LOGICAL_SHARDS}"
        ))),
    }
}

fn shards_text(count: u32) -> String {
    match count {
        0 => "(none)".to_owned(),
        1 => "0 to 0".to_owned(),
        _ => format!("0 to {}", count - 1),
    }
}
