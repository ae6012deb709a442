//! The points of a hash ring, and the search for the owner of a hash.
//!
//! Shared by [`Ring`](super::Ring) and [`DjangoRing`](super::DjangoRing), which differ only in
//! their hash.

use std::fmt;

use super::lookup::Lookup;
use crate::error::{Error, Result};

/// The maximum number of points of a ring: a mistyped number is an error rather than minutes of
/// building and gigabytes of memory.
pub(super) const MAX_POINTS: u64 = 1 << 23;

/// Sorted points with an index.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Points {
    /// The first hash beyond each point; the highest hash has none.
    lookup: Lookup,
    nodes: Box<[u16]>,
}

impl Points {
    /// A ring of these points. If points have equal hashes, the lowest node's is kept.
    pub(super) fn new(mut points: Vec<(u64, u16)>) -> Result<Self> {
        if points.is_empty() {
            return Err(Error::configuration(
                "the ring has no points; give at least one shard a weight above 0",
            ));
        }
        points.sort_unstable();
        points.dedup_by_key(|(hash, _)| *hash);
        check_points(points.len() as u64)?;
        let beyond = points.iter().filter_map(|(hash, _)| hash.checked_add(1));
        Ok(Self {
            lookup: Lookup::new(beyond.collect()),
            nodes: points.iter().map(|(_, node)| *node).collect(),
        })
    }

    /// The node of the first point that is not below the hash, or of the first point of all if
    /// there is none.
    #[inline]
    pub(super) fn owner(&self, hash: u64) -> u32 {
        let node = self.nodes.get(self.lookup.position(hash));
        u32::from(node.or_else(|| self.nodes.first()).copied().unwrap_or(0))
    }
}

/// Refuses a ring that is too large to build.
pub(super) fn check_points(points: u64) -> Result<()> {
    if points > MAX_POINTS {
        return Err(too_many());
    }
    Ok(())
}

fn too_many() -> Error {
    Error::configuration(format!(
        "the ring would have more than {MAX_POINTS} points; use fewer virtual nodes or smaller \
         weights"
    ))
}

/// Thousands of numbers would not help a reader.
impl fmt::Debug for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} points", self.nodes.len())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::Points;

    /// The definition, without an index.
    fn owner_by_definition(points: &[(u64, u16)], hash: u64) -> u32 {
        let mut points = points.to_vec();
        points.sort_unstable();
        let first = points.iter().find(|(point, _)| *point >= hash);
        u32::from(first.unwrap_or(&points[0]).1)
    }

    proptest! {
        #[test]
        fn the_index_matches_the_definition(
            points in prop::collection::vec((any::<u64>(), 0_u16..9), 1..300),
            mut hashes in prop::collection::vec(any::<u64>(), 50),
        ) {
            let ring = Points::new(points.clone()).unwrap();
            hashes.extend([0, u64::MAX]);
            for (point, _) in &points {
                hashes.extend([point.wrapping_sub(1), *point, point.wrapping_add(1)]);
            }
            for hash in hashes {
                prop_assert_eq!(ring.owner(hash), owner_by_definition(&points, hash));
            }
        }

        #[test]
        fn crowded_points_are_found_too(
            low in prop::collection::vec((0_u64..40, 0_u16..9), 1..60),
            hash in 0_u64..60,
        ) {
            let ring = Points::new(low.clone()).unwrap();
            prop_assert_eq!(ring.owner(hash), owner_by_definition(&low, hash));
        }
    }
}
