//! Roles that are swapped behind the same addresses while all servers keep running.

use std::time::{Duration, Instant};

use shard_orm::config::Server;
use shard_orm::health::EndpointStatus;
use shard_orm::prelude::*;
use shard_orm_tests::relay::Relay;

use crate::fixture::{Fixture, INTERVAL, Note, answering, eventually, note, quick};
use crate::on::On;
use crate::switchover::Writers;

on_each! {
    a_refused_write_is_retried_on_the_new_primary
    a_swap_is_seen_within_the_probe_interval
    writers_follow_a_swap
    swapped_addresses_are_followed
}

async fn a_refused_write_is_retried_on_the_new_primary(on: On) {
    let mut fixture = Fixture::new(on, 1).await;
    // Nobody looks by himself.
    let health = quick().probe_interval(Duration::from_hours(1));
    let write = async |cluster: &Cluster, user: i64| {
        Note {
            amount: 5,
            ..note(user)
        }
        .save(cluster)
        .await
    };
    let insert = async |cluster: &Cluster, id: i64| Note { id, ..note(0) }.insert(cluster).await;
    let clusters = [
        fixture.cluster(health.clone()).await,
        fixture.cluster(health.clone()).await,
        fixture.cluster(health.clone()).await,
        fixture.cluster(health).await,
    ];
    for cluster in &clusters {
        // Connections and roles are known.
        for user in 0..4 {
            write(cluster, user).await.unwrap();
        }
        assert_eq!(fixture.status(cluster, 0), EndpointStatus::Primary);
    }
    fixture.swap_roles(0, 1).await;

    let [update, single, many, transaction] = &clusters;
    let changed = Note::on(10).set(Note::AMOUNT, 10).update(update).await;
    assert_eq!(changed.unwrap(), 1);
    assert_eq!(fixture.amount_at(1, 10).await, 10);
    insert(single, 2_000).await.unwrap();
    let rows = (3_000..3_040)
        .map(|id| Note { id, ..note(id % 4) })
        .collect();
    let rows = Note::insert_many(many, rows).await.unwrap();
    assert_eq!(rows.len(), 40);
    transaction
        .transaction(Note::shard(11), |tx| async move {
            Note::on(11).set(Note::AMOUNT, 11).update(&tx).await
        })
        .await
        .unwrap();
    assert_eq!(fixture.amount_at(1, 11).await, 11);
    for cluster in &clusters {
        assert_eq!(cluster.health()[0].primary, Some(1));
        assert_eq!(answering(cluster, 0).await.unwrap(), fixture.port(1));
    }
}

async fn a_swap_is_seen_within_the_probe_interval(on: On) {
    let mut fixture = Fixture::new(on, 1).await;
    let cluster = fixture.cluster(quick()).await;
    assert_eq!(answering(&cluster, 0).await.unwrap(), fixture.port(0));
    fixture.swap_roles(0, 1).await;
    let begun = Instant::now();
    // By the first look at each that begins after it.
    eventually("both are looked at", async || {
        let since = begun.elapsed();
        let health = &cluster.health()[0];
        let are_new = health
            .endpoints
            .iter()
            .all(|endpoint| endpoint.asked.is_some_and(|ago| ago < since));
        if are_new {
            assert_eq!(health.primary, Some(1), "{health}");
        }
        are_new
    })
    .await;
    println!("{on:?}: seen after {:?}", begun.elapsed());
    health_probes_run_at_each_interval(&cluster).await;
    Note {
        amount: 3,
        ..note(3)
    }
    .save(&cluster)
    .await
    .unwrap();
    assert_eq!(fixture.amount_at(1, 3).await, 3);
    if on.is_postgres() {
        // Fenced, but no standby: it is not used.
        cluster.check_health().await;
        assert_eq!(fixture.status(&cluster, 0), EndpointStatus::Fenced);
        assert_eq!(
            answering(cluster.read_from(Read::Replica), 3)
                .await
                .unwrap(),
            fixture.port(1)
        );
    } else {
        eventually("the old primary serves as a replica", async || {
            answering(cluster.read_from(Read::Replica), 3)
                .await
                .unwrap()
                == fixture.port(0)
        })
        .await;
    }
}

/// Looks at an endpoint are as often as configured: some two of them, as a busy machine delays others.
async fn health_probes_run_at_each_interval(cluster: &Cluster) {
    let begun = Instant::now();
    let mut before: Option<Duration> = None;
    eventually("two looks are an interval apart", async || {
        let now = begun.elapsed();
        let ago = cluster.health()[0].endpoints[1].asked.unwrap();
        // When it began, less a time that is none for one that was noted at once.
        let Some(began) = now.checked_sub(ago) else {
            return false;
        };
        let gap = before.map(|before| began.saturating_sub(before));
        if gap.is_none_or(|gap| gap > INTERVAL / 2) {
            before = Some(began);
        }
        gap.is_some_and(|gap| gap > INTERVAL / 2 && gap < INTERVAL * 3 / 2)
    })
    .await;
}

async fn writers_follow_a_swap(on: On) {
    let mut fixture = Fixture::new(on, 1).await;
    let cluster = fixture.cluster(quick()).await;
    let writers = Writers::start(&cluster, 8);
    writers.go_on(200).await;
    fixture.swap_roles(0, 1).await;
    let swapped = Instant::now();
    writers.go_on(200).await;
    let refused = writers.refused_since(swapped);
    assert!(refused.is_empty(), "{refused:?}");
    let (acknowledged, pause) = writers.stop().await;
    println!("{on:?}: no write for {pause:?}");
    for id in acknowledged {
        assert!(
            Note::find(&cluster, id % 4, id).await.unwrap().is_some(),
            "{id} is lost"
        );
    }
}

/// The servers stay what they are, and each is found behind the other's address, as names and virtual addresses are
/// moved.
async fn swapped_addresses_are_followed(on: On) {
    let fixture = Fixture::new(on, 1).await;
    let (one, other) = (
        Relay::to(&fixture.url(0)).await,
        Relay::to(&fixture.url(1)).await,
    );
    let server = Server::new("a", one.url(&fixture.url(0))).replica(other.url(&fixture.url(1)));
    let cluster = fixture.cluster_at(server, quick()).await;
    let session = cluster.session();
    for round in 1..=6 {
        eventually("writes go on", async || {
            let changed = Note::on(1).set(Note::AMOUNT, round).update(&session).await;
            match changed.map_err(|error| error.kind()) {
                Ok(changed) => changed == 1,
                // Its connection was ended by the swap.
                Err(kind) => {
                    assert_eq!(kind, ErrorKind::OutcomeUnknown);
                    false
                }
            }
        })
        .await;
        let amount = Note::on(1).select(Note::AMOUNT).one(&session).await;
        assert_eq!(amount.unwrap(), round);
        assert_eq!(fixture.amount_at(0, 1).await, round);
        // Whatever connection was lost last.
        assert_eq!(answering(&cluster, 1).await.unwrap(), fixture.port(0));
        let tx = cluster.begin(Note::shard(1)).await.unwrap();
        assert_eq!(answering(&tx, 1).await.unwrap(), fixture.port(0));
        tx.rollback().await.unwrap();
        fixture.replicated().await;
        cluster.check_health().await;
        let there = cluster.read_from(Read::Replica);
        assert_eq!(answering(there, 1).await.unwrap(), fixture.port(1));

        let (first, second) = if round % 2 == 1 { (1, 0) } else { (0, 1) };
        one.lead_to(&fixture.url(first)).await;
        other.lead_to(&fixture.url(second)).await;
    }
}
