//! Joins over several logical shards equal joins in one database.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use shard_orm::config::PoolOptions;
use shard_orm::prelude::*;
use shard_orm::query::{AllColumns, Unscoped};
use shard_orm::relation::Join;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, FixtureOptions};

use super::counted::counted;
use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
#[shard(has_many(lines = "Line", by = "order_id"))]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(collation = "binary", length = 20)]
    item: String,
    rank: Option<i32>,
    #[shard(length = 20)]
    folded: String,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "lines")]
#[shard(belongs_to(product = "Product", by = "product_id"))]
struct Line {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    order_id: i64,
    product_id: Option<i64>,
    quantity: i32,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "products")]
struct Product {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(collation = "binary", length = 20)]
    title: Option<String>,
}

const KEYS: i64 = 24;

/// Of each key up to four orders, of each order up to three lines, of some lines a product. Ids
/// rise against the keys, and most values are there several times.
async fn fill(cluster: &Cluster) {
    let (mut orders, mut lines, mut products) = (Vec::new(), Vec::new(), Vec::new());
    for user_id in 0..KEYS {
        let title = (user_id % 4 > 0).then(|| format!("t{}", user_id % 3));
        let product = Product {
            id: 1_000 - user_id,
            user_id,
            title,
        };
        for number in 0..user_id % 5 {
            let id = (KEYS - user_id) * 10 + number;
            let item = ["tea", "Tea", "", "ä", "z"][usize::try_from(id % 5).unwrap()].to_owned();
            let rank = [None, Some(0), Some(-1), Some(i32::MAX)][usize::try_from(id % 4).unwrap()];
            orders.push(Order {
                id,
                user_id,
                folded: item.clone(),
                item,
                rank,
            });
            for line in 0..(id + user_id) % 4 {
                lines.push(Line {
                    id: id * 10 + line,
                    user_id,
                    order_id: id,
                    product_id: (line == 1).then_some(product.id),
                    quantity: i32::try_from((id + line) % 3).unwrap(),
                });
            }
        }
        products.push(product);
    }
    Order::insert_many(cluster, orders).await.unwrap();
    Line::insert_many(cluster, lines).await.unwrap();
    Product::insert_many(cluster, products).await.unwrap();
}

/// All rows in one logical shard.
async fn one_database(dialect: Dialect) -> Fixture {
    let fixture = FixtureOptions::new(dialect, 1, 1)
        .open(|setup| setup.table::<Order>().table::<Line>().table::<Product>())
        .await;
    fill(&fixture.cluster).await;
    fixture
}

type Inner = Join<Order, (Order, Line), Unscoped, AllColumns>;
type Left = Join<Order, (Order, Option<Line>, Option<Product>), Unscoped, AllColumns>;

fn inner() -> Inner {
    Order::query().join(Order::LINES)
}

fn left() -> Left {
    Order::query()
        .left_join(Order::LINES)
        .left_join(Line::PRODUCT)
}

/// Orders that are not total by themselves, of each of the joined models.
fn inner_orders() -> Vec<fn(Inner) -> Inner> {
    vec![
        |join| join.order_by(Order::RANK.asc()),
        |join| {
            join.order_by(Order::RANK.desc().nulls_last())
                .order_by(Line::QUANTITY)
        },
        |join| {
            join.order_by(Line::QUANTITY.desc())
                .order_by(Order::ITEM.desc())
        },
        |join| join.order_by(Line::PRODUCT_ID.asc().nulls_first()),
        |join| join.order_by(Order::ID.desc()),
    ]
}

fn left_orders() -> Vec<fn(Left) -> Left> {
    vec![
        |join| join.order_by(Line::QUANTITY),
        |join| join.order_by(Line::QUANTITY.desc()),
        |join| {
            join.order_by(Product::TITLE.desc().nulls_last())
                .order_by(Order::ITEM)
        },
        |join| {
            join.order_by(Product::ID.asc().nulls_first())
                .order_by(Order::RANK.desc())
        },
        |join| join.order_by(Line::ID.desc().nulls_first()),
        |join| join.order_by(Order::ITEM),
    ]
}

