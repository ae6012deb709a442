//! Explicit ranges: every position has exactly one owner, whatever was split and merged, and a
//! strategy with ranges follows them.

#![allow(clippy::unwrap_used)]

use std::ops::RangeInclusive;

use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use shard_orm::ErrorKind;
use shard_orm::route::{
    Hash, Pins, Position, Range, Ranges, RangesError, Region, Router, RoutingKey, Strategy, mix64,
};

/// A change: a split of the shard with this index among those in use, within one of its ranges, or
/// a merge of two.
#[derive(Debug, Clone, Copy)]
enum Change {
    Split(prop::sample::Index, u64),
    Merge(prop::sample::Index, prop::sample::Index),
}

fn changes() -> impl proptest::strategy::Strategy<Value = Vec<Change>> {
    let index = any::<prop::sample::Index>;
    let split = (index(), any::<u64>()).prop_map(|(shard, at)| Change::Split(shard, at));
    let merge = (index(), index()).prop_map(|(shard, other)| Change::Merge(shard, other));
    prop::collection::vec(prop_oneof![2 => split, 1 => merge], 0..60)
}

/// Applies the changes that are possible, and checks each: positions that it does not name stay
/// with their owner.
fn changed<T: Position>(
    mut ranges: Ranges<T>,
    changes: &[Change],
    samples: &[T],
    within: impl Fn(RangeInclusive<T>, u64) -> T,
) -> Ranges<T> {
    let mut next = ranges.shards().last().unwrap() + 1;
    for change in changes {
        let shards = ranges.shards();
        let (result, named, at) = match change {
            Change::Split(shard, number) => {
                let shard = *shard.get(&shards);
                let own: Vec<_> = ranges.of(shard).collect();
                let range = own[usize::try_from(number % 7).unwrap() % own.len()].clone();
                let at = within(range, *number);
                (ranges.split(shard, at, next), [shard, next], Some(at))
            }
            Change::Merge(shard, other) => {
                let (shard, other) = (*shard.get(&shards), *other.get(&shards));
                (ranges.merge(shard, other), [shard, other], None)
            }
        };
        let Ok(after) = result else { continue };
        for sample in samples.iter().copied().chain(edges(&ranges)) {
            let (was, is) = (ranges.owner(sample), after.owner(sample));
            let expected = match at {
                _ if !named.contains(&was) => was,
                Some(at) if sample >= at => named[1],
                _ => named[0],
            };
            assert_eq!(is, expected, "{change:?}: {sample:?}");
        }
        next += u32::from(matches!(change, Change::Split(..)));
        ranges = after;
    }
    ranges
}

/// The first and last position of each range.
fn edges<T: Position>(ranges: &Ranges<T>) -> Vec<T> {
    let edges = ranges
        .iter()
        .flat_map(|(range, _)| [*range.start(), *range.end()]);
    edges.collect()
}

/// Checks that each position has exactly one owner.
fn assert_divided<T: Position>(ranges: &Ranges<T>, samples: &[T]) {
    let all: Vec<(RangeInclusive<T>, u32)> = ranges.iter().collect();
    for sample in samples.iter().copied().chain(edges(ranges)) {
        let owners: Vec<u32> = all
            .iter()
            .filter_map(|(range, shard)| range.contains(&sample).then_some(*shard))
            .collect();
        assert_eq!(owners, [ranges.owner(sample)], "{sample:?}");
        let of = |shard: &u32| ranges.of(*shard).any(|range| range.contains(&sample));
        let owners: Vec<u32> = ranges.shards().into_iter().filter(of).collect();
        assert_eq!(owners, [ranges.owner(sample)], "{sample:?}");
    }
    assert_eq!(Ranges::new(ranges.starts()).as_ref(), Ok(ranges));
}

