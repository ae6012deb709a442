//! Dead, slow and hanging servers: each failure is handled in bounded time and affects no other server.

use std::time::{Duration, Instant};

use shard_orm::config::{Fallback, HealthOptions, Server};
use shard_orm::health::EndpointStatus;
use shard_orm::prelude::*;
use shard_orm_tests::relay::Relay;

use crate::fixture::{
    Fixture, INTERVAL, LIMIT, Note, SHARDS, answering, config_with, eventually, note,
};
use crate::on::On;

on_each! {
    reads_of_a_dead_replica_go_to_the_primary_until_it_returns
    a_read_with_a_lost_response_is_retried_on_the_primary
    a_slow_replica_leaves_the_rotation_until_it_recovers
    reads_of_a_hanging_replica_are_abandoned
    a_dead_primary_stops_only_its_own_writes
    a_hanging_primary_stops_only_its_own_writes
}

/// What a look or a new connection waits for a server that hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks that are given up soon. Of a server that is well a busy machine may miss one too: what it does meanwhile is
/// not asked for at once, but before long.
fn impatient() -> HealthOptions {
    HealthOptions::new()
        .probe_interval(INTERVAL)
        .probe_timeout(PATIENCE)
}

/// Two servers: `a`, which holds the users 0 and 1, by way of proxies and with a replica, and `b` with the others.
struct Two {
    a: Fixture,
    b: Fixture,
    primary: Relay,
    replica: Relay,
    cluster: Cluster,
}

impl Two {
    async fn new(on: On) -> Self {
        let (a, b) = tokio::join!(Fixture::new(on, 1), Fixture::new(on, 0));
        // Each was set up by itself, as all of the group. Now each is a part of it.
        for (fixture, name) in [(&a, "a"), (&b, "b")] {
            for shard in 0..SHARDS {
                let table = format!("shop_{shard}.shard_orm_namespace");
                let part = format!("UPDATE {table} SET group_id = 'both', server_name = '{name}'");
                fixture.run_at(0, &part).await;
            }
            fixture.replicated().await;
        }
        let primary = Relay::to(&a.url(0)).await;
        let replica = Relay::to(&a.url(1)).await;
        let servers = [
            Server::new("a", primary.url(&a.url(0))).replica(replica.url(&a.url(1))),
            Server::new("b", b.url(0)),
        ];
        let config = config_with(servers, impatient(), PATIENCE * 2);
        let cluster = Cluster::connect(&config).await.unwrap();
        let two = Self {
            a,
            b,
            primary,
            replica,
            cluster,
        };
        two.replica_serves().await;
        assert_eq!(answering(&two.cluster, 0).await.unwrap(), two.a.port(0));
        assert_eq!(answering(&two.cluster, 2).await.unwrap(), two.b.port(0));
        two
    }

    /// Waits until the replica serves reads.
    async fn replica_serves(&self) {
        eventually("the replica serves reads", async || {
            bounded(self.replica_port())
                .await
                .is_ok_and(|port| port == self.a.port(1))
        })
        .await;
    }

    async fn replica_port(&self) -> shard_orm::Result<i64> {
        answering(self.cluster.read_from(Read::Replica), 0).await
    }

    /// Server `b` serves on, and waits for nobody.
    async fn others_go_on(&self) {
        no_waits(async |round| {
            let written = Note {
                amount: round,
                ..note(2)
            }
            .save(&self.cluster)
            .await;
            written.unwrap();
            answering(&self.cluster, 3).await.unwrap();
        })
        .await;
    }
}

/// Runs a call that must come back, whatever its server does.
async fn bounded<T>(call: impl Future<Output = T>) -> T {
    let answer = tokio::time::timeout(LIMIT, call).await;
    answer.unwrap_or_else(|_| panic!("no answer within {LIMIT:?}"))
}

