//! Explicit ranges in a file: what they give, and what each mistake is answered with.

#![allow(clippy::single_range_in_vec_init)] // Runs of shards are lists of ranges.

use proptest::prelude::*;
use shard_orm::config::RegionShards;
use shard_orm::route::{MAX_LOGICAL_SHARDS, Ranges, mix64};

use crate::*;

/// The configuration with this strategy, each line from line 13 on.
fn with_strategy(lines: &str) -> String {
    shop(&[(12, &format!("[groups.shop.strategy]\n{lines}"))])
}

fn hash_lines(ranges: &[(u64, u32)]) -> String {
    let lines = ranges
        .iter()
        .map(|(first, shard)| format!("{first:016x} = {shard}\n"));
    format!(
        "type = 'hash'\n[groups.shop.strategy.ranges]\n{}",
        lines.collect::<String>()
    )
}

fn route(topology: &Topology, key: &RoutingKey<'_>) -> u32 {
    topology.groups()[0].router().route(key).unwrap()
}

#[test]
fn a_hash_is_divided_by_ranges() {
    let text = with_strategy(&hash_lines(&[(0, 3), (1 << 62, 15), (3 << 62, 3)]));
    let topology = topology(&text);
    for key in 0..100_i64 {
        let hash = mix64(key.cast_unsigned());
        let expected = if (1 << 62..3 << 62).contains(&hash) {
            15
        } else {
            3
        };
        assert_eq!(route(&topology, &RoutingKey::new(key)), expected);
    }
    let group = &topology.groups()[0];
    assert_eq!(group.logical_shards(), 16);
    assert_eq!(group.shards().collect::<Vec<_>>(), [3, 15]);
    assert!(group.placement(3).is_some() && group.placement(4).is_none());
    // An unused shard changes the placement of no other.
    let expected = [("a".to_owned(), vec![3]), ("b".to_owned(), vec![15])];
    assert_eq!(shares(&topology, "shop"), expected);
}

#[test]
fn keys_are_divided_by_ranges() {
    let lines = "type = 'range'\nranges = { min = 2, -5 = 0, '100' = 15 }";
    let topology = topology(&with_strategy(lines));
    for (key, shard) in [
        (i64::MIN, 2),
        (-6, 2),
        (-5, 0),
        (99, 0),
        (100, 15),
        (i64::MAX, 15),
    ] {
        assert_eq!(route(&topology, &RoutingKey::new(key)), shard, "{key}");
    }
}

#[test]
fn a_region_is_divided_by_ranges() {
    let lines = "type = 'region'\ndefault = 'us'\n[groups.shop.strategy.regions]\nus = '2..16'\n\
                 [groups.shop.strategy.regions.eu]\n0000000000000000 = 0\nFFFFFFFFFFFFFFFF = 1";
    let topology = topology(&with_strategy(lines));
    assert_eq!(topology.groups()[0].shards().count(), 16);
    let eu = |key| route(&topology, &RoutingKey::new(key).in_region("eu"));
    assert!((0..100).all(|key| eu(key) == 0));
    let even = Ranges::even(2..16).unwrap();
    for key in 0..100_i64 {
        let expected = even.owner(mix64(key.cast_unsigned()));
        assert_eq!(route(&topology, &RoutingKey::new(key)), expected);
    }
}

#[test]
fn a_pin_puts_an_unused_shard_to_use() {
    let mut text = with_strategy(&hash_lines(&[(0, 0)]));
    text.push_str("[groups.shop.pins]\n42 = 7");
    let topology = topology(&text);
    assert_eq!(topology.groups()[0].shards().collect::<Vec<_>>(), [0, 7]);
    assert_eq!(route(&topology, &RoutingKey::new(42)), 7);
}

#[test]
fn servers_need_not_list_unused_shards() {
    let ranges = hash_lines(&[(0, 0), (1 << 63, 9)]);
    for shards in [["'0..4'", "'8..16'"], ["'0..8'", "'8..16'"], ["0", "9"]] {
        let mut text = with_strategy(&ranges);
        for (server, shards) in [
            ("'sqlite://data/a'", shards[0]),
            ("'sqlite://data/b'", shards[1]),
        ] {
            text = text.replace(server, &format!("{server}\nshards = {shards}"));
        }
        let shards = shares(&topology(&text), "shop");
        assert_eq!(
            shards,
            [("a".to_owned(), vec![0]), ("b".to_owned(), vec![9])]
        );
    }
    let text = with_strategy(&ranges)
        .replace("'sqlite://data/a'", "'sqlite://data/a'\nshards = '1..8'")
        .replace("'sqlite://data/b'", "'sqlite://data/b'\nshards = '8..16'");
    assert_problems(
        &text,
        &[("groups.shop.servers", 5, "no server has the shards 0..1")],
    );
}

