//! Many rows at once: `insert_many`, and queries of several keys.

use std::collections::BTreeSet;

use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

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
    paid: Option<bool>,
    note: Option<String>,
    weight: Option<f64>,
    data: Option<Vec<u8>>,
    at: Option<chrono::DateTime<chrono::Utc>>,
    mark: Option<uuid::Uuid>,
    price: Option<rust_decimal::Decimal>,
    more: Option<serde_json::Value>,
}

impl Order {
    fn new(fixture: &Fixture, user_id: i64, quantity: i32) -> Self {
        Self {
            id: fixture.id(),
            user_id,
            item: format!("item {quantity}, \"quoted\", {{braced}}, \\, NULL"),
            quantity,
            paid: None,
            note: None,
            weight: None,
            data: None,
            at: None,
            mark: None,
            price: None,
            more: None,
        }
    }

    fn full(fixture: &Fixture, user_id: i64, quantity: i32) -> Self {
        Self {
            paid: Some(true),
            note: Some("NULL".into()),
            weight: Some(1.5),
            data: Some(vec![0, 255, b'\\', b'"', quantity.to_le_bytes()[0]]),
            at: Some(chrono::DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap()),
            mark: Some(uuid::Uuid::from_u128(7)),
            price: Some(rust_decimal::Decimal::new(12345, 2)),
            more: Some(serde_json::json!({"a": [1, null, "x"]})),
            ..Self::new(fixture, user_id, quantity)
        }
    }
}

/// A table of many columns.
mod wide {
    use shard_orm::ShardModel;

    macro_rules! wide {
        ($($name:ident)+) => {
            #[derive(Debug, Clone, PartialEq, ShardModel)]
            #[shard(group = "shop", table = "wide")]
            pub(super) struct Wide {
                #[shard(primary_key)]
                pub(super) id: i64,
                #[shard(key)]
                pub(super) user_id: i64,
                $(pub(super) $name: Option<i32>,)+
            }

            impl Wide {
                pub(super) fn new(id: i64, user_id: i64, value: i32) -> Self {
                    Self { id, user_id, $($name: Some(value),)+ }
                }
            }
        };
    }

    wide!(a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 c0 c1 c2 c3 c4 c5 c6 c7 c8 c9
        d0 d1 d2 d3 d4 d5 d6 d7 d8 d9 e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 f0 f1 f2 f3 f4 f5 f6 f7 f8 f9
        g0 g1 g2 g3 g4 g5 g6 g7 g8 g9 h0 h1 h2 h3 h4 h5 h6 h7 h8 h9);
}
use wide::Wide;

async fn all_by_id(fixture: &Fixture, keys: &[i64]) -> Vec<Order> {
    let mut rows = Order::on_each(keys.iter().copied())
        .all(&fixture.cluster)
        .await
        .unwrap();
    rows.sort_by_key(|order| order.id);
    rows
}

