//! Killed workers: the next one resumes from the committed state.

use std::time::Duration;

use shard_orm_tests::sample;

use crate::fixture::{Fixture, POSTGRES, Pair, on};
use crate::worker::{Locks, Worker};
use crate::workload::{Progress, Random, Workload, are_level};

on! { all =>
    killed_workers_lose_no_change
}

/// How often a worker is killed.
fn kills() -> u64 {
    sample::kills(8)
}

async fn killed_workers_lose_no_change(pair: Pair) {
    let ttl = Duration::from_secs(30);
    let mut random = Random::new();
    let fixture = Fixture::new(pair).await;
    // Several transactions' worth, so that the first are killed while all rows are copied.
    let count = if pair == POSTGRES { 48_000 } else { 12_000 };
    fixture.insert(0..count).await;
    let workload = Workload::begin(&fixture, &random);
    let mut progress = Progress::default();
    for _ in 0..kills() {
        let worker = Worker::start(&fixture, &Locks::Nothing, ttl).await;
        tokio::time::sleep(Duration::from_millis(random.below(500))).await;
        worker.kill().await;
        progress.advances(&fixture).await;
    }
    workload.further(10).await;
    workload.stop().await;
    let worker = Worker::start(&fixture, &Locks::Nothing, ttl).await;
    are_level(&fixture).await;
    worker
        .until("nothing is wrong", |copies| {
            copies
                .iter()
                .all(|copy| copy["problem"].is_null() && copy["position"].is_string())
        })
        .await;
    progress.advances(&fixture).await;
    // Each has begun at both copies of both tables, or was killed before.
    let most = kills().cast_signed() + 1;
    assert_eq!(progress.0.len(), 4);
    for place in progress.0.values() {
        assert!((1..=most).contains(&place.generation), "{progress:?}");
    }
}
