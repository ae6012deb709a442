//! Raw SQL on several logical shards, with a reducer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{FutureExt as _, TryStreamExt as _, future};
use shard_orm::config::PoolOptions;
use shard_orm::prelude::*;
use shard_orm::sqlx::{self, AssertSqlSafe};
use shard_orm::{Error, query::ShardRows};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, FixtureOptions, GROUP};

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    item: String,
    quantity: i32,
}

const SHARDS: u32 = 16;

/// Of the logical shard of number n, n orders: of one piece, two pieces and so on.
async fn fill(fixture: &Fixture) -> Vec<i64> {
    let keys = fixture.key_of_each_shard();
    let orders = keys.iter().enumerate().flat_map(|(shard, key)| {
        (1..=shard).map(|number| Order {
            id: fixture.id(),
            user_id: *key,
            item: format!("item {number}"),
            quantity: i32::try_from(number).unwrap(),
        })
    });
    Order::insert_many(&fixture.cluster, orders.collect())
        .await
        .unwrap();
    keys
}

/// The placeholder of the first argument.
fn argument(fixture: &Fixture) -> &'static str {
    match fixture.dialect {
        Dialect::Postgres => "$1",
        _ => "?",
    }
}

/// The number of the shard, and the quantities of its rows.
async fn gathered(
    mut rows: ShardRows<'_, (String, i32)>,
) -> shard_orm::Result<Vec<(u32, Vec<i32>)>> {
    let mut quantities = Vec::new();
    while let Some((item, quantity)) = rows.try_next().await? {
        assert_eq!(item, format!("item {quantity}"));
        quantities.push(quantity);
    }
    quantities.sort_unstable();
    Ok(vec![(rows.shard().shard, quantities)])
}

fn joined<T>(mut all: Vec<T>, more: Vec<T>) -> Vec<T> {
    all.extend(more);
    all
}

const ALL: &str = "SELECT item, quantity FROM {orders}";

