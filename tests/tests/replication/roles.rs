//! Servers whose roles differ from the configuration.

use shard_orm::config::Server;
use shard_orm::health::EndpointStatus;
use shard_orm::prelude::*;
use shard_orm_tests::servers::Node;
use tracing::Level;

use crate::fixture::{Fixture, Note, answering, eventually, note, quick};
use crate::logs;
use crate::on::On;

on_each! {
    a_writable_replica_is_reported_and_not_used
    swapped_roles_are_reported_and_served
    two_writable_servers_receive_no_writes
    a_read_only_primary_without_a_successor_is_reported
}

fn is_named(cluster: &Cluster, port: i64, status: &str) -> bool {
    let health = cluster.health()[0].to_string();
    let port = port.to_string();
    health
        .lines()
        .any(|line| line.contains(&port) && line.contains(status))
}

async fn write(cluster: &Cluster, user: i64) -> shard_orm::Result<()> {
    let note = Note {
        amount: 9,
        ..note(user)
    };
    note.save(cluster).await.map(drop)
}

async fn a_writable_replica_is_reported_and_not_used(on: On) {
    logs::listen();
    let mut fixture = Fixture::new(on, 1).await;
    let cluster = fixture.cluster(quick()).await;
    let replica_port = async || {
        answering(cluster.read_from(Read::Replica), 0)
            .await
            .unwrap()
    };
    assert_eq!(replica_port().await, fixture.port(1));
    let port = fixture.port(1).to_string();
    if on.is_postgres() {
        fixture.nodes[1].promote().await.unwrap();
        // The higher timeline says which of the two was left behind.
        eventually("writes follow", async || {
            cluster.health()[0].primary == Some(1)
        })
        .await;
        cluster.check_health().await;
        assert_eq!(fixture.status(&cluster, 0), EndpointStatus::TakesWrites);
        assert!(
            is_named(&cluster, fixture.port(0), "takes writes"),
            "{}",
            cluster.health()[0]
        );
        assert!(logs::said(Level::WARN, &["has become the primary", &port]));
        let old = fixture.port(0).to_string();
        assert!(logs::said(Level::WARN, &["takes writes", &old]));
        write(&cluster, 1).await.unwrap();
        assert_eq!(fixture.amount_at(1, 1).await, 9);
        assert_eq!(fixture.amount_at(0, 1).await, 0);
        assert_eq!(replica_port().await, fixture.port(1));
    } else {
        fixture.nodes[1].set_read_only(false).await.unwrap();
        eventually("it is named", async || {
            fixture.status(&cluster, 1) == EndpointStatus::TakesWrites
        })
        .await;
        assert!(
            is_named(&cluster, fixture.port(1), "takes writes"),
            "{}",
            cluster.health()[0]
        );
        assert!(logs::said(Level::WARN, &["takes writes", &port]));
        assert_eq!(replica_port().await, fixture.port(0));
        let refused = write(&cluster, 1).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ReadOnly);
        assert!(refused.to_string().contains(&port), "{refused}");
        assert!(logs::said(Level::ERROR, &["writes are refused", &port]));

        fixture.nodes[1].set_read_only(true).await.unwrap();
        eventually("writes go on", async || write(&cluster, 1).await.is_ok()).await;
        assert_eq!(replica_port().await, fixture.port(1));
    }
}

async fn swapped_roles_are_reported_and_served(on: On) {
    logs::listen();
    let fixture = Fixture::new(on, 1).await;
    let server = Server::new("a", fixture.url(1)).replica(fixture.url(0));
    let cluster = fixture.cluster_at(server, quick()).await;
    // From the first call on.
    write(&cluster, 1).await.unwrap();
    assert_eq!(fixture.amount_at(0, 1).await, 9);
    assert_eq!(answering(&cluster, 1).await.unwrap(), fixture.port(0));
    assert_eq!(
        answering(cluster.read_from(Read::Replica), 1)
            .await
            .unwrap(),
        fixture.port(1)
    );
    let health = &cluster.health()[0];
    assert_eq!(health.primary, Some(1));
    assert!(
        is_named(&cluster, fixture.port(0), "is the primary"),
        "{health}"
    );
    assert!(
        is_named(&cluster, fixture.port(1), "serves reads"),
        "{health}"
    );
    let port = fixture.port(0).to_string();
    assert!(logs::said(
        Level::WARN,
        &["another endpoint has become the primary", &port]
    ));
}

async fn two_writable_servers_receive_no_writes(on: On) {
    logs::listen();
    let fixture = Fixture::new(on, 0).await;
    let mut stranger = Node::start_stranger(on.dialect).await.unwrap();
    let other = stranger.url_of(on.rights);
    let server = Server::new("a", fixture.url(0)).replica(other.clone());
    let cluster = fixture.cluster_at(server, quick()).await;
    let refused = write(&cluster, 1).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    let port = fixture.port(0).to_string();
    assert!(refused.to_string().contains(&port), "{refused}");
    assert!(logs::said(Level::ERROR, &["writes are refused", &port]));
    assert_eq!(cluster.health()[0].primary, None);
    assert_eq!(fixture.amount_at(0, 1).await, 0);
    let begun = cluster.begin(Note::shard(1)).await;
    assert_eq!(begun.map(drop).unwrap_err().kind(), ErrorKind::ReadOnly);
    // Reads go on, at the one that served before.
    assert_eq!(answering(&cluster, 1).await.unwrap(), fixture.port(0));
    assert_eq!(
        answering(cluster.read_from(Read::Replica), 1)
            .await
            .unwrap(),
        fixture.port(0)
    );

    stranger.stop().await.unwrap();
    eventually("writes go on", async || write(&cluster, 1).await.is_ok()).await;
    assert_eq!(fixture.amount_at(0, 1).await, 9);
}

async fn a_read_only_primary_without_a_successor_is_reported(on: On) {
    logs::listen();
    let fixture = Fixture::new(on, 2).await;
    let server = Server::new("a", fixture.url(1)).replica(fixture.url(2));
    let cluster = fixture.cluster_at(server, quick()).await;
    let refused = write(&cluster, 1).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    let port = fixture.port(1).to_string();
    assert!(refused.to_string().contains(&port), "{refused}");
    assert!(logs::said(Level::ERROR, &["writes are refused", &port]));
    // Reads are served as ever.
    answering(&cluster, 1).await.unwrap();
    answering(cluster.read_from(Read::Replica), 1)
        .await
        .unwrap();
}
