//! Statements at a fence while connections are scarce, and while the catalog hangs.

use std::time::Duration;

use shard_orm::prelude::*;
use shard_orm_tests::fixture::Fixture;
use shard_orm_tests::relay::Relay;
use shard_orm_tests::waiting::{cut, eventually};
use shard_orm_tests::{behaviours, scratch};
use tokio::time::timeout;

use crate::moves::{MOVING, fenced, order, switched, wait_for_the_switch};
use crate::{
    Order, Setting, document, initialized, initialized_with, open, process, settings,
    without_password,
};

/// Longer than any of these tests.
const LONG: Duration = Duration::from_hours(1);

/// Pools of one connection.
const ONE: &str = "pool = { max_connections = 1, acquire_timeout = '1m', sqlite_readers = 1 }";

/// A catalog whose document leads to it through a relay.
async fn catalog_behind_a_relay(fixture: &Fixture) -> Relay {
    let url = without_password(fixture.database_url());
    let relay = Relay::to(&url).await;
    // The database comes first; on PostgreSQL a server of the group has the same URL.
    let (from, to) = (format!("'{url}'"), format!("'{}'", relay.url(&url)));
    initialized_with(fixture, &document(fixture, "").replacen(&from, &to, 1)).await;
    relay
}

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn one_connection_is_enough_to_wait_for_the_switch(fixture: &Fixture) {
        let (catalog, first) = initialized_with(fixture, &document(fixture, ONE)).await;
        let cluster = open(fixture, None).await;
        Order::scatter().count(&cluster).await.unwrap();
        fenced(fixture).await;
        let catalog = catalog.allow_moves();
        wait_for_the_switch(fixture, cluster.clone(), async || {
            catalog.change(&first, &switched(&first), "moved").await.unwrap();
        })
        .await;
        let found = Order::scatter().count(&cluster).await.unwrap();
        assert!((5..=6).contains(&found), "{found}");
    }

    async fn a_transaction_with_the_only_connection_is_told_of_the_fence(fixture: &Fixture) {
        initialized_with(fixture, &document(fixture, ONE)).await;
        let cluster = open(fixture, None).await;
        order(fixture).insert(&cluster).await.unwrap();
        fenced(fixture).await;
        let tx = cluster.begin(Order::shard(fixture.key_of_shard(MOVING))).await.unwrap();
        let error = order(fixture).insert(&tx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShardMoved, "{error}");
        assert!(error.is_retryable());
    }

    async fn a_catalog_that_hangs_does_not_lengthen_the_wait(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        let relay = catalog_behind_a_relay(fixture).await;
        let brief = settings().timeout(LONG).switch_wait(Duration::from_millis(400));
        let cluster = Cluster::connect(&process(fixture, brief)).await.unwrap();
        fixture.raw_namespace(MOVING).set_record("state = 'fenced'").await;
        relay.hang(true);
        let outcome = timeout(Duration::from_secs(30), order(fixture).insert(&cluster)).await;
        let error = outcome.expect("the call waited for the catalog").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ShardMoved, "{error}");
    }

    async fn an_aborted_move_is_noticed_while_the_catalog_hangs(fixture: &Fixture) {
        if fixture.dialect == Dialect::Sqlite {
            return;
        }
        let relay = catalog_behind_a_relay(fixture).await;
        let slow = settings().timeout(LONG).switch_wait(LONG);
        let cluster = Cluster::connect(&process(fixture, slow)).await.unwrap();
        let source = fixture.raw_namespace(MOVING);
        source.set_record("state = 'fenced'").await;
        relay.hang(true);
        let waiting = tokio::spawn({
            let (cluster, order) = (cluster.clone(), order(fixture));
            async move { order.insert(&cluster).await }
        });
        source.set_record("state = 'active'").await;
        waiting.await.unwrap().unwrap();
        relay.hang(false);
    }

    async fn a_call_that_is_dropped_does_not_interrupt_a_change_of_the_topology(fixture: &Fixture) {
        let (catalog, _) = initialized(fixture).await;
        let folder = scratch::folder("copy");
        let copy = folder.path().join("topology.toml");
        // Only statements at the fence look at the catalog.
        let rarely = settings().poll(LONG).switch_wait(LONG);
        let cluster = Cluster::connect(&process(fixture, rarely.local_copy(&copy))).await.unwrap();
        fixture.raw_namespace(MOVING).set_record("state = 'fenced'").await;
        for polls in 1..30_u32 {
            catalog
                .edit("weight", |document| document.set_weight("shop", "server-1", polls))
                .await
                .unwrap();
            cut(order(fixture).insert(&cluster), polls).await;
            eventually("the local copy is that of the topology", async || {
                let epoch = cluster.topology().epoch();
                let text = std::fs::read_to_string(&copy).unwrap();
                text.contains(&format!("epoch = {epoch}\n"))
            })
            .await;
        }
        assert!(cluster.topology().epoch() > 1, "no call was dropped late enough");
    }
}
