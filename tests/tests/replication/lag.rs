//! Lagging replicas leave the rotation until they catch up.

use std::time::Duration;

use shard_orm::config::{Fallback, HealthOptions};
use shard_orm::health::EndpointStatus;
use shard_orm::prelude::*;

use crate::fixture::{Fixture, Note, answering, eventually, note, quick};
use crate::on::On;

on_each! {
    a_replica_beyond_max_lag_leaves_the_rotation_until_it_recovers
    a_replica_beyond_max_lag_bytes_leaves_the_rotation_until_it_recovers
    a_lagging_replica_is_skipped
}

async fn replica_port(cluster: &Cluster) -> shard_orm::Result<i64> {
    answering(cluster.read_from(Read::Replica), 0).await
}

/// Waits until reads of replicas are served by this one.
async fn serves(cluster: &Cluster, port: i64) {
    eventually("the replica serves reads", async || {
        replica_port(cluster).await.is_ok_and(|by| by == port)
    })
    .await;
}

async fn a_replica_beyond_max_lag_leaves_the_rotation_until_it_recovers(on: On) {
    let fixture = Fixture::new(on, 1).await;
    let health = quick().max_lag(Duration::from_millis(300));
    let lenient = fixture.cluster(health.clone()).await;
    let strict = fixture.cluster(health.fallback(Fallback::Refuse)).await;
    for cluster in [&lenient, &strict] {
        serves(cluster, fixture.port(1)).await;
    }

    fixture.nodes[1].pause_replay().await.unwrap();
    Note {
        amount: 1,
        ..note(0)
    }
    .save(&lenient)
    .await
    .unwrap();
    eventually("reads leave the replica", async || {
        replica_port(&lenient).await.unwrap() == fixture.port(0)
    })
    .await;
    assert_eq!(fixture.status(&lenient, 1), EndpointStatus::Lagging);
    eventually("reads are refused", async || {
        replica_port(&strict).await.is_err()
    })
    .await;
    let refused = replica_port(&strict).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
    assert!(refused.to_string().contains("lags"), "{refused}");
    // Reads of the primary are not concerned.
    answering(&strict, 0).await.unwrap();

    fixture.nodes[1].resume_replay().await.unwrap();
    for cluster in [&lenient, &strict] {
        serves(cluster, fixture.port(1)).await;
        assert_eq!(fixture.status(cluster, 1), EndpointStatus::Serving);
    }
}

/// On PostgreSQL: MariaDB does not count in bytes, and passes over that limit.
async fn a_replica_beyond_max_lag_bytes_leaves_the_rotation_until_it_recovers(on: On) {
    let fixture = Fixture::new(on, 1).await;
    let health = quick()
        .max_lag(Duration::from_hours(1))
        .max_lag_bytes(64 * 1024);
    let cluster = fixture.cluster(health).await;
    fixture.nodes[1].pause_replay().await.unwrap();
    // Not enough to matter.
    Note {
        amount: 1,
        ..note(0)
    }
    .save(&cluster)
    .await
    .unwrap();
    cluster.check_health().await;
    assert_eq!(replica_port(&cluster).await.unwrap(), fixture.port(1));

    let notes = |first: i64| {
        (first..first + 1_000)
            .map(|id| Note { id, ..note(0) })
            .collect()
    };
    Note::insert_many(&cluster, notes(1_000)).await.unwrap();
    if on.is_postgres() {
        eventually("reads leave the replica", async || {
            replica_port(&cluster).await.unwrap() == fixture.port(0)
        })
        .await;
        assert_eq!(fixture.status(&cluster, 1), EndpointStatus::Lagging);
    } else {
        cluster.check_health().await;
        assert_eq!(replica_port(&cluster).await.unwrap(), fixture.port(1));
    }
    fixture.nodes[1].resume_replay().await.unwrap();
    serves(&cluster, fixture.port(1)).await;
}

async fn a_lagging_replica_is_skipped(on: On) {
    let fixture = Fixture::new(on, 2).await;
    let health: HealthOptions = quick().max_lag(Duration::from_millis(300));
    let cluster = fixture.cluster(health).await;
    fixture.nodes[1].pause_replay().await.unwrap();
    Note {
        amount: 1,
        ..note(0)
    }
    .save(&cluster)
    .await
    .unwrap();
    eventually("the replica is found to lag", async || {
        fixture.status(&cluster, 1) == EndpointStatus::Lagging
    })
    .await;
    // The other one may have been slow, too.
    fixture.nodes[2]
        .has_all_of(&fixture.nodes[0])
        .await
        .unwrap();
    eventually("the other one is found to serve", async || {
        fixture.status(&cluster, 2) == EndpointStatus::Serving
    })
    .await;
    for _ in 0..100 {
        assert_eq!(replica_port(&cluster).await.unwrap(), fixture.port(2));
    }
}
