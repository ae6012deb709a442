//! Health checks of servers that are stopped, hang, or refuse writes.

use std::time::{Duration, Instant};

use shard_orm::config::{HealthOptions, Server};
use shard_orm::health::{EndpointStatus, ServerHealth};
use shard_orm::prelude::*;
use shard_orm_tests::servers::{Signal, signal_tree};

use crate::fixture::{Fixture, INTERVAL, LIMIT, eventually, note};
use crate::on::On;

on_each! {
    servers_without_replicas_are_probed
    a_dead_primary_with_a_replica_takes_no_writes
}

/// What a look waits for a server that hangs. A busy machine may miss one of a server that is well: that is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

fn impatient() -> HealthOptions {
    HealthOptions::new()
        .probe_interval(INTERVAL)
        .probe_timeout(PATIENCE)
}

/// The health of the only server, after it was asked.
async fn checked(cluster: &Cluster) -> ServerHealth {
    let begun = Instant::now();
    let mut servers = cluster.check_health().await;
    // Two looks, and a machine that is busy.
    assert!(begun.elapsed() < PATIENCE * 10, "{:?}", begun.elapsed());
    assert_eq!(servers.len(), 1);
    servers.remove(0)
}

async fn comes_to_take_writes(cluster: &Cluster) {
    eventually("it takes writes", async || {
        checked(cluster).await.takes_writes()
    })
    .await;
}

fn assert_unreachable(server: &ServerHealth) {
    assert!(!server.takes_writes(), "{server}");
    assert_eq!(server.primary, None, "{server}");
    assert_eq!(server.endpoints[0].status, EndpointStatus::Unreachable);
    assert!(server.endpoints[0].problem.is_some(), "{server}");
    assert!(!server.to_string().contains("is the primary"), "{server}");
}

async fn servers_without_replicas_are_probed(on: On) {
    let mut fixture = Fixture::new(on, 0).await;
    let server = || Server::new("a", fixture.url(0));
    let cluster = fixture.cluster_at(server(), impatient()).await;
    let other = fixture.cluster_at(server(), impatient()).await;

    // Nothing was asked yet.
    let known = &cluster.health()[0];
    assert!(!known.takes_writes() && !known.monitored, "{known}");
    assert_eq!(known.endpoints[0].status, EndpointStatus::Unknown);
    comes_to_take_writes(&cluster).await;
    assert_eq!(cluster.health()[0].primary, Some(0));
    // What statements meet is known too.
    note(0).save(&other).await.unwrap();
    assert!(other.health()[0].takes_writes());

    let pid = fixture.nodes[0].pid().unwrap();
    signal_tree(pid, Signal::SIGSTOP);
    let hanging = checked(&cluster).await;
    signal_tree(pid, Signal::SIGCONT);
    assert_unreachable(&hanging);
    let problem = hanging.endpoints[0].problem.as_ref().unwrap();
    assert!(problem.contains("probe_timeout"), "{problem}");
    comes_to_take_writes(&cluster).await;

    fixture.nodes[0].set_read_only(true).await.unwrap();
    let read_only = checked(&cluster).await;
    assert!(!read_only.takes_writes(), "{read_only}");
    assert!(read_only.serves_reads(), "{read_only}");
    let refused = note(0).save(&other).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    assert!(!other.health()[0].takes_writes());
    fixture.nodes[0].set_read_only(false).await.unwrap();
    comes_to_take_writes(&cluster).await;
    // Statements still go there: what a check finds decides nothing.
    note(0).save(&cluster).await.unwrap();

    fixture.nodes[0].kill9();
    assert_unreachable(&checked(&cluster).await);
    assert_unreachable(&cluster.health()[0]);
    let lost = tokio::time::timeout(LIMIT, note(0).save(&other)).await;
    lost.unwrap().unwrap_err();
    assert_unreachable(&other.health()[0]);

    fixture.nodes[0].restart().await.unwrap();
    comes_to_take_writes(&cluster).await;
    note(0).save(&other).await.unwrap();
    assert!(other.health()[0].takes_writes());
    assert!(checked(&other).await.takes_writes());

    cluster.close().await;
    assert_unreachable(&cluster.health()[0]);
    assert_unreachable(&checked(&cluster).await);
}

async fn a_dead_primary_with_a_replica_takes_no_writes(on: On) {
    let mut fixture = Fixture::new(on, 1).await;
    let cluster = fixture.cluster(impatient()).await;
    comes_to_take_writes(&cluster).await;

    let pid = fixture.nodes[0].pid().unwrap();
    signal_tree(pid, Signal::SIGSTOP);
    let hanging = checked(&cluster).await;
    signal_tree(pid, Signal::SIGCONT);
    assert_unreachable(&hanging);
    comes_to_take_writes(&cluster).await;

    fixture.nodes[0].kill9();
    let dead = checked(&cluster).await;
    assert_unreachable(&dead);
    assert_unreachable(&cluster.health()[0]);
    eventually("the replica serves reads", async || {
        checked(&cluster).await.serves_reads()
    })
    .await;

    fixture.nodes[0].restart().await.unwrap();
    comes_to_take_writes(&cluster).await;
    assert_eq!(cluster.health()[0].primary, Some(0));
    cluster.close().await;
    assert_unreachable(&checked(&cluster).await);
}
