//! A fingerprint of a group's routing, which can be stored and compared.
//!
//! Computed once per topology by `build`. The records of namespaces hold it; `connect` compares the
//! two at the first use of a namespace, and `setup` before it creates anything.

use std::fmt::Write as _;

use blake2::{Blake2b512, Digest};

use crate::config::StrategyConfig;
use crate::route::{Pins, Router, RoutingKey, mix64};

/// The version of the routing functions and of this fingerprint.
const VERSION: &str = "1";
/// The number of pseudo-random keys that are routed to fingerprint a custom strategy.
const SAMPLES: u64 = 256;
/// The maximum length of a stored strategy, in characters.
const LONGEST: usize = 1_000;
/// The end of a stored strategy that was truncated.
pub(crate) const CUT: &str = "..";
/// The length of a digest, in bytes.
const DIGEST: usize = 16;

/// A fingerprint of a group's routing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// The number of logical shards.
    pub(crate) logical_shards: u32,
    /// The strategy as written in a configuration file, in its shortest form, for people; long
    /// ones are truncated.
    pub(crate) strategy: String,
    /// A digest of the number of logical shards, the strategy and its parameters, the type of the
    /// keys, and the shards of sample keys.
    pub(crate) routing: String,
    /// A digest of the pins.
    pub(crate) pins: String,
    /// The digests `routing` of earlier topologies. A logical shard whose keys have changed since then has a
    /// new generation, so that a record of one of these routings is as good.
    pub(crate) former: Vec<String>,
}

impl Fingerprint {
    /// Computed from a strategy, the template of namespace names (by which one strategy routes),
    /// and their router.
    pub(super) fn new(strategy: &StrategyConfig, template: &str, router: &Router) -> Self {
        let described = strategy.canonical(router.logical_shards()).to_string();
        let names = match strategy {
            StrategyConfig::DjangoRing { .. } => template,
            _ => "",
        };
        let keys = match strategy {
            StrategyConfig::Region { .. } | StrategyConfig::RegionRanges { .. } => "region, i64",
            _ => "i64",
        };
        let samples = samples(router);
        let count = router.logical_shards().to_string();
        Self {
            logical_shards: router.logical_shards(),
            routing: digest(&[VERSION, &count, &described, names, keys, &samples]),
            strategy: cut(described),
            pins: digest_of_pins(router.pins()),
            former: Vec::new(),
        }
    }

    /// The same, of a group with these earlier routings.
    pub(super) fn with_former(mut self, former: &[String]) -> Self {
        self.former = former.to_vec();
        self
    }

    /// Whether a namespace whose record has this routing holds the keys that the topology expects.
    pub(crate) fn accepts(&self, routing: &str) -> bool {
        self.routing == routing || self.former.iter().any(|former| former == routing)
    }
}

/// A digest of the pins; equal for equal sets.
fn digest_of_pins(pins: &Pins) -> String {
    let mut text = String::new();
    for (key, shard) in pins.iter() {
        // Writing to a string does not fail.
        let _ = write!(text, "{key}={shard},");
    }
    digest(&[VERSION, &text])
}

/// The shards of sample keys, regardless of pins: for a strategy in code, nothing else is known.
fn samples(router: &Router) -> String {
    let edges = [i64::MIN, -2, -1, 0, 1, 2, i64::MAX];
    let random = (1..=SAMPLES).map(|number| mix64(number).cast_signed());
    let mut text = String::new();
    for key in edges.into_iter().chain(random) {
        let _ = match router.strategy().route(&RoutingKey::new(key)) {
            Ok(shard) => write!(text, "{shard},"),
            Err(_) => write!(text, "-,"),
        };
    }
    text
}

