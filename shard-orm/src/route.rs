//! Routing: maps a shard key to its logical shard.
//!
//! Called once per statement, before anything else: a pure function of the key, without locks,
//! allocations or server access. Two processes with the same [`Router`] agree on every key, and so
//! does any other language that implements the functions described here.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

mod django;
mod hash;
mod lookup;
mod modulo;
mod owned_keys;
mod owners;
mod pins;
mod points;
mod range;
mod ranges;
mod region;
mod ring;

pub use django::DjangoRing;
pub use hash::{Hash, mix64};
pub use modulo::Modulo;
#[doc(hidden)]
pub use owned_keys::OwnedKeys;
#[cfg(feature = "reshard")]
pub(crate) use owned_keys::joined;
pub use pins::Pins;
pub use range::Range;
pub use ranges::{MAX_RANGES, Position, Ranges, RangesError};
pub use region::Region;
pub use ring::Ring;

/// The maximum number of logical shards of a group.
pub const MAX_LOGICAL_SHARDS: u32 = 65_536;

/// The routing key of a row: its shard key, and its region if the group has regions.
///
/// ```
/// use shard_orm::route::RoutingKey;
///
/// let key = RoutingKey::new(42).in_region("eu");
/// assert_eq!((key.key, key.region), (42, Some("eu")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoutingKey<'a> {
    /// The region, for groups routed by [`Region`]; other strategies ignore it.
    pub region: Option<&'a str>,
    /// The shard key. Every value is valid: 0, negative numbers, `i64::MIN` and `i64::MAX`.
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

/// A routing strategy: distributes a group's keys over its logical shards.
///
/// Implement it for a custom function, and pass it to
/// [`Group::strategy`](crate::config::Group::strategy). The result must depend on the key alone:
/// every client must find a row where another one put it, today and after a restart.
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
    /// The name, for reports and messages.
    fn name(&self) -> &str;

    /// The number of logical shards, which are numbered from 0.
    fn logical_shards(&self) -> u32;

    /// The logical shard that owns this key, below [`logical_shards`](Self::logical_shards).
    ///
    /// Runs once per statement: it must take no lock, and allocate only when it fails.
    ///
    /// # Errors
    ///
    /// [`NoShardForKey`](ErrorKind::NoShardForKey) if no shard owns the key, with a message that
    /// says what was requested and what to do.
    fn route(&self, key: &RoutingKey<'_>) -> Result<u32>;

    /// Whether a key without a region is an error.
    fn needs_region(&self) -> bool {
        false
    }

    /// Whether a key can be routed to this shard, which is below
    /// [`logical_shards`](Self::logical_shards).
    ///
    /// A shard to which the strategy routes no key, and to which none is pinned, is *unused*: it
    /// has no namespace, and no query is sent to it. Numbers of merged shards are unused, and are
    /// not given to another shard.
    fn is_used(&self, _shard: u32) -> bool {
        true
    }

    /// The keys of each shard, of a strategy that divides ranges.
    #[doc(hidden)]
    fn owned_keys(&self) -> Vec<(u32, OwnedKeys)> {
        Vec::new()
    }

    /// Whether this is the default strategy, which a router calls without dynamic dispatch.
    #[doc(hidden)]
    fn as_hash(&self) -> Option<&Hash> {
        None
    }
}

/// A group's strategy and its pins: the only code that maps a key to a logical shard.
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
    /// The strategy's number of shards, read once so that checking a result is one comparison.
    logical_shards: u32,
    pins: Pins,
}

impl Router {
    /// Routes by this strategy, without pins.
    #[must_use]
    pub fn new(strategy: Arc<dyn Strategy>) -> Self {
        Self {
            logical_shards: strategy.logical_shards(),
            hash: strategy.as_hash().cloned(),
            strategy,
            pins: Pins::default(),
        }
    }

    /// Replaces the pins.
    ///
    /// # Errors
    ///
    /// [`Configuration`](ErrorKind::Configuration) if a pin names a shard that the strategy does
    /// not have.
    pub fn with_pins(mut self, pins: Pins) -> Result<Self> {
        if let Some((key, shard)) = pins.iter().find(|(_, shard)| *shard >= self.logical_shards) {
            return Err(Error::configuration(format!(
                "key {key} is pinned to shard {shard}, but the shards are {}; pin it to one of \
                 them",
                shards_text(self.logical_shards),
            )));
        }
        self.pins = pins;
        Ok(self)
    }

    /// The number of logical shards, unused ones included.
    #[must_use]
    pub fn logical_shards(&self) -> u32 {
        self.logical_shards
    }

    /// The logical shards to which keys are routed or pinned, ascending: all but the
    /// [unused](Strategy::is_used) ones.
    #[must_use]
    pub fn used_shards(&self) -> Vec<u32> {
        let pinned: BTreeSet<u32> = self.pins.iter().map(|(_, shard)| shard).collect();
        let is_used = |shard: &u32| self.strategy.is_used(*shard) || pinned.contains(shard);
        (0..self.logical_shards).filter(is_used).collect()
    }

    /// The strategy, which pins override.
    #[must_use]
    pub fn strategy(&self) -> &dyn Strategy {
        &*self.strategy
    }

    /// The pins.
    #[must_use]
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Whether a key without a region is an error, unless it is pinned.
    #[must_use]
    pub fn needs_region(&self) -> bool {
        self.strategy.needs_region()
    }

    /// The logical shard that owns this key: its pin, in any region, or the strategy's result.
    ///
    /// # Errors
    ///
    /// [`NoShardForKey`](ErrorKind::NoShardForKey) if no shard owns the key, or if a custom
    /// strategy returns a shard that it does not have.
    #[inline]
    pub fn route(&self, key: &RoutingKey<'_>) -> Result<u32> {
        if let Some(shard) = self.pins.get(key.key) {
            return Ok(shard);
        }
        if let Some(hash) = &self.hash {
            return Ok(hash.shard_of(key.key));
        }
        let shard = self.strategy.route(key)?;
        if shard < self.logical_shards {
            Ok(shard)
        } else {
            Err(self.beyond(key.key, shard))
        }
    }

    /// Whether it routes by ranges of the key's hash.
    pub(crate) fn finds_by_hash(&self) -> bool {
        self.hash.is_some()
    }

    /// The keys of each logical shard that owns some, pins aside; none under a strategy without ranges.
    pub(crate) fn owned_keys(&self) -> HashMap<u32, OwnedKeys> {
        self.strategy.owned_keys().into_iter().collect()
    }

    /// The logical shards of all keys with a hash in this range, ascending: those that own a part
    /// of the range, and those to which such a key is pinned. `None` if the strategy is not
    /// [`Hash`].
    pub(crate) fn shards_of_hashes(&self, hashes: &RangeInclusive<u64>) -> Option<Vec<u32>> {
        let mut shards = self.hash.as_ref()?.shards_of_hashes(hashes);
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
                "the strategy `{}` routed key {key} to shard {shard}, but the shards are {}; its \
                 `route` and `logical_shards` must agree",
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
            "the number of logical shards is {logical_shards}; use 1 to {MAX_LOGICAL_SHARDS}"
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
