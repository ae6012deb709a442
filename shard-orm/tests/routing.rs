//! What every strategy owes its callers: each key has one shard, the same one everywhere and for
//! good.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use proptest::prelude::*;
use shard_orm::route::{
    DjangoRing, Hash, Modulo, Pins, Range, Region, Ring, Router, RoutingKey, Strategy, mix64,
};
use shard_orm::{Error, ErrorKind, Result};

const EDGES: [i64; 7] = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];

fn shard(strategy: &dyn Strategy, key: i64) -> u32 {
    strategy.route(&RoutingKey::new(key)).unwrap()
}

/// One of each kind, with the shard count that it must have.
fn all_strategies() -> Vec<(Arc<dyn Strategy>, u32)> {
    let regions = [("eu", vec![4, 0, 1]), ("us", vec![2, 3])];
    let region = Region::new(regions).unwrap().with_default("us").unwrap();
    vec![
        (Arc::new(Hash::new(16).unwrap()), 16),
        (Arc::new(Hash::new(1).unwrap()), 1),
        (Arc::new(uneven_hash()), 6),
        (Arc::new(Modulo::new(7).unwrap()), 7),
        (Arc::new(Range::new([-100, 0, 5_000]).unwrap()), 4),
        (Arc::new(Ring::new(5, 64).unwrap()), 5),
        (Arc::new(DjangoRing::new(["a", "b"], 64).unwrap()), 2),
        (Arc::new(region), 5),
    ]
}

fn uneven_hash() -> Hash {
    let ranges = Hash::new(4).unwrap().ranges();
    Hash::with_ranges(6, ranges.split(2, 5 << 61, 5).unwrap()).unwrap()
}

/// A table of vectors: its columns after the key, by row.
fn vectors(table: &str) -> Vec<(i64, Vec<u64>)> {
    table
        .lines()
        .skip(1)
        .map(|line| {
            let (key, rest) = line.split_once(',').unwrap();
            let rest = rest.split(',').map(|field| field.parse().unwrap());
            (key.parse().unwrap(), rest.collect())
        })
        .collect()
}

/// Made by another implementation of the definition, in another language.
#[test]
fn hash_agrees_with_its_frozen_vectors() {
    let rows = vectors(include_str!("vectors/hash.csv"));
    assert!(rows.len() > 90);
    for edge in EDGES {
        assert!(rows.iter().any(|(key, _)| *key == edge));
    }
    for (key, columns) in rows {
        assert_eq!(mix64(key.cast_unsigned()), columns[0], "mix64 of {key}");
        for (count, expected) in [1, 2, 3, 16, 1024].into_iter().zip(&columns[1..]) {
            let hash = Hash::new(count).unwrap();
            assert_eq!(u64::from(shard(&hash, key)), *expected, "{key} of {count}");
        }
    }
}

/// Made by another implementation of the definition, in another language.
#[test]
fn ring_agrees_with_its_frozen_vectors() {
    let rings = [
        Ring::new(4, 512).unwrap(),
        Ring::new(16, 128).unwrap(),
        Ring::of_nodes([(3, 3), (0, 1), (1, 2), (2, 0)], 64).unwrap(),
    ];
    for (key, columns) in vectors(include_str!("vectors/ring.csv")) {
        for (ring, expected) in rings.iter().zip(columns) {
            assert_eq!(u64::from(shard(ring, key)), expected, "key {key}");
        }
    }
}

