//! The configuration of a group's routing strategy.

use std::ops::Range;
use std::sync::Arc;

use crate::route::{Ranges, Strategy};

#[cfg(feature = "reshard")]
mod assign;
mod canonical;
mod display;

/// How a group's keys are distributed over its logical shards; see [`route`](crate::route) for
/// each.
///
/// ```
/// use shard_orm::config::{Group, StrategyConfig};
/// use shard_orm::route::{Modulo, Ranges};
///
/// let by_range = Group::new(3).strategy(StrategyConfig::Range { bounds: vec![1_000, 2_000] });
/// let built_in_code = Group::new(16).strategy(Modulo::new(16)?);
///
/// let ranges = Ranges::even([0, 1])?.split(1, 0xc000_0000_0000_0000, 2)?;
/// let uneven = Group::new(3).strategy(StrategyConfig::HashRanges { ranges });
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum StrategyConfig {
    /// Ranges of equal width of a hash: [`route::Hash`](crate::route::Hash).
    #[default]
    Hash,
    /// Explicit ranges of a hash:
    /// [`route::Hash::with_ranges`](crate::route::Hash::with_ranges).
    HashRanges {
        /// The owner of each hash.
        ranges: Ranges<u64>,
    },
    /// The remainder of the key: [`route::Modulo`](crate::route::Modulo).
    Modulo,
    /// Ranges of the key: [`route::Range`](crate::route::Range).
    Range {
        /// The first key of each shard except shard 0, ascending.
        bounds: Vec<i64>,
    },
    /// Explicit ranges of the key:
    /// [`route::Range::with_ranges`](crate::route::Range::with_ranges).
    KeyRanges {
        /// The owner of each key.
        ranges: Ranges<i64>,
    },
    /// A consistent-hash ring: [`route::Ring`](crate::route::Ring).
    Ring {
        /// Points on the ring per unit of weight; 512 is usual.
        virtual_nodes: u32,
        /// The weight of each logical shard; `None` for equal weights.
        weights: Option<Vec<u32>>,
    },
    /// The ring of django-shard-library over the group's namespaces:
    /// [`route::DjangoRing`](crate::route::DjangoRing).
    DjangoRing {
        /// Points on the ring per logical shard; that library uses 512.
        virtual_nodes: u32,
    },
    /// The region selects the logical shards: [`route::Region`](crate::route::Region).
    Region {
        /// The runs of logical shards of each region.
        regions: Vec<(String, Vec<Range<u32>>)>,
        /// The region for keys without a region, or with an unknown one.
        default: Option<String>,
    },
    /// The region selects explicit ranges of a hash:
    /// [`route::Region::with_ranges`](crate::route::Region::with_ranges).
    RegionRanges {
        /// The logical shards of each region.
        regions: Vec<(String, RegionShards)>,
        /// The region for keys without a region, or with an unknown one.
        default: Option<String>,
    },
    /// A strategy implemented in code.
    Custom(Arc<dyn Strategy>),
}

/// The logical shards of a region, of [`StrategyConfig::RegionRanges`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegionShards {
    /// Runs of logical shards, each with an equal share of the hashes, in ascending order.
    Even(Vec<Range<u32>>),
    /// Explicit ranges of the hash.
    Ranges(Ranges<u64>),
}

impl From<Arc<dyn Strategy>> for StrategyConfig {
    fn from(strategy: Arc<dyn Strategy>) -> Self {
        Self::Custom(strategy)
    }
}

impl<S: Strategy> From<S> for StrategyConfig {
    fn from(strategy: S) -> Self {
        Self::Custom(Arc::new(strategy))
    }
}
