//! The keys that a logical shard owns, by which two topologies are compared.

use std::fmt;
use std::ops::RangeInclusive;

use super::{Position, Ranges};

/// The keys of a logical shard, as ranges. Pins do not count: they name a logical shard by its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum OwnedKeys {
    /// Those with a hash in these ranges, of a region if the group has regions.
    Hashes {
        /// The region.
        region: Option<Box<str>>,
        /// The ranges, ascending.
        ranges: Box<[RangeInclusive<u64>]>,
    },
    /// Those in these ranges, ascending.
    Keys(Box<[RangeInclusive<i64>]>),
    /// The strategy has no ranges, so that its logical shards are neither split nor merged.
    #[default]
    Fixed,
}

impl OwnedKeys {
    /// Whether it owns all keys of the other one.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Hashes { region, ranges },
                Self::Hashes {
                    region: their_region,
                    ranges: theirs,
                },
            ) => region == their_region && contain(ranges, theirs),
            (Self::Keys(own), Self::Keys(theirs)) => contain(own, theirs),
            _ => false,
        }
    }

    /// Whether a key can be owned by both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Hashes { region, ranges },
                Self::Hashes {
                    region: their_region,
                    ranges: theirs,
                },
            ) => region == their_region && overlap(ranges, theirs),
            (Self::Keys(own), Self::Keys(theirs)) => overlap(own, theirs),
            _ => false,
        }
    }
}

impl OwnedKeys {
    /// The keys of several logical shards, if each of these is next to another one.
    #[cfg(feature = "reshard")]
    pub(crate) fn of_all(all: &[&Self]) -> Option<Self> {
        match all.first()? {
            Self::Hashes { region, .. } => {
                let own = all.iter().map(|keys| match keys {
                    Self::Hashes {
                        region: other,
                        ranges,
                    } if other == region => Some(&**ranges),
                    _ => None,
                });
                Some(Self::Hashes {
                    region: region.clone(),
                    ranges: adjoining(&own.collect::<Option<Vec<_>>>()?)?,
                })
            }
            Self::Keys(_) => {
                let own = all.iter().map(|keys| match keys {
                    Self::Keys(ranges) => Some(&**ranges),
                    _ => None,
                });
                adjoining(&own.collect::<Option<Vec<_>>>()?).map(Self::Keys)
            }
            Self::Fixed => None,
        }
    }
}

/// The ranges of neighbours, of which those that touch each other are one; `None` if there are too few such.
#[cfg(feature = "reshard")]
fn adjoining<T: Position>(all: &[&[RangeInclusive<T>]]) -> Option<Box<[RangeInclusive<T>]>> {
    let count: usize = all.iter().map(|ranges| ranges.len()).sum();
    let joined = joined(all);
    (joined.len() + all.len() <= count + 1).then_some(joined)
}

/// The ranges of all in ascending order, of which those that touch each other are one.
#[cfg(feature = "reshard")]
pub(crate) fn joined<T: Position>(all: &[&[RangeInclusive<T>]]) -> Box<[RangeInclusive<T>]> {
    let mut ranges: Vec<RangeInclusive<T>> = all.concat();
    ranges.sort_unstable_by_key(|range| *range.start());
    let mut joined: Vec<RangeInclusive<T>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if *last.end() < *range.start() && last.end().after() == *range.start() => {
                *last = *last.start()..=*range.end();
            }
            _ => joined.push(range),
        }
    }
    joined.into()
}

/// `hash 8000000000000000..=ffffffffffffffff`, `hash of eu: ..`, `key 0..=99, 200..=299`, or `fixed`.
impl fmt::Display for OwnedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hashes {
                region: Some(region),
                ranges,
            } => write!(f, "hash of {region}: {}", texts(ranges)),
            Self::Hashes { ranges, .. } => write!(f, "hash {}", texts(ranges)),
            Self::Keys(ranges) => write!(f, "key {}", texts(ranges)),
            Self::Fixed => f.write_str("fixed"),
        }
    }
}

