//! A session reads what it has written, from replicas where they have it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shard_orm::prelude::*;
use tokio::task::JoinSet;

use crate::on::On;
use crate::site::{Note, Site, answering, eventually, quick};

on_each! {
    any rights:
    a_session_never_misses_its_writes_while_replicas_stand_still
    a_session_reads_from_a_replica_that_has_its_writes
}

async fn a_session_never_misses_its_writes_while_replicas_stand_still(on: On) {
    const TASKS: i64 = 8;
    const ROUNDS: i64 = 1_250;
    let site = Site::new(on, 1).await;
    let cluster = site.cluster(quick().max_lag(Duration::from_hours(1))).await;
    let missed_outside = Arc::new(AtomicU64::new(0));
    site.nodes[1].pause_replay().await.unwrap();
    let mut tasks = JoinSet::new();
    for user in 0..TASKS {
        let (cluster, missed_outside) = (cluster.clone(), Arc::clone(&missed_outside));
        tasks.spawn(async move {
            let session = cluster.session();
            for round in 1..=ROUNDS {
                let changed = Note::on(user)
                    .set(Note::AMOUNT, round)
                    .update(&session)
                    .await;
                assert_eq!(changed.unwrap(), 1);
                let amount = Note::on(user)
                    .select(Note::AMOUNT)
                    .one(&session)
                    .await
                    .unwrap();
                assert_eq!(amount, round, "the session of user {user} missed its write");
                if round % 10 == 0 {
                    let amount = Note::on(user).select(Note::AMOUNT);
                    let amount = amount.one(cluster.read_from(Read::Replica)).await.unwrap();
                    missed_outside.fetch_add(u64::from(amount != round), Ordering::Relaxed);
                }
            }
        });
    }
    // At first replicas stand still, later they go on and stop again all the time.
    let half = u64::try_from(TASKS * ROUNDS / 20).unwrap();
    eventually("half of the rounds are done", async || {
        missed_outside.load(Ordering::Relaxed) >= half || tasks.is_empty()
    })
    .await;
    while !tasks.is_empty() {
        site.nodes[1].resume_replay().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        site.nodes[1].pause_replay().await.unwrap();
        while let Some(done) = tasks.try_join_next() {
            done.unwrap();
        }
    }
    let missed = missed_outside.load(Ordering::Relaxed);
    assert!(
        missed >= half,
        "only {missed} reads outside of sessions missed a write"
    );
}

async fn a_session_reads_from_a_replica_that_has_its_writes(on: On) {
    const TASKS: i64 = 10;
    const ROUNDS: i64 = 20;
    let site = Site::new(on, 1).await;
    let cluster = site
        .cluster(quick().probe_interval(Duration::from_secs(1)))
        .await;
    let (primary, replica) = (site.port(0), site.port(1));
    let mut tasks = JoinSet::new();
    for user in 0..TASKS {
        let cluster = cluster.clone();
        tasks.spawn(async move {
            // Only connections that are older than the last look serve a session.
            let replica_first = answering(cluster.read_from(Read::Replica), user).await;
            assert_eq!(replica_first.unwrap(), replica);
            let session = cluster.session();
            let mut at_replica = 0;
            for round in 1..=ROUNDS {
                Note::on(user)
                    .set(Note::AMOUNT, round)
                    .update(&session)
                    .await
                    .unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
                let port = answering(&session, user).await.unwrap();
                assert!(port == primary || port == replica);
                at_replica += i64::from(port == replica);
                let amount = Note::on(user)
                    .select(Note::AMOUNT)
                    .one(&session)
                    .await
                    .unwrap();
                assert_eq!(amount, round);
            }
            at_replica
        });
    }
    let mut at_replica = 0;
    while let Some(done) = tasks.join_next().await {
        at_replica += done.unwrap();
    }
    let all = TASKS * ROUNDS;
    println!("{on:?}: {at_replica} of {all} session reads were served by the replica");
    assert!(at_replica * 10 >= all * 9, "{at_replica} of {all}");
}