behaviours! { (Order, Wide);
    async fn insert_many_returns_any_number_of_rows_in_order(fixture: &Fixture) {
        for count in [0, 1, 2, 9, 10, 11, 1_000, 1_234] {
            let keys: Vec<i64> = (0..7).map(|_| fixture.key()).collect();
            let rows: Vec<Order> = (0..count)
                .map(|n| {
                    let key = keys[usize::try_from(n).unwrap() % keys.len()];
                    if n % 3 == 0 { Order::full(fixture, key, n) } else { Order::new(fixture, key, n) }
                })
                .collect();
            let inserted = Order::insert_many(&fixture.cluster, rows.clone()).await.unwrap();
            assert_eq!(inserted, rows);
            let found = all_by_id(fixture, &keys).await;
            assert!(found == rows, "{count} rows were not found as they were inserted");
        }
    }

    async fn insert_many_batches_rows_of_one_key(fixture: &Fixture) {
        let key = fixture.key();
        let rows: Vec<Order> = (0..1_234).map(|n| Order::new(fixture, key, n)).collect();
        Order::insert_many(&fixture.cluster, rows.clone()).await.unwrap();
        assert!(all_by_id(fixture, &[key]).await == rows);
    }

    async fn insert_many_keeps_columns_that_are_null_in_all_or_no_rows(fixture: &Fixture) {
        let key = fixture.key();
        let nulls: Vec<Order> = (0..12).map(|n| Order::new(fixture, key, n)).collect();
        let full: Vec<Order> = (0..12).map(|n| Order::full(fixture, key, n)).collect();
        Order::insert_many(&fixture.cluster, nulls.clone()).await.unwrap();
        Order::insert_many(&fixture.cluster, full.clone()).await.unwrap();
        assert_eq!(all_by_id(fixture, &[key]).await, [nulls, full].concat());
    }

    async fn insert_many_handles_wide_tables(fixture: &Fixture) {
        let key = fixture.key();
        let rows: Vec<Wide> = fixture.ids(1_111).into_iter().zip(0..).map(|(id, n)| Wide::new(id, key, n)).collect();
        Wide::insert_many(&fixture.cluster, rows.clone()).await.unwrap();
        let found = Wide::on(key).order_by(Wide::ID).all(&fixture.cluster).await.unwrap();
        assert!(found == rows);
    }

    async fn insert_many_reports_the_shard_that_failed(fixture: &Fixture) {
        let keys = fixture.key_of_each_shard();
        let taken = Order::new(fixture, keys[0], -1).insert(&fixture.cluster).await.unwrap();
        // Enough for several statements on each shard, with the refused row in the last of them.
        let mut rows: Vec<Order> = keys
            .iter()
            .flat_map(|key| (0..123).map(|n| Order::new(fixture, *key, n)))
            .collect();
        rows.push(Order { id: taken.id, ..Order::new(fixture, keys[0], 999) });
        let error = Order::insert_many(&fixture.cluster, rows).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unique);
        assert_eq!(error.shard().map(|shard| shard.shard), Some(0));
        let numbers = |shards: &[shard_orm::error::ShardId]| -> BTreeSet<u32> {
            shards.iter().map(|shard| shard.shard).collect()
        };
        if fixture.logical_shards > 1 {
            assert_eq!(numbers(error.failed_shards()), BTreeSet::from([0]));
            assert_eq!(numbers(error.done_shards()), (1..fixture.logical_shards).collect());
        }
        assert_eq!(Order::on(keys[0]).all(&fixture.cluster).await.unwrap(), [taken]);
        for key in &keys[1..] {
            assert_eq!(Order::on(*key).count(&fixture.cluster).await.unwrap(), 123);
        }
    }

    async fn a_duplicate_row_rolls_back_its_shard(fixture: &Fixture) {
        let key = fixture.key();
        let row = Order::new(fixture, key, 1);
        let mut twice = vec![row.clone(), Order::new(fixture, key, 2)];
        twice.push(row);
        assert_eq!(kind(Order::insert_many(&fixture.cluster, twice).await), ErrorKind::Unique);
        assert_eq!(Order::on(key).count(&fixture.cluster).await.unwrap(), 0);
    }

    async fn insert_many_rolls_back_with_its_transaction(fixture: &Fixture) {
        let key = fixture.key();
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        let rows = (0..111).map(|n| Order::new(fixture, key, n)).collect();
        Order::insert_many(&tx, rows).await.unwrap();
        assert_eq!(Order::on(key).count(&tx).await.unwrap(), 111);
        tx.rollback().await.unwrap();
        assert_eq!(Order::on(key).count(&fixture.cluster).await.unwrap(), 0);
    }

    async fn on_each_gives_only_rows_of_its_keys(fixture: &Fixture) {
        let keys = fixture.key_of_each_shard();
        let mut expected = Vec::new();
        for key in &keys {
            expected.push(Order::new(fixture, *key, 1).insert(&fixture.cluster).await.unwrap());
            Order::new(fixture, fixture.neighbours(*key, 1)[0], 1).insert(&fixture.cluster).await.unwrap();
        }
        assert_eq!(all_by_id(fixture, &keys).await, expected);
        let query = || Order::on_each(keys.iter().copied());
        let count = u64::try_from(keys.len()).unwrap();
        assert_eq!(query().count(&fixture.cluster).await.unwrap(), count);
        assert!(query().exists(&fixture.cluster).await.unwrap());
        assert!(query().filter(Order::QUANTITY.eq(1)).first(&fixture.cluster).await.unwrap().is_some());
        assert_eq!(query().set(Order::QUANTITY, 2).update(&fixture.cluster).await.unwrap(), count);
        assert_eq!(query().filter(Order::QUANTITY.eq(2)).delete(&fixture.cluster).await.unwrap(), count);
        assert!(!query().exists(&fixture.cluster).await.unwrap());
    }

    async fn on_each_ignores_duplicate_keys(fixture: &Fixture) {
        let key = fixture.key();
        let row = Order::new(fixture, key, 1).insert(&fixture.cluster).await.unwrap();
        let query = || Order::on_each([key, key, key]);
        assert_eq!(query().all(&fixture.cluster).await.unwrap(), [row]);
        assert_eq!(query().count(&fixture.cluster).await.unwrap(), 1);
        // Beyond the keys of one statement too.
        let many = vec![key; 2_500];
        assert_eq!(Order::on_each(many).count(&fixture.cluster).await.unwrap(), 1);
    }

    async fn on_each_without_keys_gives_no_rows(fixture: &Fixture) {
        let none = || Order::on_each(Vec::<i64>::new());
        assert_eq!(none().all(&fixture.cluster).await.unwrap(), []);
        assert_eq!(none().first(&fixture.cluster).await.unwrap(), None);
        assert_eq!(none().count(&fixture.cluster).await.unwrap(), 0);
        assert!(!none().exists(&fixture.cluster).await.unwrap());
        assert_eq!(none().set(Order::QUANTITY, 1).update(&fixture.cluster).await.unwrap(), 0);
        assert_eq!(none().delete(&fixture.cluster).await.unwrap(), 0);
    }

    async fn on_each_takes_thousands_of_keys(fixture: &Fixture) {
        let keys: Vec<i64> = (0..2_500).map(|_| fixture.key()).collect();
        let rows: Vec<Order> = keys.iter().map(|key| Order::new(fixture, *key, 1)).collect();
        Order::insert_many(&fixture.cluster, rows.clone()).await.unwrap();
        assert!(all_by_id(fixture, &keys).await == rows);
        let query = || Order::on_each(keys.iter().copied());
        assert_eq!(query().count(&fixture.cluster).await.unwrap(), 2_500);
        assert_eq!(query().increment(Order::QUANTITY, 1).update(&fixture.cluster).await.unwrap(), 2_500);
        assert_eq!(query().filter(Order::QUANTITY.eq(2)).delete(&fixture.cluster).await.unwrap(), 2_500);
    }

    async fn on_each_merges_an_order(fixture: &Fixture) {
        let keys = [fixture.key(), fixture.key(), fixture.key()];
        let mut ids = Vec::new();
        for (number, key) in keys.into_iter().cycle().take(12).enumerate() {
            let row = Order::new(fixture, key, i32::try_from(number).unwrap());
            ids.push(row.insert(&fixture.cluster).await.unwrap().id);
        }
        let query = || Order::on_each(keys);
        let found = |rows: Vec<Order>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
        let by_id = query().order_by(Order::ID);
        assert_eq!(found(by_id.clone().all(&fixture.cluster).await.unwrap()), ids);
        assert_eq!(found(by_id.clone().limit(5).offset(2).all(&fixture.cluster).await.unwrap()), ids[2..7]);
        assert_eq!(by_id.clone().offset(10).count(&fixture.cluster).await.unwrap(), 2);
        assert_eq!(by_id.clone().first(&fixture.cluster).await.unwrap().unwrap().id, ids[0]);
        let page = by_id.clone().page(&fixture.cluster, 10, None).await.unwrap();
        assert_eq!(found(page.rows), ids[..10]);
        let rest = by_id.page(&fixture.cluster, 10, page.next.as_ref()).await.unwrap();
        assert_eq!(found(rest.rows), ids[10..]);
        assert!(rest.next.is_none());
        assert_eq!(query().limit(4).all(&fixture.cluster).await.unwrap().len(), 4);
    }
}
