//! A change of the owners of some keys, as by a split or a merge.

use std::ops::RangeInclusive;

use super::{RegionShards, StrategyConfig};
use crate::config::Runs;
use crate::error::{Error, Result};
use crate::route::{Hash, OwnedKeys, Position, Range, Ranges};

impl StrategyConfig {
    /// The same strategy with these keys owned by logical shard `to`. Their owners until now are among
    /// `from`, or it owns them already.
    ///
    /// # Errors
    /// `Unsupported` for a strategy without ranges; `Configuration` if another logical shard owns one of the keys.
    pub(crate) fn assigned(
        &self,
        logical_shards: u32,
        keys: &OwnedKeys,
        to: u32,
        from: &[u32],
    ) -> Result<Self> {
        match (self, keys) {
            (_, OwnedKeys::Fixed) => Ok(self.clone()),
            (Self::Hash, OwnedKeys::Hashes { ranges, .. }) => {
                let own = Hash::new(logical_shards)?.ranges();
                let ranges = own.all_assigned(ranges, to, from)?;
                Ok(Self::HashRanges { ranges })
            }
            (Self::HashRanges { ranges: own }, OwnedKeys::Hashes { ranges, .. }) => {
                let ranges = own.all_assigned(ranges, to, from)?;
                Ok(Self::HashRanges { ranges })
            }
            (Self::Range { bounds }, OwnedKeys::Keys(keys)) => {
                let own = Range::new(bounds.iter().copied())?.ranges();
                let ranges = own.all_assigned(keys, to, from)?;
                Ok(Self::KeyRanges { ranges })
            }
            (Self::KeyRanges { ranges: own }, OwnedKeys::Keys(keys)) => {
                let ranges = own.all_assigned(keys, to, from)?;
                Ok(Self::KeyRanges { ranges })
            }
            (
                Self::Region { regions, default },
                OwnedKeys::Hashes {
                    region: Some(region),
                    ranges,
                },
            ) => {
                let regions = regions.iter().map(|(name, runs)| {
                    let runs = RegionShards::Even(runs.clone());
                    in_region((name, &runs), region, ranges, (to, from))
                });
                Ok(Self::RegionRanges {
                    regions: regions.collect::<Result<_>>()?,
                    default: default.clone(),
                })
            }
            (
                Self::RegionRanges { regions, default },
                OwnedKeys::Hashes {
                    region: Some(region),
                    ranges,
                },
            ) => {
                let regions = regions
                    .iter()
                    .map(|(name, own)| in_region((name, own), region, ranges, (to, from)));
                Ok(Self::RegionRanges {
                    regions: regions.collect::<Result<_>>()?,
                    default: default.clone(),
                })
            }
            _ => Err(Error::unsupported(format!(
                "the strategy {self} has no such ranges; logical shards are split and merged under `hash`, \
                 `range` and `region`"
            ))),
        }
    }
}

/// A region, whose keys are assigned if it is the one.
fn in_region(
    (name, own): (&String, &RegionShards),
    region: &str,
    keys: &[RangeInclusive<u64>],
    (to, from): (u32, &[u32]),
) -> Result<(String, RegionShards)> {
    if name != region {
        return Ok((name.clone(), own.clone()));
    }
    let ranges = match own {
        RegionShards::Even(runs) => {
            let shards = Runs::of(runs.iter().cloned().flatten());
            Ranges::even(shards.into_ranges().into_iter().flatten())?
        }
        RegionShards::Ranges(ranges) => ranges.clone(),
    };
    let ranges = ranges.all_assigned(keys, to, from)?;
    Ok((name.clone(), RegionShards::Ranges(ranges)))
}

impl<T: Position> Ranges<T> {
    fn all_assigned(&self, keys: &[RangeInclusive<T>], to: u32, from: &[u32]) -> Result<Self> {
        let mut ranges = self.clone();
        for keys in keys {
            ranges = ranges.assigned(keys, to, from)?;
        }
        Ok(ranges)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::single_range_in_vec_init)]
mod tests {
    use super::*;

    fn hashes(region: Option<&str>, ranges: &[RangeInclusive<u64>]) -> OwnedKeys {
        OwnedKeys::Hashes {
            region: region.map(Into::into),
            ranges: ranges.into(),
        }
    }

    #[test]
    fn keys_change_their_owner_and_are_given_back() {
        let upper = hashes(None, &[3 << 62..=u64::MAX]);
        let split = StrategyConfig::Hash.assigned(2, &upper, 2, &[1]).unwrap();
        assert_eq!(
            split.to_string(),
            "{ type = \"hash\", ranges = { 0000000000000000 = 0, 8000000000000000 = 1, c000000000000000 = 2 } }"
        );
        assert_eq!(
            split.assigned(3, &upper, 2, &[1]).unwrap().to_string(),
            split.to_string()
        );
        let back = split.assigned(3, &upper, 1, &[2]).unwrap();
        assert_eq!(back.canonical(2).to_string(), "\"hash\"");
    }

    #[test]
    fn keys_of_another_shard_are_not_taken() {
        let all = hashes(None, &[0..=u64::MAX]);
        let error = StrategyConfig::Hash.assigned(2, &all, 2, &[1]).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Configuration);
    }

    #[test]
    fn one_region_is_split_and_the_others_stay_as_they_are() {
        let regions = StrategyConfig::Region {
            regions: vec![("eu".into(), vec![0..1]), ("us".into(), vec![1..2])],
            default: None,
        };
        let upper = hashes(Some("us"), &[1 << 63..=u64::MAX]);
        assert_eq!(
            regions.assigned(2, &upper, 2, &[1]).unwrap().to_string(),
            "{ type = \"region\", regions = { \"eu\" = [\"0..1\"], \"us\" = { 0000000000000000 = 1, \
             8000000000000000 = 2 } } }"
        );
    }

    #[test]
    fn a_strategy_without_ranges_is_refused() {
        let upper = hashes(None, &[1 << 63..=u64::MAX]);
        let error = StrategyConfig::Modulo
            .assigned(2, &upper, 2, &[1])
            .unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
    }
}
