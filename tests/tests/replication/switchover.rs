//! A planned change of the primary during many writes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shard_orm::metrics::Publisher;
use shard_orm::prelude::*;
use shard_orm_tests::exporter::{find, prometheus, scrape};
use tokio::task::JoinSet;

use crate::fixture::{Fixture, LIMIT, Note, SHARDS, TIMEOUT, answering, eventually, note, quick};
use crate::on::On;

on_each! {
    any rights:
    no_acknowledged_row_is_lost_when_a_replica_takes_over
}

/// Tasks that write one row after the other.
pub(crate) struct Writers {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    next: AtomicI64,
    acknowledged: Mutex<Vec<Done>>,
    refused: Mutex<Vec<(Instant, shard_orm::Error)>>,
}

/// A write that was acknowledged.
struct Done {
    id: i64,
    at: Instant,
}

impl Writers {
    pub(crate) fn start(cluster: &Cluster, tasks: usize) -> Self {
        let shared = Arc::<Shared>::default();
        shared.next.store(1_000, Ordering::Relaxed);
        let mut all = JoinSet::new();
        for _ in 0..tasks {
            let (cluster, shared) = (cluster.clone(), Arc::clone(&shared));
            all.spawn(async move { shared.write(&cluster).await });
        }
        Self { shared, tasks: all }
    }

    /// Waits until so many more writes were acknowledged.
    pub(crate) async fn go_on(&self, count: usize) {
        let acknowledged = || self.shared.acknowledged.lock().unwrap().len();
        let before = acknowledged();
        eventually("writes go on", async || acknowledged() >= before + count).await;
    }

    /// What went wrong with the writes that began after this.
    pub(crate) fn refused_since(&self, since: Instant) -> Vec<String> {
        let refused = self.shared.refused.lock().unwrap();
        let later = refused.iter().filter(|(begun, _)| *begun >= since);
        later.map(|(_, error)| error.to_string()).collect()
    }

    /// Ends them; gives the ids of what was acknowledged, and the longest time without a write.
    pub(crate) async fn stop(mut self) -> (BTreeSet<i64>, Duration) {
        self.shared.stop.store(true, Ordering::Relaxed);
        while let Some(done) = self.tasks.join_next().await {
            done.unwrap();
        }
        let mut done = self.shared.acknowledged.lock().unwrap();
        done.sort_by_key(|done| done.at);
        let gaps = done.windows(2).map(|two| two[1].at - two[0].at);
        let pause = gaps.max().unwrap();
        (done.iter().map(|done| done.id).collect(), pause)
    }
}

impl Shared {
    async fn write(&self, cluster: &Cluster) {
        while !self.stop.load(Ordering::Relaxed) {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let row = Note {
                id,
                ..note(id % SHARDS)
            };
            let begun = Instant::now();
            match row.insert(cluster).await {
                Ok(_) => self.acknowledged.lock().unwrap().push(Done {
                    id,
                    at: Instant::now(),
                }),
                Err(error) => {
                    let expected = [
                        ErrorKind::OutcomeUnknown,
                        ErrorKind::ReadOnly,
                        ErrorKind::Unavailable,
                        ErrorKind::PoolExhausted,
                    ];
                    assert!(expected.contains(&error.kind()), "{error:?}");
                    assert!(begun.elapsed() < LIMIT, "{:?}: {error}", begun.elapsed());
                    self.refused.lock().unwrap().push((begun, error));
                    // As an application that is told to try later.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
    }
}

async fn no_acknowledged_row_is_lost_when_a_replica_takes_over(on: On) {
    let mut fixture = Fixture::new(on, 1).await;
    let cluster = fixture.cluster(quick()).await;
    let recorder = prometheus();
    let role_changes = || {
        let scraped = scrape(&recorder, &Publisher::new(&cluster));
        let labels = ["group=\"shop\"", "server=\"a\""];
        find(&scraped, "shard_orm_role_changes_total", &labels)
    };
    let writers = Writers::start(&cluster, 32);
    writers.go_on(500).await;
    assert_eq!(role_changes(), Some(0.0));
    let begun = Instant::now();
    fixture.switch_over(0, 1).await;
    let took = begun.elapsed();
    writers.go_on(500).await;
    let refused = writers.refused_since(begun).len();
    let (acknowledged, pause) = writers.stop().await;
    println!(
        "{on:?}: no write for {pause:?}, of which the servers took {took:?}; {} were acknowledged, {refused} refused",
        acknowledged.len(),
    );
    // Whatever a busy machine takes, no writer has waited for a timeout.
    assert!(
        pause < took + TIMEOUT,
        "no write for {pause:?}, the servers took {took:?}"
    );

    let mut kept = BTreeSet::new();
    for shard in 0..SHARDS {
        kept.extend(
            Note::on(shard)
                .select(Note::ID)
                .all(&cluster)
                .await
                .unwrap(),
        );
    }
    let lost: Vec<&i64> = acknowledged.difference(&kept).collect();
    assert!(lost.is_empty(), "{} rows are lost: {lost:?}", lost.len());
    assert_eq!(answering(&cluster, 0).await.unwrap(), fixture.port(1));

    assert_eq!(role_changes(), Some(1.0));

    // The old primary comes back as a replica.
    fixture.follow(0, 1).await;
    eventually("the old primary serves as a replica", async || {
        answering(cluster.read_from(Read::Replica), 0)
            .await
            .unwrap()
            == fixture.port(0)
    })
    .await;
    fixture.nodes[0]
        .has_all_of(&fixture.nodes[1])
        .await
        .unwrap();
    let there = cluster.read_from(Read::Replica);
    let mut kept = BTreeSet::new();
    for shard in 0..SHARDS {
        kept.extend(Note::on(shard).select(Note::ID).all(there).await.unwrap());
    }
    assert!(acknowledged.is_subset(&kept));
}
