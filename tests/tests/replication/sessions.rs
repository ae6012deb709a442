//! Sessions read their own writes, from replicas that have them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use shard_orm::prelude::*;
use tokio::task::JoinSet;

use crate::fixture::{Fixture, Note, answering, eventually, quick};
use crate::on::On;

on_each! {
    any rights:
    a_session_never_misses_its_writes_while_replicas_stand_still
    a_session_reads_from_a_replica_that_has_its_writes
}

async fn a_session_never_misses_its_writes_while_replicas_stand_still(on: On) {
    const TASKS: i64 = 8;
    const ROUNDS: i64 = 1_250;
    let fixture = Fixture::new(on, 1).await;
    let cluster = fixture
        .cluster(quick().max_lag(Duration::from_hours(1)))
        .await;
    let missed_outside = Arc::new(AtomicU64::new(0));
    fixture.nodes[1].pause_replay().await.unwrap();
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
        fixture.nodes[1].resume_replay().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        fixture.nodes[1].pause_replay().await.unwrap();
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
    let fixture = Fixture::new(on, 1).await;
    // Nobody looks but for the sessions.
    let health = quick().probe_interval(Duration::from_hours(1));
    let cluster = fixture.cluster(health).await;
    let (primary, replica) = (fixture.port(0), fixture.port(1));
    let all = (0..TASKS).map(async |user| {
        // Only connections that are older than the last look serve a session.
        let replica_first = answering(cluster.read_from(Read::Replica), user).await;
        assert_eq!(replica_first.unwrap(), replica);
        let session = cluster.session();
        let (mut writes, mut at_primary) = (0, 0);
        for _ in 0..ROUNDS {
            eventually("the replica serves the session", async || {
                writes += 1;
                let change = Note::on(user).set(Note::AMOUNT, writes);
                change.update(&session).await.unwrap();
                // A replica is looked at closely for a second after a write; one that a busy machine keeps from it
                // for longer is looked at again after the next.
                for _ in 0..100 {
                    let amount = Note::on(user).select(Note::AMOUNT);
                    assert_eq!(amount.one(&session).await.unwrap(), writes);
                    let port = answering(&session, user).await.unwrap();
                    if port == replica {
                        return true;
                    }
                    assert_eq!(port, primary);
                    at_primary += 1;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                false
            })
            .await;
        }
        (writes, at_primary)
    });
    let all = join_all(all).await;
    println!(
        "{on:?}: each session's writes, and its reads at the primary until the replica served: {all:?}"
    );
}
