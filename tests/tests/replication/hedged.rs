//! Hedged reads over many shards.

use std::time::Duration;

use futures_util::future::join_all;
use shard_orm::config::Server;
use shard_orm::prelude::*;
use tokio::time::timeout;

use crate::fixture::{Fixture, LIMIT, Note, quick};
use crate::on::On;
use shard_orm_tests::relay::Relay;

on_each! {
    a_hedged_read_does_not_wait_for_a_replica_that_hangs
}

/// Reads enough to know what is usual.
const READS: u32 = 40;

async fn a_hedged_read_does_not_wait_for_a_replica_that_hangs(on: On) {
    let fixture = Fixture::new(on, 2).await;
    let proxy = Relay::to(&fixture.url(1)).await;
    let server = Server::new("a", fixture.url(0))
        .replica(proxy.url(&fixture.url(1)))
        .replica(fixture.url(2));
    // No look finds out that it hangs.
    let health = quick().probe_timeout(LIMIT * 10);
    let cluster = fixture.cluster_at(server, health).await;
    let count = |hedge: bool| {
        let query = Note::scatter().read(Read::Replica);
        let query = if hedge { query.hedge(0.9) } else { query };
        query.count(&cluster)
    };
    for _ in 0..READS {
        assert_eq!(count(true).await.unwrap(), 100);
    }
    proxy.hang(true);
    for _ in 0..READS {
        let count = timeout(LIMIT, count(true)).await;
        assert_eq!(count.expect("the other replica answers").unwrap(), 100);
    }
    // The same without hedging: some of them chose the replica that hangs.
    let reads = (0..READS).map(|_| timeout(Duration::from_secs(1), count(false)));
    let reads = join_all(reads).await;
    assert!(reads.iter().any(Result::is_err));
    assert!(reads.iter().any(Result::is_ok));
    proxy.hang(false);
}
