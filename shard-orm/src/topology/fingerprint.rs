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
/// The length of a digest, in bytes.
const DIGEST: usize = 16;

/// A fingerprint of a group's routing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// The number of logical shards.
    pub(crate) logical_shards: u32,
    /// The strategy as written in a configuration file, for people; long ones are truncated.
    pub(crate) strategy: String,
    /// A digest of the number of logical shards, the strategy and its parameters, the type of the
    /// keys, and the shards of sample keys.
    pub(crate) routing: String,
    /// A digest of the pins.
    pub(crate) pins: String,
}

impl Fingerprint {
    /// Computed from a strategy, the template of namespace names (by which one strategy routes),
    /// and their router.
    pub(super) fn new(strategy: &StrategyConfig, template: &str, router: &Router) -> Self {
        let described = strategy.to_string();
        let names = match strategy {
            StrategyConfig::DjangoRing { .. } => template,
            _ => "",
        };
        let keys = if matches!(strategy, StrategyConfig::Region { .. }) {
            "region, i64"
        } else {
            "i64"
        };
        let samples = samples(router);
        let count = router.logical_shards().to_string();
        Self {
            logical_shards: router.logical_shards(),
            routing: digest(&[VERSION, &count, &described, names, keys, &samples]),
            strategy: cut(described),
            pins: digest_of_pins(router.pins()),
        }
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
    text.push_str("..");
    text
}

#[cfg(all(test, feature = "sqlite"))]
#[allow(clippy::unwrap_used, clippy::single_range_in_vec_init)]
mod tests {
    use crate::config::{Config, Group, Server, StrategyConfig};
    use crate::route::{RoutingKey, Strategy};

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

    /// Stored in every namespace: a change of the format would invalidate all of them. Computed by
    /// Python's `hashlib.blake2b`.
    #[test]
    fn fingerprints_are_frozen() {
        let hash = of(Group::new(16).pin(42, 3));
        assert_eq!(hash.strategy, "\"hash\"");
        assert_eq!(hash.routing, "8268e7573d6a6fc78a2f77af3978af3c");
        assert_eq!(hash.pins, "fa455fd923bec1ab41ce6aa0990669d7");
    }
}