const BOUNDS: [(Option<u64>, Option<u64>); 7] = [
    (None, None),
    (Some(1), None),
    (Some(7), Some(3)),
    (Some(0), None),
    (None, Some(5)),
    (Some(1_000), Some(40)),
    (Some(5), Some(1_000)),
];

fn bounded<J, S>(
    mut join: Join<Order, J, Unscoped, S>,
    bounds: (Option<u64>, Option<u64>),
) -> Join<Order, J, Unscoped, S> {
    if let Some(limit) = bounds.0 {
        join = join.limit(limit);
    }
    if let Some(offset) = bounds.1 {
        join = join.offset(offset);
    }
    join
}

behaviours! { (Order, Line, Product), 16 shards on 2 servers, |options| options;
    async fn a_scattered_join_equals_a_join_in_one_database(fixture: &Fixture) {
        fill(&fixture.cluster).await;
        let one = one_database(fixture.dialect).await;
        let keys: BTreeSet<i64> = (3..15).collect();
        for (number, order) in inner_orders().into_iter().enumerate() {
            for bounds in BOUNDS {
                let query = bounded(order(inner().filter(Line::QUANTITY.lt(2))), bounds);
                let total = query.clone().order_by(Order::USER_ID).order_by(Order::ID).order_by(Line::ID);
                let expected = total.clone().on_shard(0).all(&one.cluster).await.unwrap();
                let what = format!("order {number}, {bounds:?}");
                assert_eq!(query.clone().scatter().all(&fixture.cluster).await.unwrap(), expected, "{what}");
                let streamed: Vec<(Order, Line)> = query.clone().scatter().stream(&fixture.cluster).try_collect().await.unwrap();
                assert_eq!(streamed, expected, "{what}");
                let first = query.clone().scatter().first(&fixture.cluster).await.unwrap();
                assert_eq!(first.as_ref(), expected.first(), "{what}");
                let count = query.clone().scatter().count(&fixture.cluster).await.unwrap();
                assert_eq!(count, u64::try_from(expected.len()).unwrap(), "{what}");
                let exists = query.clone().scatter().exists(&fixture.cluster).await.unwrap();
                assert_eq!(exists, !expected.is_empty(), "{what}");
                let of_keys = total.filter(Order::USER_ID.is_in(keys.clone())).on_shard(0).all(&one.cluster).await.unwrap();
                assert_eq!(query.on_each(&keys).all(&fixture.cluster).await.unwrap(), of_keys, "{what}");
            }
        }
    }

    async fn scattered_left_joins_keep_rows_without_a_partner(fixture: &Fixture) {
        fill(&fixture.cluster).await;
        let one = one_database(fixture.dialect).await;
        for (number, order) in left_orders().into_iter().enumerate() {
            for bounds in BOUNDS {
                let query = bounded(order(left()), bounds);
                let total = query.clone().order_by(Order::USER_ID).order_by(Order::ID).order_by(Line::ID).order_by(Product::ID);
                let expected = total.on_shard(0).all(&one.cluster).await.unwrap();
                let what = format!("order {number}, {bounds:?}");
                let found = query.clone().scatter().all(&fixture.cluster).await.unwrap();
                assert_eq!(found, expected, "{what}");
                let streamed: Vec<_> = query.clone().scatter().stream(&fixture.cluster).try_collect().await.unwrap();
                assert_eq!(streamed, expected, "{what}");
                let count = query.clone().scatter().count(&fixture.cluster).await.unwrap();
                assert_eq!(count, u64::try_from(expected.len()).unwrap(), "{what}");
                // Columns that are ordered by and not selected.
                let picked = query.select((Order::ID, Product::TITLE)).scatter().all(&fixture.cluster).await.unwrap();
                let expected: Vec<(i64, Option<String>)> = expected
                    .into_iter()
                    .map(|(order, _, product)| (order.id, product.and_then(|product| product.title)))
                    .collect();
                assert_eq!(picked, expected, "{what}");
            }
        }
        let absent = left().order_by(Line::ID).scatter().all(&fixture.cluster).await.unwrap();
        assert!(absent.iter().any(|(_, line, _)| line.is_none()));
        assert!(absent.iter().any(|(_, line, product)| line.is_some() && product.is_none()));
    }

    async fn scattered_joins_give_each_row_once(fixture: &Fixture) {
        fill(&fixture.cluster).await;
        let one = one_database(fixture.dialect).await;
        let sorted = |mut rows: Vec<(Order, Line)>| {
            rows.sort_by_key(|(_, line)| line.id);
            rows
        };
        let expected = sorted(inner().on_shard(0).all(&one.cluster).await.unwrap());
        assert_eq!(sorted(inner().scatter().all(&fixture.cluster).await.unwrap()), expected);
        let streamed: Vec<_> = inner().scatter().stream(&fixture.cluster).try_collect().await.unwrap();
        assert_eq!(sorted(streamed), expected);
        let some = inner().limit(4).scatter().all(&fixture.cluster).await.unwrap();
        assert_eq!(some.len(), 4);
        assert!(some.iter().all(|row| expected.contains(row)));
        assert_eq!(inner().offset(3).scatter().all(&fixture.cluster).await.unwrap().len(), expected.len() - 3);
        // From a query that says all shards before it joins.
        let begun = Order::scatter().join(Order::LINES).count(&fixture.cluster).await.unwrap();
        assert_eq!(begun, u64::try_from(expected.len()).unwrap());
    }

    async fn scattered_joins_send_one_statement_per_server(fixture: &Fixture) {
        fill(&fixture.cluster).await;
        let query = inner().order_by(Line::QUANTITY.desc()).limit(5).scatter();
        let (found, sent) = counted(query.clone().all(&fixture.cluster)).await;
        let found = found.unwrap();
        assert_eq!(found.len(), 5);
        assert_eq!(sent.len(), if fixture.dialect == Dialect::Sqlite { 16 } else { 2 });
        let explained = query.clone().explain(&fixture.cluster).unwrap();
        assert_eq!(explained.statements.len(), sent.len());
        assert!(explained.to_string().ends_with("merged by quantity desc, user_id, id, id, 5 at most"), "{explained}");
        let partial = query.partial().all(&fixture.cluster).await.unwrap();
        assert_eq!(partial.complete().unwrap(), found);
    }

    async fn scattered_joins_refuse_text_without_binary_collation(fixture: &Fixture) {
        let error = inner().order_by(Order::FOLDED).scatter().all(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("`orders.folded`"), "{error}");
        let tx = fixture.cluster.begin(Order::shard(1)).await.unwrap();
        assert_eq!(kind(inner().scatter().all(&tx).await), ErrorKind::CrossShard);
        tx.rollback().await.unwrap();
    }
}