impl OwnedKeys {
    /// Reads what [`Display`](fmt::Display) writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(text) = text.strip_prefix("hash of ") {
            let (region, ranges) = text.rsplit_once(": ")?;
            return Some(Self::Hashes {
                region: Some(region.into()),
                ranges: parsed(ranges)?,
            });
        }
        match text.split_once(' ') {
            Some(("hash", ranges)) => Some(Self::Hashes {
                region: None,
                ranges: parsed(ranges)?,
            }),
            Some(("key", ranges)) => parsed(ranges).map(Self::Keys),
            _ => (text == "fixed").then_some(Self::Fixed),
        }
    }
}

fn texts<T: Position>(ranges: &[RangeInclusive<T>]) -> String {
    let texts = ranges
        .iter()
        .map(|range| format!("{}..={}", range.start().notation(), range.end().notation()));
    texts.collect::<Vec<_>>().join(", ")
}

fn parsed<T: Position>(text: &str) -> Option<Box<[RangeInclusive<T>]>> {
    let ranges = text.split(", ").map(|range| {
        let (first, last) = range.split_once("..=")?;
        Some(T::parse(first)?..=T::parse(last)?)
    });
    ranges.collect()
}

fn contain<T: Position>(one: &[RangeInclusive<T>], other: &[RangeInclusive<T>]) -> bool {
    let is_within = |their: &RangeInclusive<T>| {
        let mut own = one.iter();
        own.any(|own| own.start() <= their.start() && their.end() <= own.end())
    };
    other.iter().all(is_within)
}

fn overlap<T: Position>(one: &[RangeInclusive<T>], other: &[RangeInclusive<T>]) -> bool {
    let meets = |own: &RangeInclusive<T>| {
        let mut others = other.iter();
        others.any(|their| own.start() <= their.end() && their.start() <= own.end())
    };
    one.iter().any(meets)
}

impl<T: Position> Ranges<T> {
    /// The ranges of each logical shard that owns some, in one pass.
    pub(super) fn by_shard(&self) -> Vec<(u32, Box<[RangeInclusive<T>]>)> {
        let mut owned: Vec<(u32, RangeInclusive<T>)> =
            self.iter().map(|(range, shard)| (shard, range)).collect();
        owned.sort_by_key(|(shard, _)| *shard);
        let of_one = owned.chunk_by(|(one, _), (other, _)| one == other);
        let ranges = of_one.filter_map(|own| {
            let (shard, _) = own.first()?;
            Some((*shard, own.iter().map(|(_, range)| range.clone()).collect()))
        });
        ranges.collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_grouped_by_their_shards() {
        let ranges = Ranges::new([(i64::MIN, 1), (0, 0), (10, 1)]).unwrap();
        let own = |shard: u32| ranges.of(shard).collect::<Box<[_]>>();
        assert_eq!(ranges.by_shard(), [(0, own(0)), (1, own(1))]);
    }

    #[test]
    fn texts_are_read_as_they_were_written() {
        let ranges = || [0..=9, 1 << 63..=u64::MAX].into();
        for keys in [
            OwnedKeys::Fixed,
            OwnedKeys::Keys([i64::MIN..=-5, 0..=i64::MAX].into()),
            OwnedKeys::Hashes {
                region: None,
                ranges: ranges(),
            },
            OwnedKeys::Hashes {
                region: Some("a: b".into()),
                ranges: ranges(),
            },
        ] {
            assert_eq!(OwnedKeys::parse(&keys.to_string()), Some(keys));
        }
    }

    #[test]
    fn keys_of_different_regions_do_not_overlap() {
        let hashes = |region: &str, range| OwnedKeys::Hashes {
            region: Some(region.into()),
            ranges: [range].into(),
        };
        assert!(hashes("eu", 0..=9).overlaps(&hashes("eu", 9..=10)));
        assert!(!hashes("eu", 0..=9).overlaps(&hashes("eu", 10..=11)));
        assert!(!hashes("eu", 0..=9).overlaps(&hashes("us", 0..=9)));
        let keys = OwnedKeys::Keys([0..=9].into());
        assert!(!hashes("eu", 0..=9).overlaps(&keys));
        assert!(!OwnedKeys::Fixed.overlaps(&OwnedKeys::Fixed));
    }
}
