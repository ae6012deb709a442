//! The calls of an application while a migration waits for a table that a transaction of somebody else uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use shard_orm::config::{Config, Group, Server};
use shard_orm::migrate::Migrations;
use shard_orm::prelude::*;
use tokio::task::JoinSet;

#[derive(Debug, Clone, ShardModel)]
#[shard(group = "bench", table = "waited_rows")]
struct Row {
    #[shard(primary_key, key)]
    id: i64,
    n: i64,
}

const CREATE: &str = "CREATE TABLE waited_rows (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)";
const CHANGE: &str = "ALTER TABLE waited_rows ADD COLUMN m INT";
const TASKS: i64 = 4;
/// The pause between two calls of a task.
const PACE: Duration = Duration::from_millis(4);
/// How long calls are measured in each phase.
const WHILE: Duration = Duration::from_secs(10);

/// Measures one kind of server.
pub(crate) async fn measure(name: &str, url: &str) {
    let group = Group::new(1).namespace("waited_{shard}");
    let config = Config::new("waiting").group("bench", group.server(Server::new("a", url)));
    let cluster = Cluster::connect(&config).await.unwrap();
    let files = [("bench/1_rows.sql", CREATE), ("bench/2_column.sql", CHANGE)];
    let first = Migrations::embedded(&files[..1]).unwrap();
    cluster.migrate(&first).up().await.unwrap();
    for id in 0..=TASKS {
        Row { id, n: 0 }.insert(&cluster).await.unwrap();
    }
    let before = calls(&cluster, tokio::time::sleep(WHILE)).await;
    let open = cluster.begin(Row::shard(TASKS)).await.unwrap();
    Row { id: TASKS, n: 1 }.update(&open).await.unwrap();
    let both = Migrations::embedded(&files).unwrap();
    let migration = {
        let cluster = cluster.clone();
        tokio::spawn(async move { cluster.migrate(&both).up().await })
    };
    let beside = calls(&cluster, tokio::time::sleep(WHILE)).await;
    assert!(!migration.is_finished(), "the migration has not waited");
    open.commit().await.unwrap();
    migration.await.unwrap().unwrap();
    println!("\n{name}, updates of single rows by {TASKS} tasks");
    for (phase, times) in [
        ("before", before),
        ("beside a migration that waits", beside),
    ] {
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        let [half, most, longest] = [50, 99, 100].map(|percent| at(percent).as_secs_f64() * 1e3);
        println!(
            "  {phase:<32}{:>7} calls, ms: p50 {half:.2}, p99 {most:.2}, longest {longest:.1}",
            times.len()
        );
    }
    cluster.close().await;
}

/// How long calls take until something is over, the shortest first.
async fn calls(cluster: &Cluster, until: impl Future<Output = ()>) -> Vec<Duration> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for id in 0..TASKS {
        let (stop, cluster) = (Arc::clone(&stop), cluster.clone());
        tasks.spawn(async move {
            let mut times = Vec::new();
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                tokio::time::sleep(PACE).await;
                let begun = Instant::now();
                Row { id, n }.update(&cluster).await.unwrap();
                times.push(begun.elapsed());
            }
            times
        });
    }
    until.await;
    stop.store(true, Ordering::Relaxed);
    let mut times = tasks.join_all().await.concat();
    times.sort_unstable();
    times
}