/// Made by running django-shard-library.
#[test]
fn django_ring_agrees_with_that_library_to_the_last_key() {
    // The file is one JSON object without an escape, so that it reads as an inline table of TOML
    // once its colons are written as equals signs.
    let json = include_str!("vectors/django-shard-library-ring.json");
    let table: toml::Table = format!("all = {}", json.trim().replace("\": ", "\" = "))
        .parse()
        .unwrap();
    let all = table["all"].as_table().unwrap();
    let mut compared = 0;
    for (name, ring) in all.iter().filter(|(name, _)| *name != "hash") {
        // Names, and in one ring the numbers from 0 to 15.
        let nodes = ring["nodes"].as_array().unwrap().iter();
        let nodes: Vec<String> = nodes
            .map(|node| node.as_str().map_or(node.to_string(), str::to_owned))
            .collect();
        let points = u32::try_from(ring["replica"].as_integer().unwrap()).unwrap();
        let django = DjangoRing::new(&nodes, points).unwrap();
        let keys = ring["keys"].as_array().unwrap();
        let indexes = ring["index"].as_array().unwrap();
        assert_eq!(keys.len(), indexes.len());
        for (key, index) in keys.iter().zip(indexes) {
            let found = shard(&django, key.as_integer().unwrap());
            assert_eq!(
                i64::from(found),
                index.as_integer().unwrap(),
                "{name}: {key}"
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 3 * 70);
}

proptest! {
    #[test]
    fn every_key_has_one_shard(key in any::<i64>()) {
        for (strategy, count) in all_strategies() {
            prop_assert_eq!(strategy.logical_shards(), count);
            let found = shard(&*strategy, key);
            prop_assert!(found < count, "{} of {}", found, count);
            prop_assert_eq!(found, shard(&*strategy, key));
        }
    }

    #[test]
    fn range_follows_its_definition(
        mut bounds in prop::collection::btree_set(-50_i64..50, 0..8),
        key in -60_i64..60,
    ) {
        bounds.remove(&i64::MIN);
        let range = Range::new(bounds.iter().copied()).unwrap();
        let below = bounds.iter().filter(|first| **first <= key).count();
        prop_assert_eq!(shard(&range, key) as usize, below);
    }

    #[test]
    fn modulo_is_the_euclidean_remainder(key in any::<i64>(), count in 1_u32..=65_536) {
        let modulo = Modulo::new(count).unwrap();
        let expected = i128::from(key).rem_euclid(i128::from(count));
        prop_assert_eq!(i128::from(shard(&modulo, key)), expected);
    }
}

#[test]
fn the_edges_of_the_key_space_are_routed() {
    for (strategy, count) in all_strategies() {
        for key in EDGES {
            assert!(shard(&*strategy, key) < count, "{} {key}", strategy.name());
        }
    }
}

#[test]
fn a_bound_is_the_first_key_of_the_next_shard() {
    let range = Range::new([-5, 10, i64::MAX]).unwrap();
    let expected = [(i64::MIN, 0), (-6, 0), (-5, 1), (0, 1), (9, 1), (10, 2)];
    for (key, at) in expected
        .into_iter()
        .chain([(i64::MAX - 1, 2), (i64::MAX, 3)])
    {
        assert_eq!(shard(&range, key), at, "key {key}");
    }
}

#[test]
fn threads_that_share_a_router_agree() {
    for (strategy, _) in all_strategies() {
        let keys = || (-20_000..20_000).chain(EDGES);
        let expected: Vec<u32> = keys().map(|key| shard(&*strategy, key)).collect();
        let router = Router::new(strategy);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let router = router.clone();
                std::thread::spawn(move || -> Result<Vec<u32>> {
                    keys()
                        .map(|key| router.route(&RoutingKey::new(key)))
                        .collect()
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap().unwrap(), expected);
        }
    }
}

#[test]
fn removing_a_ring_node_moves_its_keys_and_no_others() {
    let before = Ring::new(8, 256).unwrap();
    let after = Ring::of_nodes((0..8).filter(|n| *n != 3).map(|n| (n, 1)), 256).unwrap();
    let weightless = Ring::of_nodes((0..8).map(|n| (n, u32::from(n != 3))), 256).unwrap();
    let mut moved = 0;
    for key in -50_000..50_000 {
        let (old, new) = (shard(&before, key), shard(&after, key));
        if old == 3 {
            assert_ne!(new, 3);
            moved += 1;
        } else {
            assert_eq!(old, new, "key {key}");
        }
        assert_eq!(new, shard(&weightless, key));
    }
    assert!((8_000..18_000).contains(&moved), "{moved}");
}

#[test]
fn adding_a_ring_node_moves_keys_to_it_only() {
    let before = Ring::new(8, 256).unwrap();
    let after = Ring::new(9, 256).unwrap();
    let mut moved = 0;
    for key in -50_000..50_000 {
        let (old, new) = (shard(&before, key), shard(&after, key));
        if old != new {
            assert_eq!(new, 8, "key {key}");
            moved += 1;
        }
    }
    assert!((7_000..16_000).contains(&moved), "{moved}");
}

#[test]
fn ring_weights_give_shares_within_five_percent() {
    let weights = [1, 2, 3, 4];
    let ring = Ring::of_nodes((0..).zip(weights), 16_384).unwrap();
    let mut counts = [0_u32; 4];
    for key in 0..1_000_000 {
        counts[shard(&ring, key) as usize] += 1;
    }
    for (count, weight) in counts.into_iter().zip(weights) {
        let share = f64::from(count) / 1_000_000.0 / (f64::from(weight) / 10.0);
        assert!((0.95..1.05).contains(&share), "{counts:?}");
    }
}

/// The chi-square statistic of these keys over `count` shards must be what chance gives: within
/// five standard deviations of its mean, `count - 1`.
fn assert_even(count: u32, keys: impl Iterator<Item = i64>, what: &str) {
    let hash = Hash::new(count).unwrap();
    let mut counts = vec![0_u32; count as usize];
    for key in keys {
        counts[shard(&hash, key) as usize] += 1;
    }
    let expected = f64::from(counts.iter().sum::<u32>()) / f64::from(count);
    let statistic: f64 = counts
        .iter()
        .map(|found| (f64::from(*found) - expected).powi(2) / expected)
        .sum();
    let freedom = f64::from(count - 1);
    assert!(
        (statistic - freedom).abs() < 5.0 * (2.0 * freedom).sqrt(),
        "{what} over {count}: {statistic:.1} for {freedom} degrees of freedom"
    );
}

#[test]
fn hash_is_even_for_the_keys_that_applications_have() {
    for count in [16, 64, 1024] {
        assert_even(count, 0..200_000, "sequential");
        assert_even(count, -200_000..0, "negative");
        let milliseconds = 1_700_000_000_000_i64..1_700_000_050_000;
        let snowflake = milliseconds.flat_map(|ms| (0..4).map(move |seq| ms << 22 | 5 << 12 | seq));
        assert_even(count, snowflake, "snowflake ids");
        for power in 0..=48 {
            // Of 2^14 multiples, so that the largest ones stay below 2^63.
            let multiples = (0..1_i64 << 14).map(|n| n << power);
            assert_even(count, multiples, &format!("multiples of 2^{power}"));
        }
    }
}

#[test]
fn a_region_keeps_its_keys() {
    let regions = [("us", vec![3, 1]), ("eu", vec![0, 2, 4])];
    let region = Region::new(regions).unwrap();
    assert!(region.needs_region());
    let mut seen = [0_u32; 5];
    for key in -1_000..1_000 {
        let us = region.route(&RoutingKey::new(key).in_region("us")).unwrap();
        let eu = region.route(&RoutingKey::new(key).in_region("eu")).unwrap();
        assert!([1, 3].contains(&us) && [0, 2, 4].contains(&eu));
        seen[us as usize] += 1;
        seen[eu as usize] += 1;
    }
    assert!(seen.iter().all(|count| *count > 500), "{seen:?}");
}

#[test]
fn a_key_of_no_region_goes_to_the_default_or_is_refused() {
    let region = || Region::new([("eu", 0..2), ("us", 2..4)]).unwrap();
    for key in [RoutingKey::new(5), RoutingKey::new(5).in_region("mars")] {
        let error = region().route(&key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoShardForKey);
        let message = error.to_string();
        assert!(
            message.contains("key 5") && message.contains("`eu`, `us`"),
            "{message}"
        );
        let with_default = region().with_default("us").unwrap();
        assert!(!with_default.needs_region());
        let expected = RoutingKey::new(5).in_region("us");
        assert_eq!(
            with_default.route(&key).unwrap(),
            with_default.route(&expected).unwrap()
        );
    }
}

#[test]
fn a_pin_stands_over_the_strategy() {
    let pins = Pins::new([(0, 3), (-7, 1), (i64::MIN, 2)]).unwrap();
    let hash = Hash::new(4).unwrap();
    let router = Router::new(Arc::new(hash.clone())).with_pins(pins).unwrap();
    let route = |key| router.route(&RoutingKey::new(key)).unwrap();
    assert_eq!((route(0), route(-7), route(i64::MIN)), (3, 1, 2));
    for key in 1..1_000 {
        assert_eq!(route(key), shard(&hash, key));
    }
}

#[test]
fn a_strategy_that_breaks_its_word_is_an_error() {
    #[derive(Debug)]
    struct Beyond;
    impl Strategy for Beyond {
        fn name(&self) -> &str {
            "beyond"
        }
        fn logical_shards(&self) -> u32 {
            2
        }
        fn route(&self, _: &RoutingKey<'_>) -> Result<u32> {
            Ok(2)
        }
    }
    let error = Router::new(Arc::new(Beyond))
        .route(&RoutingKey::new(1))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoShardForKey);
    assert!(error.to_string().contains("`beyond`"), "{error}");
}

#[test]
fn what_cannot_be_a_strategy_is_refused_with_the_reason() {
    fn reason<T: std::fmt::Debug>(result: Result<T>) -> String {
        let error: Error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        error.to_string()
    }
    let none: [&str; 0] = [];
    for (reason, part) in [
        (reason(Hash::new(0)), "logical shards is 0"),
        (reason(Hash::new(65_537)), "logical shards is 65537"),
        (reason(Modulo::new(0)), "logical shards is 0"),
        (reason(Range::new([1, 3, 2])), "bound 2 follows 3"),
        (reason(Range::new([1, 1])), "duplicate bound 1"),
        (reason(Range::new([i64::MIN])), "shard 0 would own no key"),
        (reason(Ring::new(0, 512)), "logical shards is 0"),
        (reason(Ring::new(4, 0)), "`virtual_nodes` is 0"),
        (
            reason(Ring::of_nodes([(0, 0), (1, 0)], 8)),
            "all weights are 0",
        ),
        (
            reason(Ring::of_nodes([(1, 1), (1, 2)], 8)),
            "duplicate shard 1",
        ),
        (
            reason(Ring::of_nodes([(0, u32::MAX)], u32::MAX)),
            "more than 8388608 points",
        ),
        (
            reason(Ring::of_nodes([(u32::MAX, 1)], 1)),
            "logical shards is 4294967296",
        ),
        (reason(DjangoRing::new(none, 512)), "logical shards is 0"),
        (reason(DjangoRing::new(["a"], 0)), "`virtual_nodes` is 0"),
        (
            reason(DjangoRing::new(["a"], u32::MAX)),
            "more than 8388608 points",
        ),
        (
            reason(Region::new([("eu", [0, 1]), ("us", [1, 2])])),
            "shard 1 is in the regions",
        ),
        (
            reason(Region::new([("eu", [0, 0])])),
            "shard 0 is twice in the region `eu`",
        ),
        (
            reason(Region::new([("eu", [0]), ("us", [2])])),
            "shard 1 is in no region",
        ),
        (reason(Region::new([("eu", 0..0)])), "`eu` has no shards"),
        (
            reason(Region::new([("eu", [0]), ("eu", [1])])),
            "duplicate region `eu`",
        ),
        (
            reason(Region::new([("", [0])])),
            "a region has an empty name",
        ),
        (
            reason(Region::new::<&str, [u32; 1]>([])),
            "logical shards is 0",
        ),
        (
            reason(Region::new([("eu", [0])]).unwrap().with_default("us")),
            "not one of the regions `eu`",
        ),
        (reason(Pins::new([(5, 1), (5, 1)])), "key 5 is pinned twice"),
        (
            reason(
                Router::new(Arc::new(Hash::new(4).unwrap()))
                    .with_pins(Pins::new([(9, 4)]).unwrap()),
            ),
            "key 9 is pinned to shard 4, but the shards are 0 to 3",
        ),
    ] {
        assert!(reason.contains(part), "{reason}");
    }
}