behaviours! { (Order), 16 shards on 2 servers, |options| options;
    async fn reduce_merges_shards_in_order(fixture: &Fixture) {
        fill(fixture).await;
        let text = AssertSqlSafe(format!("{ALL} WHERE quantity > {}", argument(fixture)));
        let found = Order::scatter().sql(text).bind(3).reduce(&fixture.cluster, gathered, joined).await.unwrap();
        let expected: Vec<(u32, Vec<i32>)> =
            (0..SHARDS).map(|shard| (shard, (4..=i32::try_from(shard).unwrap()).collect())).collect();
        assert_eq!(found, Some(expected));
    }

    async fn reduce_queries_each_shard_once_for_several_keys(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let asked = AtomicUsize::new(0);
        // More than one condition of keys holds.
        let many = fixture.neighbours(keys[5], 2_500);
        let keys = many.into_iter().chain([keys[9], keys[5], keys[2]]);
        let found = Order::on_shards_of(keys)
            .sql(ALL)
            .reduce(
                &fixture.cluster,
                |rows| {
                    asked.fetch_add(1, Ordering::Relaxed);
                    gathered(rows)
                },
                joined,
            )
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.iter().map(|(shard, _)| *shard).collect::<Vec<_>>(), [2, 5, 9]);
        assert_eq!(found[1].1, [1, 2, 3, 4, 5]);
        assert_eq!(asked.into_inner(), 3);
        let none = Order::on_shards_of::<i64>([]).sql(ALL).reduce(&fixture.cluster, gathered, joined).await.unwrap();
        assert_eq!(none, None);
    }

    async fn reduce_works_on_one_shard(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let found = Order::on_shard_of(keys[3]).sql(ALL).reduce(&fixture.cluster, gathered, joined).await.unwrap();
        assert_eq!(found, Some(vec![(3, vec![1, 2, 3])]));
        let found = Order::on_shard(4).sql(ALL).reduce(&fixture.cluster, gathered, joined).await.unwrap();
        assert_eq!(found, Some(vec![(4, vec![1, 2, 3, 4])]));
    }

    async fn a_closure_that_stops_early_returns_its_connection(fixture: &Fixture) {
        fill(fixture).await;
        for _ in 0..3 {
            let firsts = Order::scatter()
                .sql("SELECT quantity FROM {orders} ORDER BY quantity DESC")
                .reduce(&fixture.cluster, async |mut rows: ShardRows<'_, i32>| rows.try_next().await, Option::max)
                .await
                .unwrap();
            assert_eq!(firsts, Some(Some(15)));
        }
        assert_eq!(Order::scatter().count(&fixture.cluster).await.unwrap(), 120);
    }

    async fn reduce_runs_in_spawned_tasks(fixture: &Fixture) {
        fill(fixture).await;
        let cluster = fixture.cluster.clone();
        let task = tokio::spawn(async move {
            let counts = cluster.broadcast(GROUP).sql("SELECT COUNT(*) FROM {orders}").all::<i64>().await?.into_result()?;
            let part = async |rows: ShardRows<'_, (String, i32)>| gathered(rows).await;
            let parts = Order::scatter().sql(ALL).reduce(&cluster, part, joined).await?;
            Ok::<_, Error>((counts.len(), parts.map_or(0, |parts| parts.len())))
        });
        assert_eq!(task.await.unwrap().unwrap(), (16, 16));
    }

    async fn reduce_gives_rows_as_a_stream(fixture: &Fixture) {
        fill(fixture).await;
        let sum = Order::scatter()
            .sql("SELECT quantity FROM {orders}")
            .reduce(
                &fixture.cluster,
                |rows: ShardRows<'_, i32>| rows.try_fold(0_i64, |sum, one| future::ok(sum + i64::from(one))),
                |one, other| one + other,
            )
            .await
            .unwrap();
        assert_eq!(sum, Some((1..16_i64).map(|shard| shard * (shard + 1) / 2).sum()));
    }

    async fn a_failing_shard_is_named_and_cancels_the_others(fixture: &Fixture) {
        fill(fixture).await;
        let text = match fixture.dialect {
            Dialect::Sqlite => "DROP TABLE orders".to_owned(),
            _ => format!("DROP TABLE {}.orders", fixture.namespace().replace("{shard}", "6")),
        };
        Order::on_shard(6).sql(AssertSqlSafe(text)).execute(&fixture.cluster).await.unwrap();
        let error = Order::scatter().sql(ALL).reduce(&fixture.cluster, gathered, joined).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UndefinedTable);
        assert_eq!(error.shard().unwrap().to_string(), format!("{GROUP}/6"));
        let rest = fixture.key_of_shard(7);
        assert_eq!(Order::on(rest).count(&fixture.cluster).await.unwrap(), 0);
    }

    async fn an_error_of_a_closure_names_its_shard(fixture: &Fixture) {
        fill(fixture).await;
        let wrong = async |rows: ShardRows<'_, i32>| {
            if rows.shard().shard == 3 {
                return Err(Error::new(ErrorKind::Invalid, "not this one"));
            }
            rows.try_collect::<Vec<i32>>().await
        };
        let query = || Order::scatter().sql("SELECT quantity FROM {orders}");
        let error = query().reduce(&fixture.cluster, wrong, joined).await.unwrap_err();
        assert_eq!((error.kind(), error.shard().unwrap().shard), (ErrorKind::Invalid, 3));
        // A result that is not what it is read as.
        let texts = async |rows: ShardRows<'_, String>| rows.try_collect::<Vec<String>>().await;
        assert_eq!(kind(query().reduce(&fixture.cluster, texts, joined).await), ErrorKind::Decode);
        let pairs = async |rows: ShardRows<'_, (i32, i32)>| rows.try_collect::<Vec<(i32, i32)>>().await;
        assert_eq!(kind(query().reduce(&fixture.cluster, pairs, joined).await), ErrorKind::Decode);
        assert_eq!(Order::scatter().count(&fixture.cluster).await.unwrap(), 120);
    }

    async fn single_shard_verbs_suggest_the_verb_for_several_shards(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let cluster = &fixture.cluster;
        let one = keys[0];
        let refused = [
            kind_and_words(Order::scatter().sql(ALL).all::<(String, i32)>(cluster).await),
            kind_and_words(Order::scatter().sql(ALL).first::<(String, i32)>(cluster).await),
            kind_and_words(Order::scatter().sql("DELETE FROM {orders}").execute(cluster).await),
            kind_and_words(Order::on_shards_of(keys).sql("DELETE FROM {orders}").execute(cluster).await),
            // Whatever their number is: a query does not depend on its keys.
            kind_and_words(Order::on_shards_of([one]).sql("DELETE FROM {orders}").execute(cluster).await),
        ];
        for (kind, words) in refused {
            assert_eq!(kind, ErrorKind::Unsupported);
            assert!(words.contains("`reduce`"), "{words}");
        }
        assert_eq!(Order::scatter().count(cluster).await.unwrap(), 120);
        // What may write is not given up half-way.
        let limited = Order::scatter().deadline(Duration::from_secs(60)).sql(ALL);
        assert_eq!(kind(limited.reduce(cluster, gathered, joined).await), ErrorKind::Unsupported);
    }

    async fn a_transaction_reduces_its_own_shard(fixture: &Fixture) {
        let keys = fill(fixture).await;
        let tx = fixture.cluster.begin(Order::shard(keys[3])).await.unwrap();
        Order::on(keys[3]).filter(Order::QUANTITY.eq(2)).delete(&tx).await.unwrap();
        let found = Order::on_shards_of([keys[3]]).sql(ALL).reduce(&tx, gathered, joined).await.unwrap();
        assert_eq!(found, Some(vec![(3, vec![1, 3])]));
        assert_eq!(kind(Order::scatter().sql(ALL).reduce(&tx, gathered, joined).await), ErrorKind::CrossShard);
        tx.rollback().await.unwrap();
    }
}

