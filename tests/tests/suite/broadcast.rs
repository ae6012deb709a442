//! Raw SQL on every namespace or every server of a group.

mod bounds;
mod values;

use futures_util::FutureExt as _;
use shard_orm::prelude::*;
use shard_orm::query::{BroadcastReport, Outcome};
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, GROUP};

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    quantity: i32,
}

const SHARDS: u32 = 6;

/// Of the logical shard of number n, n orders of one piece.
async fn fill(fixture: &Fixture) {
    let keys = fixture.key_of_each_shard();
    let orders = keys.iter().enumerate().flat_map(|(shard, key)| {
        (0..shard).map(|_| Order {
            id: fixture.id(),
            user_id: *key,
            quantity: 1,
        })
    });
    Order::insert_many(&fixture.cluster, orders.collect())
        .await
        .unwrap();
}

/// Takes the table away from one logical shard.
async fn break_shard(fixture: &Fixture, shard: u32) {
    let text = match fixture.dialect {
        Dialect::Sqlite => "DROP TABLE orders".to_owned(),
        _ => format!(
            "DROP TABLE {}.orders",
            fixture.namespace().replace("{shard}", &shard.to_string())
        ),
    };
    Order::on_shard(shard)
        .sql(AssertSqlSafe(text))
        .execute(&fixture.cluster)
        .await
        .unwrap();
}

/// Of each logical shard: whether it was begun, and whether it was done.
fn states<T>(report: &BroadcastReport<T>) -> Vec<Option<bool>> {
    let state = |outcome: &Outcome<T>| outcome.result.as_ref().map(Result::is_ok);
    report.outcomes.iter().map(state).collect()
}

/// The placeholders of the first two arguments.
fn arguments(fixture: &Fixture) -> [&'static str; 2] {
    match fixture.dialect {
        Dialect::Postgres => ["$1", "$2"],
        _ => ["?", "?"],
    }
}

/// How many pieces there are in each logical shard; those without the table have none.
async fn pieces(fixture: &Fixture) -> Vec<i32> {
    let mut all = Vec::new();
    for shard in 0..SHARDS {
        let rows = Order::on_shard(shard)
            .select(Order::QUANTITY)
            .all(&fixture.cluster)
            .await;
        all.push(rows.unwrap_or_default().into_iter().sum());
    }
    all
}

const ADD: &str = "UPDATE {orders} SET quantity = quantity + 1";