#[test]
fn each_mistake_of_ranges_has_its_line() {
    let at = "groups.shop.strategy.ranges";
    let lines = "type = 'hash'\n[groups.shop.strategy.ranges]\n0000000000000000 = 'x'\n\
                 40000000 = 1\nABCDEF0000000000 = 2\nabcdef0000000000 = 3\n'-1' = 1.5";
    let path = |key: &str| format!("{at}.{key}");
    assert_problems(
        &with_strategy(lines),
        &[
            (
                &path("0000000000000000"),
                15,
                "this is a string; write a whole number",
            ),
            (
                &path("40000000"),
                16,
                "`40000000` is not a hash; write 16 hexadecimal digits",
            ),
            (
                &path("abcdef0000000000"),
                18,
                "two ranges begin at abcdef0000000000",
            ),
            (&path("-1"), 19, "a number with a fraction"),
            (&path("-1"), 19, "is not a hash"),
        ],
    );
    let lines = hash_lines(&[(1 << 62, 1), (2 << 62, 16), (3 << 62, 16)]);
    assert_problems(
        &with_strategy(&lines),
        &[(
            at,
            14,
            "everything below 4000000000000000 has no logical shard",
        )],
    );
    let lines = hash_lines(&[
        (0, 1),
        (1 << 62, 16),
        (2 << 62, 16),
        (3 << 62, 4_000_000_000),
    ]);
    assert_problems(
        &with_strategy(&lines),
        &[
            (
                &path("4000000000000000"),
                16,
                "belongs to shard 16, which exceeds the last logical shard, 15",
            ),
            (&path("c000000000000000"), 18, "shard 4000000000"),
        ],
    );
    assert_problems(
        &with_strategy("type = 'hash'\nranges = {}"),
        &[(at, 14, "there are no ranges")],
    );
    assert_problems(
        &with_strategy("type = 'hash'\nranges = 'x'"),
        &[(at, 14, "write a table")],
    );
    let modulo = with_strategy("type = 'modulo'\nranges = {}");
    assert_problems(&modulo, &[(at, 14, "unknown key `ranges`")]);
}

#[test]
fn mistakes_of_key_ranges_have_their_lines() {
    let at = "groups.shop.strategy.ranges";
    let lines = |lines: &str| with_strategy(&format!("type = 'range'\n[{at}]\n{lines}"));
    assert_problems(
        &lines("min = 0\nten = 1\n-9223372036854775808 = 2"),
        &[
            (&format!("{at}.min"), 15, "two ranges begin at min"),
            (
                &format!("{at}.ten"),
                16,
                "`ten` is not a key; write a whole number, or `min`",
            ),
        ],
    );
    assert_problems(
        &lines("0 = 1"),
        &[(at, 14, "add a range that begins at min")],
    );
    let both = with_strategy("type = 'range'\nbounds = [1]\nranges = { min = 0 }");
    assert_problems(&both, &[(at, 15, "both `bounds` and `ranges`")]);
    let neither = with_strategy("type = 'range'");
    assert_problems(
        &neither,
        &[("groups.shop.strategy.bounds", 12, "`bounds` is missing")],
    );
}

#[test]
fn mistakes_of_regions_have_their_lines() {
    let regions = "groups.shop.strategy.regions";
    let lines = |us: &str, eu: &str| {
        with_strategy(&format!(
            "type = 'region'\n[{regions}]\nus = {us}\n[{regions}.eu]\n{eu}"
        ))
    };
    let eu = "0000000000000000 = 0\n8000000000000000 = 1";
    assert_problems(
        &lines("['2..17', '3..3']", "8000000000000000 = 99"),
        &[(
            &format!("{regions}.eu"),
            16,
            "everything below 8000000000000000",
        )],
    );
    assert_problems(
        &lines("['2..17', '3..3']", "0000000000000000 = 99"),
        &[
            (
                &format!("{regions}.us"),
                15,
                "2..17 exceeds the last logical shard",
            ),
            (&format!("{regions}.us"), 15, "3..3 is empty"),
            (
                &format!("{regions}.eu.0000000000000000"),
                17,
                "belongs to shard 99",
            ),
        ],
    );
    assert_problems(
        &lines("['1..3']", eu),
        &[(regions, 14, "shard 1 is in the regions `eu` and `us`")],
    );
    assert_problems(
        &lines("[2, 2]", eu),
        &[(&format!("{regions}.us"), 15, "shard 2 is listed twice")],
    );
    let default = lines("2", eu).replace("'region'", "'region'\ndefault = 'mars'");
    assert_problems(&default, &[("groups.shop.strategy.default", 14, "`mars`")]);
}