/// The key with this hash.
fn key_of(hash: u64) -> i64 {
    // The inverses of the steps of `mix64`, backwards.
    let mut z = hash ^ (hash >> 31) ^ (hash >> 62);
    z = z.wrapping_mul(0x3196_42b2_d24d_8ec3);
    z ^= (z >> 27) ^ (z >> 54);
    z = z.wrapping_mul(0x96de_1b17_3f11_9089);
    z ^= (z >> 30) ^ (z >> 60);
    assert_eq!(mix64(z), hash);
    z.cast_signed()
}

fn shard(strategy: &dyn Strategy, key: i64) -> u32 {
    strategy.route(&RoutingKey::new(key)).unwrap()
}

proptest! {
    #[test]
    fn splits_and_merges_keep_every_hash_with_one_owner(
        count in 1_u32..20,
        changes in changes(),
        samples in prop::collection::vec(any::<u64>(), 10),
    ) {
        let even = Hash::new(count).unwrap().ranges();
        let ranges = changed(even, &changes, &samples, |range, number| {
            let width = (range.end() - range.start()).max(1);
            range.start() + number % width
        });
        assert_divided(&ranges, &samples);
        let logical_shards = ranges.shards().last().unwrap() + 1;
        let hash = Hash::with_ranges(logical_shards, ranges.clone()).unwrap();
        prop_assert_eq!(hash.ranges(), ranges.clone());
        let router = Router::new(std::sync::Arc::new(hash.clone()));
        prop_assert_eq!(router.used_shards(), ranges.shards());
        for sample in samples.into_iter().chain(edges(&ranges)) {
            prop_assert_eq!(shard(&hash, key_of(sample)), ranges.owner(sample));
            prop_assert_eq!(router.route(&RoutingKey::new(key_of(sample))).unwrap(), ranges.owner(sample));
        }
    }

    #[test]
    fn splits_and_merges_keep_every_key_with_one_owner(
        bounds in prop::collection::btree_set(-50_i64..50, 0..8),
        changes in changes(),
        samples in prop::collection::vec(-60_i64..60, 10),
    ) {
        let ranges = Range::new(bounds).unwrap().ranges();
        let ranges = changed(ranges, &changes, &samples, |range, number| {
            let (first, last) = range.into_inner();
            let (first, last) = (first.max(-60), last.min(60));
            first + i64::try_from(number % 120).unwrap() % (last - first).max(1)
        });
        assert_divided(&ranges, &samples);
        let logical_shards = ranges.shards().last().unwrap() + 1;
        let range = Range::with_ranges(logical_shards, ranges.clone()).unwrap();
        for sample in samples.into_iter().chain(edges(&ranges)) {
            prop_assert_eq!(shard(&range, sample), ranges.owner(sample));
        }
    }

    #[test]
    fn a_split_is_undone_by_a_merge(
        count in 1_u32..=64,
        shard in any::<prop::sample::Index>(),
        at in any::<u64>(),
    ) {
        let even = Hash::new(count).unwrap().ranges();
        let shard = u32::try_from(shard.index(count as usize)).unwrap();
        if let Ok(split) = even.split(shard, at, count) {
            prop_assert_eq!(split.merge(shard, count), Ok(even));
        }
    }

    #[test]
    fn spelled_out_even_ranges_are_the_even_ones(count in 1_u32..=65_536, keys in prop::collection::vec(any::<i64>(), 50)) {
        let even = Hash::new(count).unwrap();
        let starts: Vec<(u64, u32)> = even.ranges().starts().collect();
        let explicit = Hash::with_ranges(count, Ranges::new(starts).unwrap()).unwrap();
        prop_assert_eq!(&explicit, &even);
        // With one more shard, which owns nothing, the ranges are looked up.
        let looked_up = (count < 65_536).then(|| Hash::with_ranges(count + 1, even.ranges()).unwrap());
        for key in keys {
            prop_assert_eq!(shard(&explicit, key), shard(&even, key));
            if let Some(looked_up) = &looked_up {
                prop_assert_eq!(shard(looked_up, key), shard(&even, key));
            }
        }
    }

    #[test]
    fn a_region_with_spelled_out_ranges_is_the_even_one(
        shards in prop::collection::btree_set(0_u32..40, 1..12),
        keys in prop::collection::vec(any::<i64>(), 20),
    ) {
        let others = (0..40).filter(|shard| !shards.contains(shard)).collect::<Vec<u32>>();
        let regions = [("eu", shards.iter().copied().collect()), ("us", others)];
        let even = Region::new(regions).unwrap();
        let ranges = ["eu", "us"].map(|name| (name, even.ranges(name).unwrap()));
        let explicit = Region::with_ranges(40, ranges.clone()).unwrap();
        prop_assert_eq!(&explicit, &even);
        let one_more = Region::with_ranges(41, ranges).unwrap();
        for key in keys {
            let key = RoutingKey::new(key).in_region("eu");
            prop_assert_eq!(one_more.route(&key).unwrap(), even.route(&key).unwrap());
        }
    }
}

