//! Roles that are swapped behind the same addresses while all servers go on running.

use std::time::{Duration, Instant};

use shard_orm::Standing;
use shard_orm::config::Server;
use shard_orm::prelude::*;
use shard_orm_tests::relay::Relay;

use crate::on::On;
use crate::site::{Note, Site, answering, eventually, note, quick};
use crate::switchover::Writers;

on_each! {
    a_refused_write_goes_on_at_the_new_primary
    a_swap_is_seen_within_the_probe_interval
    writers_follow_a_swap
    addresses_that_are_swapped_are_followed
}

async fn a_refused_write_goes_on_at_the_new_primary(on: On) {
    let mut site = Site::new(on, 1).await;
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
        site.cluster(health.clone()).await,
        site.cluster(health.clone()).await,
        site.cluster(health.clone()).await,
        site.cluster(health).await,
    ];
    for cluster in &clusters {
        // Connections and roles are known.
        for user in 0..4 {
            write(cluster, user).await.unwrap();
        }
        assert_eq!(site.standing(cluster, 0), Standing::Primary);
    }
    site.swap_roles(0, 1).await;

    let [update, single, many, transaction] = &clusters;
    let changed = Note::on(10).set(Note::AMOUNT, 10).update(update).await;
    assert_eq!(changed.unwrap(), 1);
    assert_eq!(site.amount_at(1, 10).await, 10);
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
    assert_eq!(site.amount_at(1, 11).await, 11);
    for cluster in &clusters {
        assert_eq!(cluster.health()[0].primary, Some(1));
        assert_eq!(answering(cluster, 0).await.unwrap(), site.port(1));
    }
}

async fn a_swap_is_seen_within_the_probe_interval(on: On) {
    let mut site = Site::new(on, 1).await;
    let cluster = site.cluster(quick()).await;
    assert_eq!(answering(&cluster, 0).await.unwrap(), site.port(0));
    site.swap_roles(0, 1).await;
    let begun = Instant::now();
    eventually("the new primary is seen", async || {
        cluster.health()[0].primary == Some(1)
    })
    .await;
    let took = begun.elapsed();
    println!("{on:?}: seen after {took:?}");
    // The interval is 100 ms; the rest is left to a busy machine.
    assert!(took < Duration::from_millis(600), "{took:?}");
    Note {
        amount: 3,
        ..note(3)
    }
    .save(&cluster)
    .await
    .unwrap();
    assert_eq!(site.amount_at(1, 3).await, 3);
    if on.is_postgres() {
        // Fenced, but no standby: it is not used.
        cluster.check_health().await;
        assert_eq!(site.standing(&cluster, 0), Standing::Fenced);
        assert_eq!(
            answering(cluster.read_from(Read::Replica), 3)
                .await
                .unwrap(),
            site.port(1)
        );
    } else {
        eventually("the old primary serves as a replica", async || {
            answering(cluster.read_from(Read::Replica), 3)
                .await
                .unwrap()
                == site.port(0)
        })
        .await;
    }
}

async fn writers_follow_a_swap(on: On) {
    let mut site = Site::new(on, 1).await;
    let cluster = site.cluster(quick()).await;
    let writers = Writers::start(&cluster, 8);
    writers.go_on(200).await;
    site.swap_roles(0, 1).await;
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
async fn addresses_that_are_swapped_are_followed(on: On) {
    let site = Site::new(on, 1).await;
    let (one, other) = (Relay::to(&site.url(0)).await, Relay::to(&site.url(1)).await);
    let server = Server::new("a", one.url(&site.url(0))).replica(other.url(&site.url(1)));
    let cluster = site.cluster_at(server, quick()).await;
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
        assert_eq!(site.amount_at(0, 1).await, round);
        // Whatever connection was lost last.
        assert_eq!(answering(&cluster, 1).await.unwrap(), site.port(0));
        let tx = cluster.begin(Note::shard(1)).await.unwrap();
        assert_eq!(answering(&tx, 1).await.unwrap(), site.port(0));
        tx.rollback().await.unwrap();
        site.replicated().await;
        cluster.check_health().await;
        let there = cluster.read_from(Read::Replica);
        assert_eq!(answering(there, 1).await.unwrap(), site.port(1));

        let (first, second) = if round % 2 == 1 { (1, 0) } else { (0, 1) };
        one.lead_to(&site.url(first));
        other.lead_to(&site.url(second));
    }
}