behaviours! { (Order), 6 shards on 2 servers, |options| options;
    async fn broadcast_reports_namespaces_in_order(fixture: &Fixture) {
        fill(fixture).await;
        let report = fixture.cluster.broadcast(GROUP).sql("SELECT COUNT(*) FROM {orders}").all::<i64>().await.unwrap();
        assert!(report.is_done());
        assert_eq!(report.failed().count(), 0);
        let places: Vec<String> = report.outcomes.iter().map(Outcome::place).collect();
        assert_eq!(places, ["shop/0", "shop/1", "shop/2", "shop/3", "shop/4", "shop/5"]);
        let servers: Vec<&str> = report.outcomes.iter().map(|outcome| &*outcome.server).collect();
        assert_eq!(servers, ["server-0", "server-0", "server-0", "server-1", "server-1", "server-1"]);
        assert_eq!(report.into_result().unwrap(), [[0], [1], [2], [3], [4], [5]]);
    }

    async fn broadcast_counts_affected_rows_per_namespace(fixture: &Fixture) {
        fill(fixture).await;
        let done = fixture.cluster.broadcast(GROUP).sql(ADD).execute().await.unwrap();
        assert_eq!(done.into_result().unwrap(), [0, 1, 2, 3, 4, 5]);
        let [to, from] = arguments(fixture);
        let text = AssertSqlSafe(format!("UPDATE {{orders}} SET quantity = {to} WHERE quantity = {from}"));
        let with_arguments = fixture.cluster.broadcast(GROUP).sql(text).bind(7_i32).bind(2_i32).in_order();
        assert_eq!(with_arguments.execute().await.unwrap().into_result().unwrap(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(pieces(fixture).await, [0, 7, 14, 21, 28, 35]);
    }

    async fn in_order_broadcast_stops_at_the_first_error(fixture: &Fixture) {
        fill(fixture).await;
        break_shard(fixture, 3).await;
        let report = fixture.cluster.broadcast(GROUP).sql(ADD).in_order().execute().await.unwrap();
        assert_eq!(states(&report), [Some(true), Some(true), Some(true), Some(false), None, None]);
        assert!(!report.is_done());
        // The others have not changed.
        assert_eq!(pieces(fixture).await, [0, 2, 4, 0, 4, 5]);
        let error = report.into_result().unwrap_err();
        assert_eq!((error.kind(), error.shard().unwrap().shard), (ErrorKind::UndefinedTable, 3));
        let numbers = |shards: &[shard_orm::error::ShardId]| shards.iter().map(|id| id.shard).collect::<Vec<_>>();
        assert_eq!(numbers(error.done_shards()), [0, 1, 2]);
        assert_eq!(numbers(error.failed_shards()), [3, 4, 5]);
    }

    async fn go_on_runs_every_statement_despite_errors(fixture: &Fixture) {
        fill(fixture).await;
        break_shard(fixture, 3).await;
        for query in [fixture.cluster.broadcast(GROUP).sql(ADD).in_order(), fixture.cluster.broadcast(GROUP).sql(ADD).parallel(4)] {
            let report = query.go_on().execute().await.unwrap();
            let expected = [true, true, true, false, true, true].map(Some);
            assert_eq!(states(&report), expected);
            let (outcome, error) = report.failed().next().unwrap();
            assert_eq!((outcome.place(), error.kind()), ("shop/3".to_owned(), ErrorKind::UndefinedTable));
        }
        assert_eq!(pieces(fixture).await, [0, 3, 6, 0, 12, 15]);
    }

    async fn broadcast_awaits_running_statements_after_an_error(fixture: &Fixture) {
        fill(fixture).await;
        break_shard(fixture, 0).await;
        let report = fixture.cluster.broadcast(GROUP).sql(ADD).parallel(2).stop_at_first_error().execute().await.unwrap();
        let states = states(&report);
        assert_eq!((states[0], states[1]), (Some(false), Some(true)));
        // What the report says was done is what was done.
        let done: Vec<bool> = states.iter().map(|state| *state == Some(true)).collect();
        let changed: Vec<bool> = pieces(fixture).await.into_iter().zip(0..).map(|(pieces, shard)| pieces == 2 * shard).collect();
        assert_eq!(done[1..], changed[1..]);
    }

    async fn each_server_runs_the_statement_once_per_server(fixture: &Fixture) {
        let to_servers = || fixture.cluster.broadcast(GROUP).each_server();
        let text = match fixture.dialect {
            Dialect::Postgres => "SELECT 7::bigint",
            _ => "SELECT CAST(7 AS SIGNED)",
        };
        let report = to_servers().sql(text).all::<i64>().await;
        if fixture.dialect == Dialect::Sqlite {
            assert_eq!(kind(report), ErrorKind::Unsupported);
            return;
        }
        let report = report.unwrap();
        let places: Vec<String> = report.outcomes.iter().map(Outcome::place).collect();
        assert_eq!(places, ["server-0", "server-1"]);
        assert!(report.outcomes.iter().all(|outcome| outcome.shard.is_none()));
        assert_eq!(report.into_result().unwrap(), [[7], [7]]);

        let error = to_servers().sql("SELECT 1 FROM no_such.table_at_all").go_on().execute().await.unwrap();
        let error = error.into_result().unwrap_err();
        assert!(error.shard().is_none() && error.failed_shards().is_empty());
        let words = error.to_string();
        assert!(words.contains("(server `server-0`)"), "{words}");
        assert!(words.contains("not done on `server-0`, `server-1`; done on no server"), "{words}");
        let named = to_servers().sql("SELECT 1 FROM {orders}").execute().await;
        assert_eq!(kind(named), ErrorKind::Unsupported);
    }

    async fn an_unknown_group_is_named_with_the_known_ones(fixture: &Fixture) {
        for group in ["shops", "shop; DROP TABLE orders", "shop\"", ""] {
            let error = fixture.cluster.broadcast(group).sql(ADD).execute().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains("the configuration has `shop`"), "{error}");
        }
    }

    async fn broadcast_refuses_unknown_table_names(fixture: &Fixture) {
        fill(fixture).await;
        let texts = [
            "DELETE FROM {orders; DROP TABLE x}", "DELETE FROM {\"orders\"}", "DELETE FROM {orders`}", "DELETE FROM {}",
            "DELETE FROM {orders} WHERE {", "DELETE FROM {shop_0.orders}", "SELECT {orders.*} FROM {orders}",
        ];
        for text in texts {
            let refused = fixture.cluster.broadcast(GROUP).sql(text).go_on().execute().await;
            assert_eq!(kind(refused), ErrorKind::Unsupported, "{text}");
        }
        let columns = fixture.cluster.broadcast(GROUP).sql("SELECT {orders.*} FROM {orders}").execute().await.unwrap_err();
        assert!(columns.to_string().contains("list the columns"), "{columns}");
        assert_eq!(pieces(fixture).await, [0, 1, 2, 3, 4, 5]);
    }

    async fn broadcast_binds_arguments(fixture: &Fixture) {
        fill(fixture).await;
        let [first, _] = arguments(fixture);
        let text = AssertSqlSafe(format!("SELECT COUNT(*) FROM {{orders}} WHERE CAST(quantity AS CHAR(1)) = {first}"));
        let hostile = fixture.cluster.broadcast(GROUP).sql(text).bind("1' OR '1' = '1; {orders}".to_owned());
        assert_eq!(hostile.all::<i64>().await.unwrap().into_result().unwrap(), vec![vec![0]; 6]);
    }

    async fn broadcast_reports_an_unreachable_server(fixture: &Fixture) {
        fill(fixture).await;
        let gone = match fixture.dialect {
            Dialect::Sqlite => "sqlite:///no/such/folder".to_owned(),
            Dialect::Postgres => "postgres://nobody:s3cr3t@127.0.0.1:1/none".to_owned(),
            _ => "mysql://nobody:s3cr3t@127.0.0.1:1".to_owned(),
        };
        let servers = [fixture.server_urls()[0].clone(), gone];
        let half = Cluster::connect(&fixture.config_of(&servers, fixture.namespace())).await.unwrap();
        let report = half.broadcast(GROUP).sql(ADD).go_on().execute().await.unwrap();
        let expected = [true, true, true, false, false, false].map(Some);
        assert_eq!(states(&report), expected);
        let down = if fixture.dialect == Dialect::Sqlite { ErrorKind::UndefinedTable } else { ErrorKind::Unavailable };
        for (outcome, error) in report.failed() {
            assert_eq!((&*outcome.server, error.kind()), ("server-1", down));
            assert!(!format!("{error:?}").contains("s3cr3t"));
        }
        assert_eq!(pieces(fixture).await, [0, 2, 4, 3, 4, 5]);
        half.close().await;
    }

    async fn a_dropped_broadcast_starts_no_further_statements(fixture: &Fixture) {
        fill(fixture).await;
        let key = fixture.key_of_shard(0);
        Order { id: fixture.id(), user_id: key, quantity: 1 }.insert(&fixture.cluster).await.unwrap();
        // The first one waits for what this has written.
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        Order::on(key).set(Order::QUANTITY, 9).update(&tx).await.unwrap();
        let mut call = Box::pin(fixture.cluster.broadcast(GROUP).sql(ADD).in_order().execute());
        for _ in 0..50 {
            assert!((&mut call).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        drop(call);
        tx.rollback().await.unwrap();
        assert_eq!(pieces(fixture).await[1..], [1, 2, 3, 4, 5]);
        let all = fixture.cluster.broadcast(GROUP).sql(ADD).execute().await.unwrap();
        assert_eq!(all.into_result().unwrap(), [1, 1, 2, 3, 4, 5]);
    }
}
