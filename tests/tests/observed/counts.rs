//! The counts of the statistics are those of the calls that were made.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use shard_orm::config::{PoolOptions, Read as Policy};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::waiting::cut;

use crate::{Order, calls, order, servers};

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn calls_errors_and_rows_are_counted_by_verb(fixture: &Fixture) {
        let on = &fixture.cluster;
        for id in 1..=5 {
            order(id, 1).insert(on).await.unwrap();
        }
        order(1, 1).insert(on).await.unwrap_err();
        assert_eq!(calls(on, "primary", "insert"), (6, 1, 5));
        Order::get(on, 1, 3).await.unwrap();
        assert_eq!(Order::find(on, 1, 77).await.unwrap(), None);
        assert_eq!(Order::on(1).all(on).await.unwrap().len(), 5);
        assert_eq!(calls(on, "primary", "select"), (3, 0, 6));
        Order::on(1).filter(Order::ID.le(2)).set(Order::ITEM, "coffee").update(on).await.unwrap();
        assert_eq!(calls(on, "primary", "update"), (1, 0, 2));
        let streamed: Vec<Order> = Order::on(1).stream(on).try_collect().await.unwrap();
        assert_eq!(streamed.len(), 5);
        assert_eq!(calls(on, "primary", "stream"), (1, 0, 5));
        assert!(servers(on, "replica").is_empty());
    }

    async fn statements_of_transactions_are_counted_with_their_commit(fixture: &Fixture) {
        let on = &fixture.cluster;
        let tx = on.begin(Order::shard(1)).await.unwrap();
        order(1, 1).insert(&tx).await.unwrap();
        assert_eq!(Order::on(1).count(&tx).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(calls(on, "primary", "insert"), (1, 0, 1));
        assert_eq!(calls(on, "primary", "commit"), (1, 0, 0));
    }

    async fn a_logical_shard_has_the_calls_of_its_keys(fixture: &Fixture) {
        let on = &fixture.cluster;
        let keys = fixture.key_of_each_shard();
        for (times, key) in keys.iter().enumerate() {
            for _ in 0..=times {
                Order::on(*key).count(on).await.unwrap();
            }
        }
        let statistics = on.statistics();
        let own = statistics.shards.iter().filter(|shard| shard.group == "shop");
        let counts: Vec<(u32, u64)> = own.map(|shard| (shard.shard, shard.windows.total.calls)).collect();
        assert_eq!(counts, [(0, 1), (1, 2), (2, 3), (3, 4)]);
        for shard in &statistics.shards {
            assert_eq!(shard.windows.one.calls, shard.windows.total.calls);
            assert_eq!(shard.windows.total.errors, 0);
        }
    }

    async fn a_scatter_counts_for_each_of_its_logical_shards(fixture: &Fixture) {
        let on = &fixture.cluster;
        assert_eq!(Order::scatter().count(on).await.unwrap(), 0);
        let statistics = on.statistics();
        let shards: Vec<u64> = statistics.shards.iter().map(|shard| shard.windows.total.calls).collect();
        assert_eq!(shards, [1; 4]);
    }

    async fn a_call_that_is_dropped_is_no_call_that_has_ended(fixture: &Fixture) {
        let on = &fixture.cluster;
        let dropped = cut(Order::on(1).count(on), 1).await;
        if dropped.is_none() {
            assert_eq!(calls(on, "primary", "count"), (0, 0, 0));
        }
    }

    async fn a_fingerprint_names_neither_values_nor_namespaces(fixture: &Fixture) {
        let on = &fixture.cluster;
        for key in fixture.key_of_each_shard() {
            Order::on(key).filter(Order::ITEM.eq("secret tea")).limit(1234).all(on).await.unwrap();
            let text = "SELECT id FROM {orders} WHERE item = 'secret tea' AND id < 123456";
            let _ids: Vec<(i64,)> = Order::on_shard_of(key).sql(text).all(on).await.unwrap();
        }
        let statements = on.statistics().statements;
        // The first call of each verb, server and duration is seen.
        let own = statements.iter().filter(|one| ["select", "sql"].contains(&&*one.verb));
        let texts: Vec<&str> = own.map(|one| &*one.fingerprint).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts.contains(&"SELECT id FROM orders WHERE item = ? AND id < ?"), "{texts:?}");
        for text in texts {
            assert!(!text.contains("secret") && !text.contains("1234") && !text.contains("shop_"), "{text}");
        }
        let tables = on.statistics().tables;
        assert!(tables.iter().any(|table| table.table == "orders"), "{tables:?}");
    }
}

mod on_replicas {
    use super::*;

    behaviours! { (Order), 4 shards on 2 servers, |options| options.replicas().read(Policy::Replica);
        async fn reads_are_counted_by_the_role_that_served_them(fixture: &Fixture) {
            let on = &fixture.cluster;
            order(1, 1).insert(on).await.unwrap();
            Order::on(1).count(on).await.unwrap();
            Order::on(1).count(on).await.unwrap();
            Order::on(1).count(on.read_from(Read::Primary)).await.unwrap();
            assert_eq!(calls(on, "replica", "count").0, 2);
            assert_eq!(calls(on, "primary", "count").0, 1);
            assert_eq!(calls(on, "primary", "insert"), (1, 0, 1));
        }
    }
}

mod of_pools {
    use super::*;

    behaviours! { (Order), 1 shards on 1 servers,
        |options| options.pool(PoolOptions::new().max_connections(1).sqlite_readers(1).acquire_timeout(Duration::from_millis(50)));
        async fn connections_in_use_are_those_of_open_transactions(fixture: &Fixture) {
            let on = &fixture.cluster;
            let in_use = || servers(on, "primary")[0].pools.iter().map(|pool| pool.in_use).sum::<u64>();
            let tx = on.begin(Order::shard(1)).await.unwrap();
            assert_eq!(in_use(), 1);
            let error = order(1, 1).insert(on).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PoolExhausted);
            tx.commit().await.unwrap();
            assert_eq!(in_use(), 0);
            assert_eq!(calls(on, "primary", "insert"), (1, 1, 0));
            assert!(servers(on, "primary")[0].pools[0].size >= 1);
        }
    }
}