/// The first bytes of BLAKE2b-512 (RFC 7693) of the parts with their lengths, in hexadecimal.
fn digest(parts: &[&str]) -> String {
    let mut hash = Blake2b512::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let bytes = hash.finalize();
    let mut text = String::with_capacity(2 * DIGEST);
    for byte in bytes.iter().take(DIGEST) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn cut(described: String) -> String {
    if described.chars().count() <= LONGEST {
        return described;
    }
    let mut text: String = described.chars().take(LONGEST).collect();
    text.push_str(CUT);
    text
}

#[cfg(all(test, feature = "sqlite"))]
#[allow(clippy::unwrap_used, clippy::single_range_in_vec_init)]
mod tests {
    use crate::config::{Config, Group, RegionShards, Server, StrategyConfig};
    use crate::route::{Ranges, RoutingKey, Strategy};

    use super::Fingerprint;

    fn of(group: Group) -> Fingerprint {
        let group = group.server(Server::new("a", "sqlite://data/a"));
        let topology = Config::new("c").group("g", group).topology().unwrap();
        Fingerprint::clone(topology.groups()[0].fingerprint())
    }

    #[derive(Debug)]
    struct Custom(fn(i64) -> u32);

    impl Strategy for Custom {
        fn name(&self) -> &str {
            "custom"
        }

        fn logical_shards(&self) -> u32 {
            4
        }

        fn route(&self, key: &RoutingKey<'_>) -> crate::Result<u32> {
            Ok((self.0)(key.key))
        }
    }

    fn hash_ranges(starts: &[(u64, u32)]) -> StrategyConfig {
        let ranges = Ranges::new(starts.iter().copied()).unwrap();
        StrategyConfig::HashRanges { ranges }
    }

    fn key_ranges(starts: &[(i64, u32)]) -> StrategyConfig {
        let ranges = Ranges::new(starts.iter().copied()).unwrap();
        StrategyConfig::KeyRanges { ranges }
    }

    /// Runs of the region `eu`, and shards 2 and 3 of `us`, of which the latter begins at a
    /// sixteenth of all hashes.
    fn region_ranges(eu: Vec<std::ops::Range<u32>>, sixteenth: u64) -> StrategyConfig {
        let us = Ranges::new([(0, 2), (sixteenth << 60, 3)]).unwrap();
        let us = ("us".to_owned(), RegionShards::Ranges(us));
        StrategyConfig::RegionRanges {
            regions: vec![us, ("eu".to_owned(), RegionShards::Even(eu))],
            default: None,
        }
    }

    #[test]
    fn different_routing_has_different_fingerprints() {
        let ring = |virtual_nodes, weights| StrategyConfig::Ring {
            virtual_nodes,
            weights,
        };
        let regions = |default: Option<&str>, eu: u32| StrategyConfig::Region {
            regions: vec![("eu".into(), vec![0..eu]), ("us".into(), vec![eu..4])],
            default: default.map(str::to_owned),
        };
        let four = || Group::new(4);
        let range = |last| {
            four().strategy(StrategyConfig::Range {
                bounds: vec![10, 20, last],
            })
        };
        let django = || StrategyConfig::DjangoRing { virtual_nodes: 8 };
        let all = [
            four(),
            Group::new(8),
            four().strategy(StrategyConfig::Modulo),
            range(30),
            range(31),
            four().strategy(ring(8, None)),
            four().strategy(ring(9, None)),
            four().strategy(ring(8, Some(vec![1, 2, 1, 1]))),
            four().strategy(django()),
            four().strategy(django()).namespace("other_{shard}"),
            four().strategy(regions(None, 2)),
            four().strategy(regions(Some("eu"), 2)),
            four().strategy(regions(None, 3)),
            four().strategy(hash_ranges(&[
                (0, 0),
                (1 << 62, 1),
                (2 << 62, 2),
                (5 << 61, 3),
            ])),
            four().strategy(hash_ranges(&[
                (0, 1),
                (1 << 62, 0),
                (2 << 62, 2),
                (3 << 62, 3),
            ])),
            four().strategy(hash_ranges(&[(0, 0), (1 << 63, 1)])),
            Group::new(5).strategy(hash_ranges(&[
                (0, 0),
                (1 << 62, 1),
                (2 << 62, 2),
                (3 << 62, 3),
            ])),
            four().strategy(key_ranges(&[(i64::MIN, 0), (10, 1), (20, 3), (30, 2)])),
            four().strategy(key_ranges(&[
                (i64::MIN, 0),
                (10, 1),
                (20, 2),
                (31, 3),
                (32, 2),
            ])),
            four().strategy(region_ranges(vec![0..2], 2)),
            four().strategy(region_ranges(vec![0..2], 3)),
            four().strategy(Custom(|key| u32::from(key % 2 == 0))),
            four().strategy(Custom(|key| u32::from(key % 3 == 0))),
        ]
        .map(of);
        for (position, one) in all.iter().enumerate() {
            for other in &all[position + 1..] {
                assert_ne!(one.routing, other.routing, "{one:?}");
            }
        }
        assert_ne!(of(four()).pins, of(four().pin(7, 3)).pins);
        assert_ne!(of(four().pin(7, 2)).pins, of(four().pin(7, 3)).pins);
        assert_eq!(of(four()).routing, of(four().pin(7, 3)).routing);
    }

    #[test]
    fn equal_routing_has_equal_fingerprints() {
        let weights = StrategyConfig::Ring {
            virtual_nodes: 8,
            weights: Some(vec![1; 4]),
        };
        let none = StrategyConfig::Ring {
            virtual_nodes: 8,
            weights: None,
        };
        assert_eq!(
            of(Group::new(4).strategy(weights)),
            of(Group::new(4).strategy(none))
        );
        let regions = |runs: Vec<std::ops::Range<u32>>| {
            let us = ("us".to_owned(), vec![3..4]);
            let regions = vec![us, ("eu".to_owned(), runs)];
            of(Group::new(4).strategy(StrategyConfig::Region {
                regions,
                default: None,
            }))
        };
        assert_eq!(regions(vec![0..3]), regions(vec![2..3, 0..2]));
        assert_eq!(
            of(Group::new(4).pin(1, 2).pin(7, 3)),
            of(Group::new(4).pin(7, 3).pin(1, 2))
        );
        assert_eq!(
            of(Group::new(4)),
            of(Group::new(4).namespace("other_{shard}"))
        );
    }

    #[test]
    fn spelled_out_even_ranges_have_the_fingerprint_of_the_even_ones() {
        for count in [1, 2, 3, 16, 1_000] {
            let ranges = Ranges::even(0..count).unwrap();
            let explicit = StrategyConfig::HashRanges { ranges };
            assert_eq!(
                of(Group::new(count).strategy(explicit)),
                of(Group::new(count))
            );
        }
        let bounds = StrategyConfig::Range {
            bounds: vec![10, 20, 30],
        };
        let explicit = key_ranges(&[(i64::MIN, 0), (10, 1), (20, 2), (30, 3)]);
        assert_eq!(
            of(Group::new(4).strategy(explicit)),
            of(Group::new(4).strategy(bounds))
        );
        let even = StrategyConfig::Region {
            regions: vec![("eu".into(), vec![0..2]), ("us".into(), vec![2..4])],
            default: None,
        };
        let explicit = of(Group::new(4).strategy(region_ranges(vec![1..2, 0..1], 8)));
        assert_eq!(explicit, of(Group::new(4).strategy(even)));
        // Shard 4 is unused: the two cannot be compared by runs alone.
        let unused = of(Group::new(5).strategy(region_ranges(vec![0..2], 8)));
        assert_ne!(unused.routing, explicit.routing);
        let eu = RegionShards::Ranges(Ranges::even([0, 1]).unwrap());
        let us = RegionShards::Ranges(Ranges::even([2, 3]).unwrap());
        let spelled_out = StrategyConfig::RegionRanges {
            regions: vec![("eu".into(), eu), ("us".into(), us)],
            default: None,
        };
        assert_eq!(of(Group::new(5).strategy(spelled_out)), unused);
    }

    /// Stored in every namespace: a change of the format would invalidate all of them. Computed by
    /// Python's `hashlib.blake2b`.
    #[test]
    fn fingerprints_are_frozen() {
        let hash = of(Group::new(16).pin(42, 3));
        assert_eq!(hash.strategy, "\"hash\"");
        assert_eq!(hash.routing, "8268e7573d6a6fc78a2f77af3978af3c");
        assert_eq!(hash.pins, "fa455fd923bec1ab41ce6aa0990669d7");
        let uneven = of(Group::new(3).strategy(hash_ranges(&[(0, 2), (1 << 63, 0)])));
        assert_eq!(
            uneven.strategy,
            "{ type = \"hash\", ranges = { 0000000000000000 = 2, 8000000000000000 = 0 } }"
        );
        assert_eq!(uneven.routing, "9ff01af66772534b88cc67ecb21ed3a7");
    }
}