/// Runs a call 50 times, most of which must not wait for a server that does not answer. A few may be slow, as the
/// machine is busy.
async fn no_waits(mut call: impl AsyncFnMut(i64)) {
    let mut times = Vec::new();
    for round in 0..50 {
        let begun = Instant::now();
        bounded(call(round)).await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    assert!(times[times.len() / 2] < PATIENCE / 2, "{times:?}");
}

async fn reads_of_a_dead_replica_go_to_the_primary_until_it_returns(on: On) {
    let mut two = Two::new(on).await;
    two.a.nodes[1].kill9();
    for _ in 0..50 {
        assert_eq!(bounded(two.replica_port()).await.unwrap(), two.a.port(0));
    }
    eventually("it is named", async || {
        two.a.status(&two.cluster, 1) == EndpointStatus::Unreachable
    })
    .await;
    assert!(two.cluster.health()[0].endpoints[1].problem.is_some());
    bounded(note(0).save(&two.cluster)).await.unwrap();
    two.others_go_on().await;

    two.a.nodes[1].restart().await.unwrap();
    two.replica_serves().await;
}

async fn a_read_with_a_lost_response_is_retried_on_the_primary(on: On) {
    let two = Two::new(on).await;
    two.replica.lose_answers(true);
    for _ in 0..20 {
        assert_eq!(bounded(two.replica_port()).await.unwrap(), two.a.port(0));
    }
    two.replica.lose_answers(false);
    two.replica_serves().await;
    // Now its connections end, and nobody listens.
    two.replica.close().await;
    for _ in 0..20 {
        assert_eq!(bounded(two.replica_port()).await.unwrap(), two.a.port(0));
    }
}

async fn a_slow_replica_leaves_the_rotation_until_it_recovers(on: On) {
    let two = Two::new(on).await;
    two.replica.delay(PATIENCE + INTERVAL);
    eventually("it leaves the rotation", async || {
        two.a.status(&two.cluster, 1) == EndpointStatus::Unreachable
    })
    .await;
    no_waits(async |_| assert_eq!(two.replica_port().await.unwrap(), two.a.port(0))).await;
    two.others_go_on().await;
    two.replica.delay(Duration::ZERO);
    two.replica_serves().await;
}

async fn reads_of_a_hanging_replica_are_abandoned(on: On) {
    let two = Two::new(on).await;
    let strict = {
        let server = Server::new("a", two.primary.url(&two.a.url(0)))
            .replica(two.replica.url(&two.a.url(1)));
        let health = impatient().fallback(Fallback::Refuse);
        let config = config_with([server], health, PATIENCE * 2);
        Cluster::connect(&config).await.unwrap()
    };
    answering(strict.read_from(Read::Replica), 0).await.unwrap();
    two.replica.hang(true);
    let begun = Instant::now();
    // On a connection that was open before.
    assert_eq!(bounded(two.replica_port()).await.unwrap(), two.a.port(0));
    println!("{on:?}: a read was given up after {:?}", begun.elapsed());
    for _ in 0..50 {
        assert_eq!(bounded(two.replica_port()).await.unwrap(), two.a.port(0));
    }
    let refused = bounded(answering(strict.read_from(Read::Replica), 0))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
    bounded(note(0).save(&two.cluster)).await.unwrap();
    two.others_go_on().await;
    two.replica.hang(false);
    two.replica_serves().await;
}

async fn a_dead_primary_stops_only_its_own_writes(on: On) {
    let mut two = Two::new(on).await;
    two.a.nodes[0].kill9();
    for _ in 0..10 {
        let refused = bounded(note(0).save(&two.cluster)).await.unwrap_err();
        let expected = [ErrorKind::Unavailable, ErrorKind::OutcomeUnknown];
        assert!(expected.contains(&refused.kind()), "{refused}");
        let refused = bounded(two.cluster.begin(Note::shard(0))).await;
        assert_eq!(
            refused.map(drop).unwrap_err().kind(),
            ErrorKind::Unavailable
        );
        let refused = bounded(answering(&two.cluster, 0)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
        // Its replica serves on.
        two.replica_serves().await;
    }
    two.others_go_on().await;
    two.a.nodes[0].restart().await.unwrap();
    eventually("writes go on", async || {
        note(0).save(&two.cluster).await.is_ok()
    })
    .await;
}

async fn a_hanging_primary_stops_only_its_own_writes(on: On) {
    let two = Two::new(on).await;
    let tx = two.cluster.begin(Note::shard(0)).await.unwrap();
    let other = two.cluster.begin(Note::shard(0)).await.unwrap();
    note(0).save(&two.cluster).await.unwrap();
    two.primary.hang(true);
    let begun = Instant::now();
    // On connections that were open before, it is not known what was carried out.
    let refused = bounded(note(0).save(&two.cluster)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::OutcomeUnknown, "{refused}");
    println!("{on:?}: a write was given up after {:?}", begun.elapsed());
    let refused = bounded(Note::on(0).set(Note::AMOUNT, 1).update(&tx)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
    let refused = bounded(other.commit()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::OutcomeUnknown, "{refused}");
    two.others_go_on().await;
    two.replica_serves().await;
    let refused = bounded(note(0).save(&two.cluster)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
    let refused = bounded(answering(&two.cluster, 0)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
    let refused = bounded(two.cluster.begin(Note::shard(0))).await;
    assert_eq!(
        refused.map(drop).unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    two.primary.hang(false);
    eventually("writes go on", async || {
        note(0).save(&two.cluster).await.is_ok()
    })
    .await;
}
