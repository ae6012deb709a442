//! A consistent-hash ring: adding or removing a shard moves only the keys that it gains or loses.

use super::points::{Points, check_points};
use super::{RoutingKey, Strategy, check_count, mix64};
use crate::error::{Error, Result};

/// The step of SplitMix64: 2^64 divided by the golden ratio, made odd.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A ring of hashes on which every shard has a number of points in proportion to its weight.
///
/// A key's hash is its [`mix64`]. It belongs to the first point that is not below its hash, or to
/// the first point of all if there is none. The points of shard `s` are the first `virtual_nodes *
/// weight` outputs of SplitMix64 seeded with `mix64(s + 1)`, that is `mix64(mix64(s + 1) + i *
/// 0x9e3779b97f4a7c15)` for `i` from 1, with wrapping arithmetic; of equal points, the lower
/// shard's is kept. This is frozen, like the default strategy.
///
/// Shares are even to about `1 / sqrt(points of a shard)`: 4 % at the usual 512 points, 1 % at
/// 8,192. If shards are never added or removed, use [`Hash`](super::Hash), which is always even.
///
/// ```
/// use shard_orm::route::{Ring, RoutingKey, Strategy};
///
/// let four = Ring::new(4, 512)?;
/// let without_2 = Ring::of_nodes([(0, 1), (1, 1), (3, 1)], 512)?;
/// for key in 0..100 {
///     let key = RoutingKey::new(key);
///     let before = four.route(&key)?;
///     assert!(before == 2 || without_2.route(&key)? == before);
/// }
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    points: Points,
    logical_shards: u32,
}

impl Ring {
    /// A ring of the shards from 0 to `logical_shards - 1`, each with `virtual_nodes` points.
    ///
    /// # Errors
    ///
    /// As [`of_nodes`](Self::of_nodes).
    pub fn new(logical_shards: u32, virtual_nodes: u32) -> Result<Self> {
        check_count(logical_shards as usize)?;
        Self::of_nodes((0..logical_shards).map(|shard| (shard, 1)), virtual_nodes)
    }

    /// A ring of these shards, given as `(number, weight)`, each with `virtual_nodes * weight`
    /// points. A shard of weight 0, or one that is not listed, owns no key. The highest number
    /// determines the number of logical shards.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if there is no shard, if a shard is
    /// duplicate or above 65,535, if all weights are 0, if `virtual_nodes` is 0, or if the ring
    /// would have more than 8,388,608 points.
    pub fn of_nodes(
        nodes: impl IntoIterator<Item = (u32, u32)>,
        virtual_nodes: u32,
    ) -> Result<Self> {
        if virtual_nodes == 0 {
            return Err(Error::configuration(
                "`virtual_nodes` is 0, so the ring would have no points; use 512 or more",
            ));
        }
        let mut nodes: Vec<(u32, u32)> = nodes.into_iter().collect();
        nodes.sort_unstable();
        if let Some(pair) = nodes.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::configuration(format!(
                "duplicate shard {} on the ring; list it once",
                pair[0].0
            )));
        }
        let logical_shards =
            check_count(nodes.last().map_or(0, |(highest, _)| *highest as usize + 1))?;
        if nodes.iter().all(|(_, weight)| *weight == 0) {
            return Err(Error::configuration(
                "all weights are 0; give at least one shard a weight above 0",
            ));
        }
        let per_node = |weight: u32| u64::from(virtual_nodes) * u64::from(weight);
        let total = nodes.iter().fold(0_u64, |sum, (_, weight)| {
            sum.saturating_add(per_node(*weight))
        });
        check_points(total)?;
        let mut points = Vec::new();
        for (shard, weight) in nodes {
            let node = u16::try_from(shard).map_err(|_| {
                Error::configuration(format!("shard {shard} exceeds the highest, 65535"))
            })?;
            let mut state = mix64(u64::from(shard) + 1);
            for _ in 0..per_node(weight) {
                state = state.wrapping_add(GOLDEN);
                points.push((mix64(state), node));
            }
        }
        Ok(Self {
            points: Points::new(points)?,
            logical_shards,
        })
    }
}

impl Strategy for Ring {
    fn name(&self) -> &str {
        "ring"
    }

    fn logical_shards(&self) -> u32 {
        self.logical_shards
    }

    #[inline]
    fn route(&self, key: &RoutingKey<'_>) -> Result<u32> {
        Ok(self.points.owner(mix64(key.key.cast_unsigned())))
    }
}