fn kind_and_words<T: std::fmt::Debug>(result: shard_orm::Result<T>) -> (ErrorKind, String) {
    let error = result.expect_err("it should have been refused");
    (error.kind(), error.to_string())
}

mod small_pools {
    use super::*;

    behaviours! { (Order), 16 shards on 2 servers,
        |options| options.pool(
            PoolOptions::new().max_connections(1).sqlite_readers(1).acquire_timeout(Duration::from_secs(2))
        );
        async fn slow_closures_share_a_pool_of_one_without_timeouts(fixture: &Fixture) {
            fill(fixture).await;
            // Eight of a server, which together take longer than a connection is waited for.
            let slow = async |mut rows: ShardRows<'_, (String, i32)>| {
                let first = rows.try_next().await?;
                tokio::time::sleep(Duration::from_millis(280)).await;
                let rest: Vec<_> = rows.try_collect().await?;
                Ok(rest.len() + usize::from(first.is_some()))
            };
            let count = Order::scatter().sql(ALL).reduce(&fixture.cluster, slow, |one, other| one + other).await;
            assert_eq!(count.unwrap(), Some(120));
        }
    }
}

mod dropped {
    use super::*;

    behaviours! { (Order), 16 shards on 2 servers,
        |options| options.pool(PoolOptions::new().max_connections(1).sqlite_readers(1));
        async fn a_dropped_reduce_returns_its_connections(fixture: &Fixture) {
            fill(fixture).await;
            for polls in 1..6 {
                let mut call = Order::scatter().sql(ALL).reduce(&fixture.cluster, gathered, joined);
                for _ in 0..polls {
                    if (&mut call).now_or_never().is_some() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                drop(call);
                assert_eq!(Order::scatter().count(&fixture.cluster).await.unwrap(), 120);
            }
        }
    }
}

/// The rows so far have been handed on, and what the statement does is not known.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn raw_sql_is_not_retried_after_a_lost_connection() {
    let fixture = FixtureOptions::new(Dialect::Postgres, 1, 1)
        .open(|setup| setup.table::<Order>())
        .await;
    let asked = AtomicUsize::new(0);
    let cut = async |mut rows: ShardRows<'_, i32>| {
        asked.fetch_add(1, Ordering::Relaxed);
        let process = rows.try_next().await?.unwrap();
        let mut other = fixture.cluster.connection(Order::shard(1)).await?;
        let end = sqlx::query("SELECT pg_terminate_backend($1)").bind(process);
        end.execute(other.postgres()?).await.unwrap();
        other.give_back();
        rows.try_collect::<Vec<i32>>().await
    };
    let text = "SELECT pg_backend_pid() FROM generate_series(1, 2000000)";
    let lost = Order::scatter()
        .sql(text)
        .reduce(&fixture.cluster, cut, joined)
        .await;
    assert_eq!(kind(lost), ErrorKind::OutcomeUnknown);
    assert_eq!(asked.into_inner(), 1);
}

/// Nothing is copied to the replicas of SQLite, so that a read shows where it went.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn read_from_routes_raw_sql() {
    let fixture = FixtureOptions::new(Dialect::Sqlite, 4, 2)
        .replicas()
        .read(Read::Replica)
        .open(|setup| setup.table::<Order>())
        .await;
    let key = fixture.key();
    let row = Order {
        id: 1,
        user_id: key,
        item: "tea".into(),
        quantity: 1,
    };
    row.insert(fixture.replica.as_ref().unwrap()).await.unwrap();
    let text = "SELECT quantity FROM {orders}";
    let count = async |rows: ShardRows<'_, i32>| Ok(rows.try_collect::<Vec<i32>>().await?.len());
    let sum = |one, other| one + other;
    let reduced = |query: shard_orm::Query<Order, shard_orm::query::AllShards>| {
        query.sql(text).reduce(&fixture.cluster, count, sum)
    };
    assert_eq!(reduced(Order::scatter()).await.unwrap(), Some(0));
    let of_replicas = Order::scatter().read(Read::Replica);
    assert_eq!(reduced(of_replicas).await.unwrap(), Some(1));
    let one = Order::query()
        .read(Read::Replica)
        .on_shard_of(key)
        .sql(text);
    assert_eq!(one.all::<i32>(&fixture.cluster).await.unwrap(), [1]);
    let of_primary = Order::on_shard_of(key)
        .sql(text)
        .all::<i32>(&fixture.cluster)
        .await;
    assert_eq!(of_primary.unwrap(), Vec::<i32>::new());
}
