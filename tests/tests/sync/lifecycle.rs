//! The lifecycle of a supervisor: the longest pause between two attempts, and a stop under load.

use std::sync::Arc;
use std::time::Duration;

use shard_orm::lock::LeaseLocks;
use shard_orm::prelude::*;
use shard_orm::sync::{StaticSync, Supervisor};

use crate::fixture::{Fixture, Item, LIMIT, Pair, eventually, on};
use crate::workload::{Random, Workload};

on! { all =>
    a_failing_copy_is_retried_after_the_longest_pause
    a_supervisor_that_is_stopped_under_load_leaves_nothing_behind
}

async fn rename(copy: &Cluster, from: &str, to: &str) {
    let text = format!("ALTER TABLE {from} RENAME TO {to}");
    let text = Item::query().sql(sqlx::AssertSqlSafe(text));
    text.execute(copy).await.unwrap();
}

async fn a_failing_copy_is_retried_after_the_longest_pause(pair: Pair) {
    let fixture = Fixture::bare(pair).await;
    fixture.add::<Item>("items", "").await;
    fixture.insert(1..=5).await;
    rename(&fixture.copies[0], "shard_orm_sync", "away").await;
    let supervisor = StaticSync::supervise(&fixture.cluster)
        .every(Duration::from_millis(10))
        .jitter(1.0)
        .longest_pause(Duration::from_millis(20))
        .run()
        .unwrap();
    // Doubled each time, they would take ten minutes.
    eventually("sixteen failures", async || {
        supervisor.status()[0].failures >= 16
    })
    .await;
    let status = supervisor.status();
    assert!(!status[0].held && status[0].problem.is_some(), "{status:?}");
    assert_eq!(status[1].failures, 0);
    fixture.insert(6..=7).await;
    eventually("the other copy", async || {
        Item::query().count(&fixture.copies[1]).await.unwrap() == 7
    })
    .await;
    rename(&fixture.copies[0], "away", "shard_orm_sync").await;
    eventually("the copies are equal", || fixture.is_equal()).await;
    eventually("the failures are over", async || {
        let status = supervisor.status();
        status[0].failures == 0 && status[0].problem.is_none() && status[0].held
    })
    .await;
    supervisor.stop().await;
}

async fn begin(cluster: &Cluster) -> Supervisor {
    let locks = LeaseLocks::new(cluster, "default").unwrap();
    locks.setup().await.unwrap();
    StaticSync::supervise(cluster)
        .every(Duration::from_millis(10))
        .locks(Arc::new(locks))
        // What is free before was given back.
        .lock_ttl(Duration::from_mins(10))
        .run()
        .unwrap()
}

fn holds_all(supervisor: &Supervisor) -> bool {
    supervisor.status().iter().all(|one| one.held)
}

async fn a_supervisor_that_is_stopped_under_load_leaves_nothing_behind(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    let random = Random::new();
    let workload = Workload::begin(&fixture, &random);
    let mut processes = Vec::new();
    for _ in 0..4 {
        processes.push(fixture.another_process().await);
    }
    for cluster in &processes {
        let supervisor = begin(cluster).await;
        eventually("it holds all", async || holds_all(&supervisor)).await;
        workload.further(10).await;
        let stop = supervisor.stop();
        tokio::time::timeout(LIMIT, stop).await.unwrap();
        // Whoever had left a transaction open would still have this row.
        for copy in &fixture.copies {
            let free = async {
                let tx = copy.begin(Item::database()).await.unwrap();
                let text = "UPDATE shard_orm_sync SET problem = NULL";
                Item::query().sql(text).execute(&tx).await.unwrap();
                tx.rollback().await.unwrap();
            };
            tokio::time::timeout(LIMIT, free).await.unwrap();
        }
    }
    workload.stop().await;
    let last = begin(&fixture.cluster).await;
    eventually("the copies follow", || fixture.is_equal()).await;
    last.stop().await;
}
