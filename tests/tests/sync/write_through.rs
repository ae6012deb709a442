//! Write-through: callers that wait until all copies have their writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use shard_orm::lock::LeaseLocks;
use shard_orm::prelude::*;
use shard_orm::sync::{Mode, StaticSync, Supervisor};

use crate::fixture::{Fixture, Item, LIMIT, Pair, eventually, item, on};

on! { all =>
    write_through_of_many_callers_reaches_every_copy
    write_through_of_several_processes_reaches_every_copy
    write_through_works_next_to_supervisors_with_locks
    a_fenced_supervisor_reports_no_failure
    write_through_without_capture_runs_once_per_caller
}

/// Writes a row, waits, and looks for it at each copy.
async fn write_and_look(fixture: &Fixture, cluster: &Cluster, id: i64) {
    item(id).insert(cluster).await.unwrap();
    let through = StaticSync::of::<Item>(cluster).write_through(LIMIT);
    through.await.unwrap();
    for copy in &fixture.copies {
        let found = Item::find(copy, id).await.unwrap();
        assert!(found.is_some(), "row {id} is missing");
    }
}

/// Counts in how many looks a supervisor has a failure or a problem, until it is told to end.
async fn watch(supervisor: &Supervisor, ended: &AtomicBool, bad: &AtomicU32) {
    while !ended.load(Ordering::Relaxed) {
        for one in supervisor.status() {
            if one.failures > 0 || one.problem.is_some() {
                println!("{one:?}");
                bad.fetch_add(1, Ordering::Relaxed);
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn while_watched(supervisor: &Supervisor, work: impl Future<Output = ()>) {
    let (ended, bad) = (AtomicBool::new(false), AtomicU32::new(0));
    let work = async {
        work.await;
        ended.store(true, Ordering::Relaxed);
    };
    tokio::join!(watch(supervisor, &ended, &bad), work);
    assert_eq!(bad.load(Ordering::Relaxed), 0);
}

async fn write_through_of_many_callers_reaches_every_copy(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=10).await;
    let supervisor = StaticSync::supervise(&fixture.cluster)
        .every(Duration::from_millis(20))
        .run()
        .unwrap();
    let begun = std::time::Instant::now();
    while_watched(&supervisor, async {
        for first in [1_000, 2_000, 3_000] {
            let callers =
                (0..20).map(|one| write_and_look(&fixture, &fixture.cluster, first + one));
            join_all(callers).await;
        }
    })
    .await;
    println!("{pair:?}: 3 times 20 callers in {:?}", begun.elapsed());
    supervisor.stop().await;
}

async fn write_through_of_several_processes_reaches_every_copy(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(fixture.another_process().await);
    }
    let begun = std::time::Instant::now();
    let callers = (0..20).map(|one: i64| {
        let cluster = &others[usize::try_from(one).unwrap() % others.len()];
        write_and_look(&fixture, cluster, 1_000 + one)
    });
    join_all(callers).await;
    println!(
        "{pair:?}: 20 callers of 5 processes in {:?}",
        begun.elapsed()
    );
}

async fn write_through_works_next_to_supervisors_with_locks(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    let other = fixture.another_process().await;
    let mut supervisors = Vec::new();
    for cluster in [&fixture.cluster, &other] {
        let locks = LeaseLocks::new(cluster, "default").unwrap();
        locks.setup().await.unwrap();
        let supervise = StaticSync::supervise(cluster)
            .every(Duration::from_millis(20))
            .locks(Arc::new(locks));
        supervisors.push(supervise.run().unwrap());
    }
    let callers = (0..20).map(|one| write_and_look(&fixture, &fixture.cluster, 1_000 + one));
    while_watched(&supervisors[0], async {
        join_all(callers).await;
    })
    .await;
    // Each copy is kept up again.
    fixture.insert([5_000]).await;
    eventually("the copies follow", || fixture.is_equal()).await;
    for supervisor in supervisors {
        supervisor.stop().await;
    }
}

/// Without locks two of them hold the same copies.
async fn a_fenced_supervisor_reports_no_failure(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    let begin = |cluster: &Cluster| {
        StaticSync::supervise(cluster)
            .every(Duration::from_millis(30))
            .run()
            .unwrap()
    };
    let other = fixture.another_process().await;
    let (first, second) = (begin(&fixture.cluster), begin(&other));
    while_watched(&first, async {
        while_watched(&second, async {
            for id in 0..30 {
                fixture.insert([id]).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            eventually("the copies follow", || fixture.is_equal()).await;
        })
        .await;
    })
    .await;
    first.stop().await;
    second.stop().await;
}

async fn write_through_without_capture_runs_once_per_caller(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    let callers = (0..10).map(|one| {
        let fixture = &fixture;
        async move {
            item(one).insert(&fixture.cluster).await.unwrap();
            let sync = StaticSync::of::<Item>(&fixture.cluster).mode(Mode::Full);
            sync.write_through(LIMIT).await.unwrap();
            for copy in &fixture.copies {
                assert!(Item::find(copy, one).await.unwrap().is_some());
            }
        }
    });
    join_all(callers).await;
}
