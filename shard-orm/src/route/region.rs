//! A region selects a set of logical shards, and the key hashes within it: for rows that must stay
//! in a country, or near their users.

use super::hash::slice;
use super::{RoutingKey, Strategy, check_count, mix64};
use crate::error::{Error, ErrorKind, Result};

/// A region's name and its logical shards, ascending.
type Entry = (Box<str>, Box<[u32]>);

/// The logical shards of each region. A key hashes within its region as in [`Hash`](super::Hash):
/// among the region's shards in ascending order, to the one at position `(mix64(key) * number of
/// shards) >> 64`.
///
/// ```
/// use shard_orm::route::{Region, RoutingKey, Strategy};
///
/// let region = Region::new([("eu", vec![0, 1, 2]), ("us", vec![3])])?.with_default("eu")?;
/// assert_eq!(region.route(&RoutingKey::new(42).in_region("us"))?, 3);
/// assert!(region.route(&RoutingKey::new(42))? < 3);
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Sorted by name.
    regions: Box<[Entry]>,
    default: Option<usize>,
    logical_shards: u32,
}

impl Region {
    /// Routes to these regions. Together they must hold each shard from 0 to the highest exactly
    /// once; the order within a region does not matter.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if there is no region; if a region is
    /// duplicate, or has no name or no shards; or if a shard is in several regions or in none.
    pub fn new<N, S>(regions: impl IntoIterator<Item = (N, S)>) -> Result<Self>
    where
        N: Into<Box<str>>,
        S: IntoIterator<Item = u32>,
    {
        let mut regions: Vec<Entry> = regions
            .into_iter()
            .map(|(name, shards)| {
                let mut shards: Vec<u32> = shards.into_iter().collect();
                shards.sort_unstable();
                (name.into(), shards.into())
            })
            .collect();
        regions.sort_unstable();
        for pair in regions.windows(2) {
            if pair[0].0 == pair[1].0 {
                return Err(Error::configuration(format!(
                    "duplicate region `{}`; list all its shards once",
                    pair[0].0
                )));
            }
        }
        if let Some((name, _)) = regions.iter().find(|(_, shards)| shards.is_empty()) {
            return Err(Error::configuration(format!(
                "the region `{name}` has no shards; give it at least one"
            )));
        }
        if regions.iter().any(|(name, _)| name.is_empty()) {
            return Err(Error::configuration("a region has an empty name; name it"));
        }
        let logical_shards = all_once(&regions)?;
        Ok(Self {
            regions: regions.into(),
            default: None,
            logical_shards,
        })
    }

    /// Sets the region for keys without a region, or with an unknown one.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if there is no such region.
    pub fn with_default(mut self, region: &str) -> Result<Self> {
        let Some(default) = self.find(region) else {
            return Err(Error::configuration(format!(
                "the default region `{region}` is not one of the regions {}; use one of them",
                self.names()
            )));
        };
        self.default = Some(default);
        Ok(self)
    }

    fn find(&self, region: &str) -> Option<usize> {
        self.regions
            .binary_search_by(|(name, _)| (**name).cmp(region))
            .ok()
    }

    fn names(&self) -> String {
        let names: Vec<String> = self
            .regions
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        names.join(", ")
    }

    #[cold]
    fn no_region(&self, key: &RoutingKey<'_>) -> Error {
        let names = self.names();
        let message = match key.region {
            Some(region) => format!(
                "key {} is in the region `{region}`, which is not one of {names}; use one of them, \
                 or configure a default region",
                key.key
            ),
            None => format!(
                "key {} has no region, and the group is sharded by region; use one of {names}, or \
                 configure a default region",
                key.key
            ),
        };
        Error::new(ErrorKind::NoShardForKey, message)
    }
}

/// Checks that every shard is in exactly one region, and counts the shards.
fn all_once(regions: &[Entry]) -> Result<u32> {
    let mut owners: Vec<(u32, &str)> = regions
        .iter()
        .flat_map(|(name, shards)| shards.iter().map(move |shard| (*shard, &**name)))
        .collect();
    owners.sort_unstable();
    for pair in owners.windows(2) {
        let ((shard, one), (next, other)) = (pair[0], pair[1]);
        if shard == next {
            let place = if one == other {
                format!("twice in the region `{one}`")
            } else {
                format!("in the regions `{one}` and `{other}`")
            };
            return Err(Error::configuration(format!(
                "shard {shard} is {place}; list each shard once, in one region"
            )));
        }
    }
    if let Some((expected, _)) = (0_u32..)
        .zip(&owners)
        .find(|(expected, (shard, _))| expected != shard)
    {
        return Err(Error::configuration(format!(
            "shard {expected} is in no region; add it to one"
        )));
    }
    check_count(owners.len())
}

impl Strategy for Region {
    fn name(&self) -> &str {
        "region"
    }

    fn logical_shards(&self) -> u32 {
        self.logical_shards
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a region has at most 65,536 shards, as each is in it once"
    )]
    fn route(&self, key: &RoutingKey<'_>) -> Result<u32> {
        let region = key.region.and_then(|region| self.find(region));
        let Some((_, shards)) = region.or(self.default).map(|at| &self.regions[at]) else {
            return Err(self.no_region(key));
        };
        let position = slice(mix64(key.key.cast_unsigned()), shards.len() as u32);
        Ok(shards[position as usize])
    }

    fn needs_region(&self) -> bool {
        self.default.is_none()
    }
}
