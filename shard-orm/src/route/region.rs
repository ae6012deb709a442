//! A region selects a set of logical shards, and the key hashes within it: for rows that must stay
//! in a country, or near their users.

use super::hash::slice;
use super::owners::Owners;
use super::{OwnedKeys, Ranges, RoutingKey, Strategy, check_count, mix64};
use crate::error::{Error, ErrorKind, Result};

/// The logical shards of each region. A key hashes within its region as in [`Hash`](super::Hash):
/// among the region's shards in ascending order, to the one at position `(mix64(key) * number of
/// shards) >> 64`, or to the owner of `mix64(key)` among the region's explicit [`Ranges`].
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
    regions: Box<[(Box<str>, Place)]>,
    default: Option<usize>,
    logical_shards: u32,
}

/// The logical shards of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Equal shares of the hashes, in the order of the shards.
    Even(Box<[u32]>),
    Ranges(Owners<u64>),
}

impl Region {
    /// Routes to these regions, evenly within each. Together they must hold each shard from 0 to
    /// the highest exactly once; the order within a region does not matter.
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
        let regions = sorted(regions.into_iter().map(|(name, shards)| {
            let mut shards: Vec<u32> = shards.into_iter().collect();
            shards.sort_unstable();
            (name, shards)
        }))?;
        if let Some((name, _)) = regions.iter().find(|(_, shards)| shards.is_empty()) {
            return Err(Error::configuration(format!(
                "the region `{name}` has no shards; give it at least one"
            )));
        }
        let shards = each_in_one(&regions)?;
        if let Some((expected, _)) = (0_u32..)
            .zip(&shards)
            .find(|(expected, shard)| expected != *shard)
        {
            return Err(Error::configuration(format!(
                "shard {expected} is in no region; add it to one"
            )));
        }
        let place = |(name, shards): (_, Vec<u32>)| (name, Place::Even(shards.into()));
        Ok(Self {
            regions: regions.into_iter().map(place).collect(),
            default: None,
            logical_shards: check_count(shards.len())?,
        })
    }

    /// Routes to this number of shards, by ranges of the hash within each region. A shard that owns
    /// no range is [unused](Strategy::is_used). Regions whose ranges are
    /// [even](Ranges::even) ones of their shards in ascending order are routed as by
    /// [`new`](Self::new).
    ///
    /// ```
    /// use shard_orm::route::{Ranges, Region, RoutingKey, Strategy};
    ///
    /// let eu = Ranges::even([0, 1])?.split(1, 0xc000_0000_0000_0000, 3)?;
    /// let region = Region::with_ranges(4, [("eu", eu), ("us", Ranges::even([2])?)])?;
    /// assert_eq!(region.route(&RoutingKey::new(2).in_region("eu"))?, 3);
    /// # Ok::<(), shard_orm::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if there is no region; if a region is
    /// duplicate, or has no name; if a shard is in several regions, or is not below
    /// `logical_shards`; or if `logical_shards` is 0 or above
    /// [`MAX_LOGICAL_SHARDS`](super::MAX_LOGICAL_SHARDS).
    pub fn with_ranges<N>(
        logical_shards: u32,
        regions: impl IntoIterator<Item = (N, Ranges<u64>)>,
    ) -> Result<Self>
    where
        N: Into<Box<str>>,
    {
        let regions = sorted(regions)?;
        let shards: Vec<(&str, Vec<u32>)> = regions
            .iter()
            .map(|(name, ranges)| (&**name, ranges.shards()))
            .collect();
        each_in_one(&shards)?;
        if regions.is_empty() {
            return Err(Error::configuration("there is no region; add at least one"));
        }
        let place = |(name, ranges): (Box<str>, Ranges<u64>)| {
            let owners = Owners::new(logical_shards, ranges)?;
            Ok((name, Place::of(owners)))
        };
        Ok(Self {
            regions: regions.into_iter().map(place).collect::<Result<_>>()?,
            default: None,
            logical_shards,
        })
    }

    /// The ranges of the hash in a region, also of one that divides it evenly; `None` if there is
    /// no such region.
    #[must_use]
    pub fn ranges(&self, region: &str) -> Option<Ranges<u64>> {
        match &self.regions[self.find(region)?].1 {
            Place::Even(shards) => Ranges::even(shards.iter().copied()).ok(),
            Place::Ranges(owners) => Some(owners.ranges().clone()),
        }
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

impl Place {
    fn of(owners: Owners<u64>) -> Self {
        let shards = owners.ranges().shards();
        if Ranges::even(shards.iter().copied()).as_ref() == Ok(owners.ranges()) {
            Self::Even(shards.into())
        } else {
            Self::Ranges(owners)
        }
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a region has at most 65,536 shards, as each is in it once"
    )]
    fn shard_of(&self, key: i64) -> u32 {
        let hash = mix64(key.cast_unsigned());
        match self {
            Self::Even(shards) => shards[slice(hash, shards.len() as u32) as usize],
            Self::Ranges(owners) => owners.owner(hash),
        }
    }

    fn owns(&self, shard: u32) -> bool {
        match self {
            Self::Even(shards) => shards.binary_search(&shard).is_ok(),
            Self::Ranges(owners) => owners.owns(shard),
        }
    }
}

/// The regions sorted by name, each of which has one of its own.
fn sorted<N: Into<Box<str>>, T>(
    regions: impl IntoIterator<Item = (N, T)>,
) -> Result<Vec<(Box<str>, T)>> {
    let regions = regions.into_iter();
    let mut regions: Vec<(Box<str>, T)> = regions.map(|(name, own)| (name.into(), own)).collect();
    regions.sort_by(|(one, _), (other, _)| one.cmp(other));
    if let Some(pair) = regions.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(Error::configuration(format!(
            "duplicate region `{}`; list all its shards once",
            pair[0].0
        )));
    }
    if regions.iter().any(|(name, _)| name.is_empty()) {
        return Err(Error::configuration("a region has an empty name; name it"));
    }
    Ok(regions)
}

/// All shards, ascending, each of which is in one region and there once.
fn each_in_one<N: AsRef<str>>(regions: &[(N, Vec<u32>)]) -> Result<Vec<u32>> {
    let mut owners: Vec<(u32, &str)> = regions
        .iter()
        .flat_map(|(name, shards)| shards.iter().map(move |shard| (*shard, name.as_ref())))
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
    Ok(owners.into_iter().map(|(shard, _)| shard).collect())
}

impl Strategy for Region {
    fn name(&self) -> &str {
        "region"
    }

    fn owned_keys(&self) -> Vec<(u32, OwnedKeys)> {
        let of_region = |(name, _): &(Box<str>, Place)| {
            let owned = self.ranges(name).map(|ranges| ranges.by_shard());
            let owned = owned.unwrap_or_default().into_iter();
            let region = name.clone();
            owned.map(move |(shard, ranges)| {
                let region = Some(region.clone());
                (shard, OwnedKeys::Hashes { region, ranges })
            })
        };
        self.regions.iter().flat_map(of_region).collect()
    }

    fn logical_shards(&self) -> u32 {
        self.logical_shards
    }

    #[inline]
    fn route(&self, key: &RoutingKey<'_>) -> Result<u32> {
        let region = key.region.and_then(|region| self.find(region));
        match region.or(self.default) {
            Some(at) => Ok(self.regions[at].1.shard_of(key.key)),
            None => Err(self.no_region(key)),
        }
    }

    fn needs_region(&self) -> bool {
        self.default.is_none()
    }

    fn is_used(&self, shard: u32) -> bool {
        self.regions.iter().any(|(_, place)| place.owns(shard))
    }
}
