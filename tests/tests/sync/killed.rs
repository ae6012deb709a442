//! Workers that are killed at any moment: the next one goes on from what was committed.

use std::time::Duration;

use crate::site::{POSTGRES, Pair, Site, on};
use crate::traffic::{Places, Random, Traffic, are_level};
use crate::worker::{Locks, Worker};

on! { all =>
    workers_that_are_killed_lose_no_change
}

/// How often a worker is killed: a few times, or `SHARD_ORM_KILLS`.
fn kills() -> u32 {
    std::env::var("SHARD_ORM_KILLS").map_or(8, |kills| kills.parse().unwrap())
}

async fn workers_that_are_killed_lose_no_change(pair: Pair) {
    let ttl = Duration::from_secs(30);
    let mut random = Random::new();
    let site = Site::new(pair).await;
    // Several transactions' worth, so that the first are killed while all rows are copied.
    let count = if pair == POSTGRES { 48_000 } else { 12_000 };
    site.insert(0..count).await;
    let traffic = Traffic::begin(&site, &random);
    let mut places = Places::default();
    for _ in 0..kills() {
        let worker = Worker::start(&site, &Locks::Nothing, ttl).await;
        tokio::time::sleep(Duration::from_millis(random.below(500))).await;
        worker.kill().await;
        places.go_on(&site).await;
    }
    traffic.further(10).await;
    traffic.stop().await;
    let worker = Worker::start(&site, &Locks::Nothing, ttl).await;
    are_level(&site).await;
    worker
        .until("nothing is wrong", |copies| {
            copies
                .iter()
                .all(|copy| copy["problem"].is_null() && copy["position"].is_string())
        })
        .await;
    places.go_on(&site).await;
    // Each has begun at both copies of both tables, or was killed before.
    let most = i64::from(kills()) + 1;
    assert_eq!(places.0.len(), 4);
    for place in places.0.values() {
        assert!((1..=most).contains(&place.generation), "{places:?}");
    }
}