#[test]
fn all_even_layouts_are_spelled_out() {
    for count in (1..=2_000).chain([4_095, 4_096, 65_535, 65_536]) {
        let even = Hash::new(count).unwrap();
        assert_eq!(Hash::with_ranges(count, even.ranges()).unwrap(), even);
        assert_eq!(Ranges::even(0..count).unwrap(), even.ranges());
        assert_eq!(even.ranges().starts().len(), count as usize);
    }
}

#[test]
fn a_region_is_divided_unevenly() {
    let eu = Ranges::new([(0, 0), (1 << 62, 3), (3 << 62, 0)]).unwrap();
    let us = Ranges::even([1, 2]).unwrap();
    let region = Region::with_ranges(5, [("us", us.clone()), ("eu", eu.clone())]).unwrap();
    assert_eq!(region.ranges("eu"), Some(eu.clone()));
    assert_eq!(region.ranges("us"), Some(us));
    assert_eq!(region.ranges("mars"), None);
    for hash in [0, (1 << 62) - 1, 1 << 62, (3 << 62) - 1, 3 << 62, u64::MAX] {
        let key = RoutingKey::new(key_of(hash)).in_region("eu");
        assert_eq!(region.route(&key).unwrap(), eu.owner(hash), "{hash}");
    }
    let used: Vec<bool> = (0..5).map(|shard| region.is_used(shard)).collect();
    assert_eq!(used, [true, true, true, true, false]);
}

#[test]
fn neighbouring_ranges_of_a_shard_are_one() {
    let ranges = Ranges::new([(i64::MIN, 1), (5, 1), (7, 0), (9, 0)]).unwrap();
    assert_eq!(ranges, Ranges::new([(7, 0), (i64::MIN, 1)]).unwrap());
    assert_eq!(ranges.to_string(), "{ min = 1, 7 = 0 }");
    assert_eq!(ranges.of(1).collect::<Vec<_>>(), [i64::MIN..=6]);
}

#[test]
fn a_shard_with_several_ranges_is_split_at_a_position() {
    let ranges = Ranges::new([(i64::MIN, 0), (10, 1), (20, 0), (30, 1)]).unwrap();
    let split = ranges.split(0, 15, 2).unwrap();
    assert_eq!(split.to_string(), "{ min = 0, 10 = 1, 20 = 2, 30 = 1 }");
    let merged = split.merge(1, 2).unwrap();
    assert_eq!(merged.to_string(), "{ min = 0, 10 = 1 }");
}

#[test]
fn impossible_ranges_are_refused() {
    let first = |text: &str| text.to_owned();
    assert_eq!(Ranges::<u64>::new([]), Err(RangesError::Empty));
    assert_eq!(Ranges::even([]), Err(RangesError::Empty));
    assert_eq!(
        Ranges::new([(1_u64, 0)]),
        Err(RangesError::NoFirst {
            lowest: first("0000000000000000"),
            first: first("0000000000000001")
        })
    );
    assert_eq!(
        Ranges::new([(i64::MIN, 0), (3, 1), (3, 1)]),
        Err(RangesError::Duplicate { first: first("3") })
    );
    let many = shard_orm::route::MAX_RANGES + 1;
    let starts = (0_u64..).zip((0..2).cycle()).take(many);
    assert_eq!(
        Ranges::new(starts),
        Err(RangesError::TooMany { ranges: many })
    );
}

