//! What it costs to find a key's logical shard, for each strategy, through `Router::route`.
//!
//! Goals: `hash` within 3 ns, `ring` of 16 nodes with 512 points each within 60 ns. Keys are
//! random: with equal or rising ones the branches of a search would be foreseen.

use std::sync::Arc;

use divan::{Bencher, black_box};
use shard_orm::route::{
    DjangoRing, Hash, Modulo, Pins, Range, Region, Ring, Router, RoutingKey, Strategy, mix64,
};

const SHARDS: u32 = 16;
const POINTS: u32 = 512;

fn main() {
    divan::main();
}

/// Measures one call of `route` with a random key.
fn route(bencher: Bencher, router: &Router, region: Option<&'static str>) {
    let mut state = 0_u64;
    bencher
        .with_inputs(|| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            RoutingKey {
                region,
                key: mix64(state).cast_signed(),
            }
        })
        .bench_local_values(|key| black_box(router).route(black_box(&key)));
}

fn router(strategy: impl Strategy) -> Router {
    Router::new(Arc::new(strategy))
}

#[divan::bench]
fn hash(bencher: Bencher) {
    route(bencher, &router(Hash::new(SHARDS).unwrap()), None);
}

/// A thousand keys are pinned, none of them is asked for.
#[divan::bench]
fn hash_with_1000_pins(bencher: Bencher) {
    let pins = Pins::new((0..1_000).map(|key| (key, 3))).unwrap();
    let router = router(Hash::new(SHARDS).unwrap()).with_pins(pins).unwrap();
    route(bencher, &router, None);
}

#[divan::bench]
fn modulo(bencher: Bencher) {
    route(bencher, &router(Modulo::new(SHARDS).unwrap()), None);
}

#[divan::bench]
fn range(bencher: Bencher) {
    let width = i64::MAX / i64::from(SHARDS) * 2;
    let bounds = (1..i64::from(SHARDS)).map(|shard| i64::MIN + shard * width);
    route(bencher, &router(Range::new(bounds).unwrap()), None);
}

#[divan::bench]
fn region(bencher: Bencher) {
    let shards = |from: u32| (from..from + 4).collect::<Vec<u32>>();
    let regions = [("ap", 0), ("eu", 4), ("sa", 8), ("us", 12)];
    let strategy = Region::new(regions.map(|(name, from)| (name, shards(from)))).unwrap();
    route(bencher, &router(strategy), Some("us"));
}

#[divan::bench]
fn ring(bencher: Bencher) {
    route(bencher, &router(Ring::new(SHARDS, POINTS).unwrap()), None);
}

#[divan::bench]
fn django_ring(bencher: Bencher) {
    let names = (0..SHARDS).map(|shard| format!("product_{shard}"));
    route(
        bencher,
        &router(DjangoRing::new(names, POINTS).unwrap()),
        None,
    );
}
