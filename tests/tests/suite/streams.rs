//! Streams of rows.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use shard_orm::config::PoolOptions;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "points")]
struct Point {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    value: i32,
    text: String,
}

async fn filled(fixture: &Fixture, key: i64, count: i32) {
    let rows = (0..count)
        .map(|value| Point {
            id: fixture.id(),
            user_id: key,
            value,
            text: format!("text of {value}"),
        })
        .collect();
    Point::insert_many(&fixture.cluster, rows).await.unwrap();
}

behaviours! { (Point), 4 shards on 2 servers,
    |options| options.pool(PoolOptions::new().max_connections(2).sqlite_readers(2).acquire_timeout(Duration::from_secs(2)));
    async fn a_stream_gives_ten_thousand_rows_in_order(fixture: &Fixture) {
        let key = fixture.key();
        filled(fixture, key, 10_000).await;
        let values: Vec<i32> =
            Point::on(key).order_by(Point::VALUE).select(Point::VALUE).stream(&fixture.cluster).try_collect().await.unwrap();
        assert!(values.into_iter().eq(0..10_000));
    }

    async fn a_dropped_stream_returns_its_connection(fixture: &Fixture) {
        let key = fixture.key();
        filled(fixture, key, 3_000).await;
        // More often than the pool has connections.
        for _ in 0..10 {
            let mut stream = Point::on(key).order_by(Point::VALUE).stream(&fixture.cluster);
            for expected in 0..5 {
                assert_eq!(stream.next().await.unwrap().unwrap().value, expected);
            }
            drop(stream);
            assert_eq!(Point::on(key).count(&fixture.cluster).await.unwrap(), 3_000);
        }
        // One that was never asked for a row.
        drop(Point::on(key).stream(&fixture.cluster));
        filled(fixture, key, 1).await;
        assert_eq!(Point::on(key).count(&fixture.cluster).await.unwrap(), 3_001);
    }

    async fn other_statements_run_while_a_stream_is_open(fixture: &Fixture) {
        let key = fixture.key();
        filled(fixture, key, 100).await;
        let mut stream = Point::on(key).order_by(Point::VALUE).stream(&fixture.cluster);
        let mut sum = 0;
        while let Some(row) = stream.next().await {
            let row = row.unwrap();
            Point::on(key).filter(Point::ID.eq(row.id)).increment(Point::VALUE, 1_000).update(&fixture.cluster).await.unwrap();
            sum += row.value;
        }
        assert_eq!(sum, (0..100).sum::<i32>());
        assert_eq!(Point::on(key).filter(Point::VALUE.ge(1_000)).count(&fixture.cluster).await.unwrap(), 100);
    }

    async fn a_stream_of_several_keys_gives_the_rows_of_all(fixture: &Fixture) {
        let keys = fixture.key_of_each_shard();
        for key in &keys {
            filled(fixture, *key, 30).await;
            filled(fixture, fixture.neighbours(*key, 1)[0], 3).await;
        }
        let rows: Vec<Point> = Point::on_each(keys.clone()).stream(&fixture.cluster).try_collect().await.unwrap();
        assert_eq!(rows.len(), keys.len() * 30);
        assert!(rows.iter().all(|row| keys.contains(&row.user_id)));
        let none: Vec<Point> = Point::on_each(Vec::<i64>::new()).stream(&fixture.cluster).try_collect().await.unwrap();
        assert_eq!(none, []);
    }

    async fn a_stream_completes_in_a_transaction(fixture: &Fixture) {
        let key = fixture.key();
        let tx = fixture.cluster.begin(Point::shard(key)).await.unwrap();
        Point { id: fixture.id(), user_id: key, value: 1, text: String::new() }.insert(&tx).await.unwrap();
        let rows: Vec<Point> = Point::on(key).stream(&tx).try_collect().await.unwrap();
        assert_eq!(rows.len(), 1);
        // Another statement while it runs is refused, and it goes on.
        let mut stream = Point::on(key).stream(&tx);
        stream.next().await.unwrap().unwrap();
        assert_eq!(kind(Point::on(key).count(&tx).await), ErrorKind::TransactionBusy);
        assert!(stream.next().await.is_none());
        drop(stream);
        tx.commit().await.unwrap();
        assert_eq!(Point::on(key).count(&fixture.cluster).await.unwrap(), 1);
    }

    async fn dropping_a_stream_ends_its_transaction(fixture: &Fixture) {
        let key = fixture.key();
        filled(fixture, key, 100).await;
        let tx = fixture.cluster.begin(Point::shard(key)).await.unwrap();
        Point { id: fixture.id(), user_id: key, value: 1, text: String::new() }.insert(&tx).await.unwrap();
        let mut stream = Point::on(key).stream(&tx);
        stream.next().await.unwrap().unwrap();
        drop(stream);
        assert_eq!(kind(Point::on(key).count(&tx).await), ErrorKind::TransactionEnded);
        assert_eq!(kind(tx.commit().await), ErrorKind::TransactionEnded);
        assert_eq!(Point::on(key).count(&fixture.cluster).await.unwrap(), 100);
    }

    async fn a_refused_query_is_an_error_of_its_stream(fixture: &Fixture) {
        let key = fixture.key();
        let mut refused = Point::on(key).for_update().stream(&fixture.cluster);
        assert_eq!(kind(refused.next().await.unwrap()), ErrorKind::Unsupported);
        assert!(refused.next().await.is_none());
        let filter = shard_orm::Filter::expr(shard_orm::sea_query::Expr::cust("no_such_column = 1"));
        let mut failing = Point::on(key).filter(filter).stream(&fixture.cluster);
        let error = failing.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UndefinedTable);
        assert!(error.shard().is_some());
        drop(failing);
        assert_eq!(Point::on(key).count(&fixture.cluster).await.unwrap(), 0);
    }
}