#[test]
fn impossible_splits_and_merges_are_refused() {
    let ranges = Ranges::new([(i64::MIN, 0), (10, 1), (20, 2), (30, 1)]).unwrap();
    let empty = |shard, at: &str| {
        Err(RangesError::EmptyPart {
            shard,
            at: at.to_owned(),
        })
    };
    assert_eq!(
        ranges.split(7, 5, 3),
        Err(RangesError::UnknownShard { shard: 7 })
    );
    assert_eq!(
        ranges.split(0, 5, 1),
        Err(RangesError::ShardInUse { shard: 1 })
    );
    assert_eq!(
        ranges.split(0, 5, 0),
        Err(RangesError::ShardInUse { shard: 0 })
    );
    assert_eq!(ranges.split(0, i64::MIN, 3), empty(0, "min"));
    assert_eq!(ranges.split(0, 10, 3), empty(0, "10"));
    assert_eq!(ranges.split(2, 20, 3), empty(2, "20"));
    assert!(ranges.split(2, 29, 3).is_ok());
    assert_eq!(
        ranges.merge(0, 7),
        Err(RangesError::UnknownShard { shard: 7 })
    );
    assert_eq!(
        ranges.merge(0, 2),
        Err(RangesError::NotAdjacent { shard: 0, other: 2 })
    );
    assert_eq!(
        ranges.merge(1, 1),
        Err(RangesError::NotAdjacent { shard: 1, other: 1 })
    );
    let error = shard_orm::Error::from(ranges.merge(0, 2).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("merge neighbours"), "{error}");
}

#[test]
fn a_range_belongs_to_a_shard_of_the_strategy() {
    let ranges = Hash::new(4).unwrap().ranges();
    let refused = |result: shard_orm::Result<()>, part: &str| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(part), "{error}");
    };
    let part = "logical shard 3, but the shards are 0 to 2";
    refused(Hash::with_ranges(3, ranges.clone()).map(drop), part);
    refused(
        Region::with_ranges(3, [("eu", ranges.clone())]).map(drop),
        part,
    );
    refused(
        Hash::with_ranges(0, ranges.clone()).map(drop),
        "logical shards is 0",
    );
    refused(Hash::with_ranges(65_537, ranges.clone()).map(drop), "65537");
    let twice = [("eu", ranges.clone()), ("us", ranges.clone())];
    refused(
        Region::with_ranges(4, twice).map(drop),
        "shard 0 is in the regions `eu` and `us`",
    );
    let twice = [("eu", ranges.clone()), ("eu", ranges)];
    refused(Region::with_ranges(4, twice).map(drop), "duplicate region");
    let none: [(&str, Ranges<u64>); 0] = [];
    refused(Region::with_ranges(4, none).map(drop), "there is no region");
    let keys = Ranges::new([(i64::MIN, 1)]).unwrap();
    refused(Range::with_ranges(1, keys).map(drop), "logical shard 1");
}

#[test]
fn a_pinned_shard_is_in_use() {
    let ranges = Hash::new(4).unwrap().ranges().merge(1, 2).unwrap();
    let hash = Hash::with_ranges(6, ranges).unwrap();
    let router = Router::new(std::sync::Arc::new(hash));
    assert_eq!(router.logical_shards(), 6);
    assert_eq!(router.used_shards(), [0, 1, 3]);
    let router = router.with_pins(Pins::new([(42, 5)]).unwrap()).unwrap();
    assert_eq!(router.used_shards(), [0, 1, 3, 5]);
    assert_eq!(router.route(&RoutingKey::new(42)).unwrap(), 5);
}