#[test]
fn ranges_in_code_are_checked() {
    let group = |strategy| {
        Config::new("x").group(
            "g",
            Group::new(2)
                .strategy(strategy)
                .server(Server::new("a", "sqlite://a")),
        )
    };
    let ranges = Ranges::new([(0, 0), (7, 2)]).unwrap();
    let part = "belongs to shard 2, which exceeds the last logical shard, 1";
    let hash = StrategyConfig::HashRanges {
        ranges: ranges.clone(),
    };
    let path = "groups.g.strategy.ranges.0000000000000007";
    assert_problems_in_code(&group(hash), &[(path, part)]);
    let keys = Ranges::new([(i64::MIN, 0), (7, 2)]).unwrap();
    let keys = StrategyConfig::KeyRanges { ranges: keys };
    assert_problems_in_code(&group(keys), &[("groups.g.strategy.ranges.7", part)]);
    let regions = vec![
        ("eu".to_owned(), RegionShards::Ranges(ranges)),
        ("us".to_owned(), RegionShards::Even(Vec::new())),
    ];
    let regions = StrategyConfig::RegionRanges {
        regions,
        default: None,
    };
    assert_problems_in_code(
        &group(regions),
        &[
            ("groups.g.strategy.regions.eu.0000000000000007", part),
            ("groups.g.strategy.regions.us", "no shards"),
        ],
    );
}

fn hash_ranges() -> impl Strategy<Value = Ranges<u64>> {
    prop::collection::btree_map(any::<u64>(), 0_u32..16, 0..40).prop_map(|mut starts| {
        starts.insert(0, 3);
        Ranges::new(starts).unwrap()
    })
}

fn strategies() -> impl Strategy<Value = StrategyConfig> {
    let keys = prop::collection::btree_map(any::<i64>(), 0_u32..16, 0..40);
    let keys = keys.prop_map(|mut starts| {
        starts.insert(i64::MIN, 3);
        let ranges = Ranges::new(starts).unwrap();
        StrategyConfig::KeyRanges { ranges }
    });
    let default = prop_oneof![Just(None), Just(Some("eu".to_owned()))];
    let regions = (hash_ranges(), default).prop_map(|(ranges, default)| {
        let free = (0..16).find(|shard| !ranges.shards().contains(shard));
        let others = free.map(|shard| vec![shard..shard + 1]);
        let others = others.map(|runs| ("us, \"too\"".to_owned(), RegionShards::Even(runs)));
        let eu = ("eu".to_owned(), RegionShards::Ranges(ranges));
        let regions = std::iter::once(eu).chain(others).collect();
        StrategyConfig::RegionRanges { regions, default }
    });
    prop_oneof![
        hash_ranges().prop_map(|ranges| StrategyConfig::HashRanges { ranges }),
        keys,
        regions
    ]
}

/// The strategy of the only group, as `Debug` shows it.
fn strategy_of(config: &Config) -> String {
    let text = format!("{config:?}");
    let (_, rest) = text.split_once("strategy: ").unwrap();
    rest.split_once(", pins: ").unwrap().0.to_owned()
}

proptest! {
    #[test]
    fn the_notation_gives_the_strategy_back(strategy in strategies()) {
        let text = strategy.to_string();
        let read = Config::from_toml(&shop(&[(4, &format!("strategy = {text}"))])).unwrap();
        prop_assert_eq!(strategy_of(&read), format!("{strategy:?}"));
    }
}

#[test]
fn a_file_of_many_ranges_is_read() {
    let count = 1_024;
    let ranges = Ranges::even(0..count).unwrap();
    let lines: Vec<(u64, u32)> = ranges.starts().collect();
    let text =
        with_strategy(&hash_lines(&lines)).replace("logical_shards = 16", "logical_shards = 1024");
    let topology = topology(&text);
    assert!(count < MAX_LOGICAL_SHARDS);
    let even = Hash::new(count).unwrap();
    for key in 0..1_000 {
        let key = RoutingKey::new(key);
        let expected = shard_orm::route::Strategy::route(&even, &key).unwrap();
        assert_eq!(route(&topology, &key), expected);
    }
}
