//! Servers that are dead, slow or hang: each has its rule, takes a bounded time, and concerns nobody else.

use std::time::{Duration, Instant};

use shard_orm::Standing;
use shard_orm::config::{Fallback, Server};
use shard_orm::prelude::*;
use shard_orm_tests::relay::Relay;

use crate::on::On;
use crate::site::{Note, Site, answering, config, eventually, note, quick};

on_each! {
    a_dead_replica_leaves_its_reads_to_the_primary_and_comes_back
    a_read_whose_answer_is_lost_goes_to_the_primary
    a_slow_replica_leaves_the_rotation_and_comes_back
    a_hanging_replica_gives_up_its_reads
    a_dead_primary_stops_its_writes_alone
    a_hanging_primary_stops_its_writes_alone
}

/// No call takes longer, whatever its server does: three looks that time out, and what comes around them.
const BOUND: Duration = Duration::from_secs(5);

/// Two servers: `a`, which holds the users 0 and 1, by way of proxies and with a replica, and `b` with the others.
struct Two {
    a: Site,
    b: Site,
    primary: Relay,
    replica: Relay,
    cluster: Cluster,
}

impl Two {
    async fn new(on: On) -> Self {
        let (a, b) = tokio::join!(Site::new(on, 1), Site::new(on, 0));
        let primary = Relay::to(&a.url(0)).await;
        let replica = Relay::to(&a.url(1)).await;
        let servers = [
            Server::new("a", primary.url(&a.url(0))).replica(replica.url(&a.url(1))),
            Server::new("b", b.url(0)),
        ];
        let cluster = Cluster::connect(&config(servers, quick())).await.unwrap();
        let two = Self {
            a,
            b,
            primary,
            replica,
            cluster,
        };
        assert_eq!(two.replica_port().await.unwrap(), two.a.port(1));
        assert_eq!(answering(&two.cluster, 0).await.unwrap(), two.a.port(0));
        assert_eq!(answering(&two.cluster, 2).await.unwrap(), two.b.port(0));
        two
    }

    async fn replica_port(&self) -> shard_orm::Result<i64> {
        answering(self.cluster.read_from(Read::Replica), 0).await
    }

    /// Server `b` serves on, as fast as ever.
    async fn others_go_on(&self) {
        let begun = Instant::now();
        for round in 0..50 {
            let written = Note {
                amount: round,
                ..note(2)
            }
            .save(&self.cluster)
            .await;
            written.unwrap();
            answering(&self.cluster, 3).await.unwrap();
        }
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
    }
}

/// Runs a call that must not take long.
async fn bounded<T>(call: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let answer = tokio::time::timeout(BOUND, call).await;
    answer.unwrap_or_else(|_| panic!("no answer within {:?}", begun.elapsed()))
}

async fn a_dead_replica_leaves_its_reads_to_the_primary_and_comes_back(on: On) {
    let mut two = Two::new(on).await;
    two.a.nodes[1].kill9();
    for _ in 0..50 {
        assert_eq!(bounded(two.replica_port()).await.unwrap(), two.a.port(0));
    }
    eventually("it is named", async || {
        two.a.standing(&two.cluster, 1) == Standing::Unreachable
    })
    .await;
    assert!(two.cluster.health()[0].endpoints[1].problem.is_some());
    bounded(note(0).save(&two.cluster)).await.unwrap();
    two.others_go_on().await;

    two.a.nodes[1].restart().await.unwrap();
    eventually("it comes back", async || {
        two.replica_port().await.unwrap() == two.a.port(1)
    })
    .await;
}

async fn a_read_whose_answer_is_lost_goes_to_the_primary(on: On) {
    let two = Two::new(on).await;
    two.replica.lose_answers(true);
    for _ in 0..20 {
        assert_eq!(bounded(two.replica_port()).await.unwrap(), two.a.port(0));
    }
    two.replica.lose_answers(false);
    eventually("it comes back", async || {
        two.replica_port().await.unwrap() == two.a.port(1)
    })
    .await;
    // Now its connections end, and nobody listens.
    two.replica.close();
    for _ in 0..20 {
        assert_eq!(bounded(two.replica_port()).await.unwrap(), two.a.port(0));
    }
}

async fn a_slow_replica_leaves_the_rotation_and_comes_back(on: On) {
    let two = Two::new(on).await;
    // With both ways longer than a look may take.
    two.replica.delay(Duration::from_millis(400));
    eventually("it leaves the rotation", async || {
        two.a.standing(&two.cluster, 1) == Standing::Unreachable
    })
    .await;
    let begun = Instant::now();
    for _ in 0..50 {
        assert_eq!(bounded(two.replica_port()).await.unwrap(), two.a.port(0));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    two.others_go_on().await;
    two.replica.delay(Duration::ZERO);
    eventually("it comes back", async || {
        two.replica_port().await.unwrap() == two.a.port(1)
    })
    .await;
}

async fn a_hanging_replica_gives_up_its_reads(on: On) {
    let two = Two::new(on).await;
    let strict = {
        let server = Server::new("a", two.primary.url(&two.a.url(0)))
            .replica(two.replica.url(&two.a.url(1)));
        two.a
            .cluster_at(server, quick().fallback(Fallback::Refuse))
            .await
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
    eventually("it comes back", async || {
        two.replica_port().await.unwrap() == two.a.port(1)
    })
    .await;
}

async fn a_dead_primary_stops_its_writes_alone(on: On) {
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
        assert_eq!(bounded(two.replica_port()).await.unwrap(), two.a.port(1));
    }
    two.others_go_on().await;
    two.a.nodes[0].restart().await.unwrap();
    eventually("writes go on", async || {
        note(0).save(&two.cluster).await.is_ok()
    })
    .await;
}

async fn a_hanging_primary_stops_its_writes_alone(on: On) {
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
    assert_eq!(bounded(two.replica_port()).await.unwrap(), two.a.port(1));
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