mod of_a_pool_of_one {
    use super::*;

    behaviours! { (Order, Line, Product), 16 shards on 2 servers,
        |options| options.pool(PoolOptions::new().max_connections(1).sqlite_readers(1));
        async fn a_join_has_the_deadline_of_its_query(fixture: &Fixture) {
            fill(&fixture.cluster).await;
            let shard = fixture.shard_of(4);
            // Holds the connection that all of these need.
            let mut held = Order::on_shard(shard).stream(&fixture.cluster);
            assert!(held.try_next().await.unwrap().is_some());
            let limited = || Order::query().deadline(Duration::from_millis(30)).join(Order::LINES);
            let cluster = &fixture.cluster;
            assert_eq!(kind(limited().scatter().all(cluster).await), ErrorKind::Timeout);
            assert_eq!(kind(limited().scatter().count(cluster).await), ErrorKind::Timeout);
            assert_eq!(kind(limited().on(4).all(cluster).await), ErrorKind::Timeout);
            assert_eq!(kind(limited().on(4).first(cluster).await), ErrorKind::Timeout);
            assert_eq!(kind(limited().on_shard(shard).exists(cluster).await), ErrorKind::Timeout);
            assert_eq!(kind(limited().on(4).stream(cluster).try_next().await), ErrorKind::Timeout);
            drop(held);
            assert!(inner().on(4).exists(cluster).await.unwrap());
        }
    }
}
