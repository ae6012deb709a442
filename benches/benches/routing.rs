//! What it costs to find a key's logical shard, for each strategy, through `Router::route`.
//!
//! Goals: `hash` within 3 ns, 1,024 explicit ranges within 6 ns, `ring` of 16 nodes with 512 points
//! each within 60 ns. Keys are
//! random: with equal or rising ones the branches of a search would be foreseen. Strategies
//! alternate, round by round; the median of all rounds counts.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use shard_orm::route::{
    DjangoRing, Hash, Modulo, Pins, Range, Ranges, Region, Ring, Router, RoutingKey, Strategy,
    mix64,
};

const SHARDS: u32 = 16;
const POINTS: u32 = 512;

const ROUNDS: usize = 51;
/// Few enough to stay in the processor's cache, enough to be unforeseen.
const KEYS: u64 = 1_024;
const PASSES: u64 = 100;

fn main() {
    let strategies = [
        ("hash", router(Hash::new(SHARDS).unwrap())),
        ("hash, 1000 other keys pinned", pinned()),
        ("hash, 1024 shards, one split", split()),
        ("hash, 1024 random ranges", random_ranges()),
        ("modulo", router(Modulo::new(SHARDS).unwrap())),
        ("range", range(SHARDS)),
        ("range, 1024 shards", range(1_024)),
        ("region, 4 of 4 shards each", region()),
        (
            "ring, 512 points",
            router(Ring::new(SHARDS, POINTS).unwrap()),
        ),
        ("django ring, 512 points", django_ring()),
    ];
    let keys: Vec<RoutingKey> = (1..=KEYS)
        .map(|seed| RoutingKey::new(mix64(seed).cast_signed()).in_region("us"))
        .collect();
    let mut nanos: Vec<Vec<f64>> = vec![Vec::new(); strategies.len()];
    for round in 0..=ROUNDS {
        for ((_, router), nanos) in strategies.iter().zip(&mut nanos) {
            let took = route_all(router, &keys);
            // The first round fills caches.
            if round > 0 {
                nanos.push(took);
            }
        }
    }
    println!(
        "\n{:<32}{:>10}{:>10}",
        "16 shards, ns a key", "median", "best"
    );
    for ((name, _), mut nanos) in strategies.iter().zip(nanos) {
        nanos.sort_unstable_by(f64::total_cmp);
        println!("{name:<32}{:>10.2}{:>10.2}", nanos[ROUNDS / 2], nanos[0]);
    }
}

/// Routes all keys several times; nanoseconds a key.
fn route_all(router: &Router, keys: &[RoutingKey]) -> f64 {
    let begun = Instant::now();
    let mut sum = 0_u64;
    for _ in 0..PASSES {
        for key in keys {
            sum += u64::from(black_box(router).route(black_box(key)).unwrap());
        }
    }
    black_box(sum);
    begun.elapsed().as_secs_f64() * 1e9 / (PASSES * KEYS) as f64
}

fn router(strategy: impl Strategy) -> Router {
    Router::new(Arc::new(strategy))
}

fn pinned() -> Router {
    let pins = Pins::new((0..1_000).map(|key| (key, 3))).unwrap();
    router(Hash::new(SHARDS).unwrap()).with_pins(pins).unwrap()
}

/// 1,023 equal ranges, of which one was split in two.
fn split() -> Router {
    let ranges = Hash::new(1_023).unwrap().ranges();
    let middle = ranges.of(7).next().unwrap();
    let middle = middle.start() + (middle.end() - middle.start()) / 2;
    let ranges = ranges.split(7, middle, 1_023).unwrap();
    router(Hash::with_ranges(1_024, ranges).unwrap())
}

/// Ranges as uneven as random splits make them.
fn random_ranges() -> Router {
    let starts = (1..1_024).map(|shard| (mix64(u64::from(shard) << 20), shard));
    let ranges = Ranges::new(starts.chain([(0, 0)])).unwrap();
    router(Hash::with_ranges(1_024, ranges).unwrap())
}

fn range(shards: u32) -> Router {
    let width = i64::MAX / i64::from(shards) * 2;
    let bounds = (1..i64::from(shards)).map(|shard| i64::MIN + shard * width);
    router(Range::new(bounds).unwrap())
}

fn region() -> Router {
    let shards = |from: u32| (from..from + 4).collect::<Vec<u32>>();
    let regions = [("ap", 0), ("eu", 4), ("sa", 8), ("us", 12)];
    router(Region::new(regions.map(|(name, from)| (name, shards(from)))).unwrap())
}

fn django_ring() -> Router {
    let names = (0..SHARDS).map(|shard| format!("product_{shard}"));
    router(DjangoRing::new(names, POINTS).unwrap())
}
