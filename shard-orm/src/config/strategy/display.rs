//! The notation of strategies in configuration files.

use std::fmt;

use super::{RegionShards, StrategyConfig};
use crate::config::Runs;

/// The notation of configuration files. Equal strings route alike, except for strategies in code.
impl fmt::Display for StrategyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash => f.write_str("\"hash\""),
            Self::HashRanges { ranges } => {
                write!(f, "{{ type = \"hash\", ranges = {ranges} }}")
            }
            Self::Modulo => f.write_str("\"modulo\""),
            Self::Range { bounds } => write!(f, "{{ type = \"range\", bounds = {bounds:?} }}"),
            Self::KeyRanges { ranges } => {
                write!(f, "{{ type = \"range\", ranges = {ranges} }}")
            }
            Self::Ring {
                virtual_nodes,
                weights,
            } => {
                write!(f, "{{ type = \"ring\", virtual_nodes = {virtual_nodes}")?;
                // Weights of 1 are the default.
                if let Some(weights) = weights
                    .as_ref()
                    .filter(|all| all.iter().any(|one| *one != 1))
                {
                    write!(f, ", weights = {weights:?}")?;
                }
                f.write_str(" }")
            }
            Self::DjangoRing { virtual_nodes } => write!(
                f,
                "{{ type = \"ring\", compatible = \"django-shard-library\", virtual_nodes = {virtual_nodes} }}"
            ),
            Self::Region { regions, default } => {
                let regions = regions.iter().map(|(name, runs)| (name, runs_of(runs)));
                region(f, default.as_deref(), regions.collect())
            }
            Self::RegionRanges { regions, default } => {
                let shards = |shards: &RegionShards| match shards {
                    RegionShards::Even(runs) => runs_of(runs),
                    RegionShards::Ranges(ranges) => ranges.to_string(),
                };
                let regions = regions.iter().map(|(name, own)| (name, shards(own)));
                region(f, default.as_deref(), regions.collect())
            }
            Self::Custom(strategy) => write!(f, "(in code) {:?}", strategy.name()),
        }
    }
}

fn runs_of(runs: &[std::ops::Range<u32>]) -> String {
    Runs::of(runs.iter().cloned().flatten()).to_string()
}

/// The regions with their shards, sorted by name.
fn region(
    f: &mut fmt::Formatter<'_>,
    default: Option<&str>,
    mut regions: Vec<(&String, String)>,
) -> fmt::Result {
    f.write_str("{ type = \"region\"")?;
    if let Some(default) = default {
        write!(f, ", default = {default:?}")?;
    }
    f.write_str(", regions = { ")?;
    regions.sort_by_key(|(name, _)| *name);
    for (position, (name, shards)) in regions.into_iter().enumerate() {
        let comma = if position == 0 { "" } else { ", " };
        write!(f, "{comma}{name:?} = {shards}")?;
    }
    f.write_str(" } }")
}
