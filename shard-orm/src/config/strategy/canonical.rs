//! One form for all configurations of the same routing.
//!
//! `topology` stores a digest of it in every namespace; a running cluster compares it with that of
//! its next configuration.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::{RegionShards, StrategyConfig};
use crate::config::Runs;
use crate::route::{Hash, Ranges};

impl StrategyConfig {
    /// Whether both route this number of logical shards alike, as far as that is decidable.
    /// Strategies in code are compared by type and `Debug` output.
    pub(in crate::config) fn is_same(&self, other: &Self, logical_shards: u32) -> bool {
        match (self, other) {
            (Self::Custom(one), Self::Custom(other)) => {
                Arc::ptr_eq(one, other) || format!("{one:?}") == format!("{other:?}")
            }
            (Self::Custom(_), _) | (_, Self::Custom(_)) => false,
            _ => {
                let canonical = |strategy: &Self| strategy.canonical(logical_shards).to_string();
                canonical(self) == canonical(other)
            }
        }
    }

    /// The shortest notation of the same routing: explicit ranges of equal width are the even ones.
    pub(crate) fn canonical(&self, logical_shards: u32) -> Cow<'_, Self> {
        let short = match self {
            Self::HashRanges { ranges } => {
                let even = Hash::new(logical_shards).map(|hash| hash.ranges());
                even.is_ok_and(|even| even == *ranges).then_some(Self::Hash)
            }
            Self::KeyRanges { ranges } => bounds(ranges, logical_shards),
            Self::RegionRanges { regions, default } => {
                let default = default.clone();
                Some(match even_regions(regions, logical_shards) {
                    Some(regions) => Self::Region { regions, default },
                    None => Self::RegionRanges {
                        regions: explicit_regions(regions),
                        default,
                    },
                })
            }
            _ => None,
        };
        short.map_or(Cow::Borrowed(self), Cow::Owned)
    }
}

/// The bounds of ranges whose shards are those from 0 to the last, in order.
fn bounds(ranges: &Ranges<i64>, logical_shards: u32) -> Option<StrategyConfig> {
    let shards = ranges.starts().map(|(_, shard)| shard);
    let bounds = ranges.starts().skip(1).map(|(first, _)| first).collect();
    shards
        .eq(0..logical_shards)
        .then_some(StrategyConfig::Range { bounds })
}

/// The runs of regions that all divide the hashes evenly, and together hold every logical shard.
fn even_regions(
    regions: &[(String, RegionShards)],
    logical_shards: u32,
) -> Option<Vec<(String, Vec<Range<u32>>)>> {
    let mut held = 0;
    let mut runs = |shards: &RegionShards| {
        let ranges = explicit(shards)?;
        let shards = ranges.shards();
        held += shards.len();
        let even = Ranges::even(shards.iter().copied()).ok()?;
        (even == ranges).then(|| Runs::of(shards).into_ranges())
    };
    let even = regions
        .iter()
        .map(|(name, own)| Some((name.clone(), runs(own)?)));
    let even: Vec<_> = even.collect::<Option<_>>()?;
    (held == logical_shards as usize).then_some(even)
}

fn explicit_regions(regions: &[(String, RegionShards)]) -> Vec<(String, RegionShards)> {
    let own = |shards| explicit(shards).map_or_else(|| shards.clone(), RegionShards::Ranges);
    let regions = regions.iter();
    regions
        .map(|(name, shards)| (name.clone(), own(shards)))
        .collect()
}

/// The ranges of a region; `None` if it has no shard.
fn explicit(shards: &RegionShards) -> Option<Ranges<u64>> {
    match shards {
        RegionShards::Even(runs) => {
            Ranges::even(Runs::of(runs.iter().cloned().flatten()).shards()).ok()
        }
        RegionShards::Ranges(ranges) => Some(ranges.clone()),
    }
}
