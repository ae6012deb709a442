//! The replica that serves a read.

use std::collections::HashMap;

use shard_orm::config::{Replica, Server};
use shard_orm::prelude::*;

use crate::fixture::{Fixture, Note, answering, eventually, quick};
use crate::on::On;

on_each! {
    replica_reads_reach_a_replica
    reads_are_shared_by_weight
}

impl Fixture {
    /// How often a server has read the table of notes, by its own count.
    async fn scans(&self, node: usize) -> i64 {
        let sql = if self.on.is_postgres() {
            "SELECT COALESCE(SUM(seq_scan + COALESCE(idx_scan, 0)), 0)::int8 \
             FROM pg_stat_user_tables WHERE relname = 'notes'"
        } else {
            "SELECT CAST(COALESCE(SUM(ROWS_READ), 0) AS SIGNED) \
             FROM information_schema.TABLE_STATISTICS WHERE TABLE_NAME = 'notes'"
        };
        self.nodes[node].number(sql).await.unwrap()
    }
}

async fn replica_reads_reach_a_replica(on: On) {
    const READS: i64 = 200;
    let fixture = Fixture::new(on, 1).await;
    if !on.is_postgres() {
        for node in &fixture.nodes {
            node.run("SET GLOBAL userstat = 1").await.unwrap();
        }
    }
    for (read, server, other) in [(Read::Replica, 1, 0), (Read::Primary, 0, 1)] {
        let cluster = fixture.cluster(quick()).await;
        let (before, others) = (fixture.scans(server).await, fixture.scans(other).await);
        for user in 0..READS {
            let user = user % 100;
            Note::get(cluster.read_from(read), user, user)
                .await
                .unwrap();
        }
        // PostgreSQL counts what a session did at its end.
        cluster.close().await;
        eventually("the reads are counted", async || {
            fixture.scans(server).await >= before + READS
        })
        .await;
        assert_eq!(fixture.scans(other).await, others, "{read:?}");
    }
}

async fn reads_are_shared_by_weight(on: On) {
    const READS: i64 = 2_000;
    let fixture = Fixture::new(on, 3).await;
    let server = Server::new("a", fixture.url(0))
        .replica(Replica::new(fixture.url(1)).weight(3))
        .replica(Replica::new(fixture.url(2)).weight(1))
        .replica(Replica::new(fixture.url(3)).weight(0));
    let cluster = fixture.cluster_at(server, quick()).await;
    let mut reads = HashMap::new();
    for user in 0..READS {
        let port = answering(cluster.read_from(Read::Replica), user % 100)
            .await
            .unwrap();
        *reads.entry(port).or_insert(0) += 1;
    }
    let of = |node| reads.get(&fixture.port(node)).copied().unwrap_or(0);
    assert_eq!(of(0), 0, "the primary was read");
    assert_eq!(of(3), 0, "a replica of weight 0 was read");
    // A fair 3:1 gives 1,500, with a standard deviation of 19.
    let heavy: i64 = of(1);
    assert!((1_400..=1_600).contains(&heavy), "{heavy} of {READS}");
    assert_eq!(heavy + of(2), READS);
}
