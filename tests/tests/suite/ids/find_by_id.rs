//! Rows found by a snowflake alone, before and after a split.

use chrono::{DateTime, SubsecRound, Utc};
use rust_decimal::Decimal;
use serde_json::json;
use shard_orm::config::StrategyConfig;
use shard_orm_tests::fixture::FixtureOptions;

use super::*;

/// A column of each type that a union could decode otherwise.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key, generate = "snowflake")]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 64)]
    item: String,
    note: Option<String>,
    paid: bool,
    small: i8,
    count: u32,
    weight: f32,
    price: Decimal,
    placed_at: DateTime<Utc>,
    tag: Uuid,
    extra: serde_json::Value,
    picture: Vec<u8>,
}

/// The id is a part of its primary key beside the shard key.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "letters")]
struct Letter {
    #[shard(primary_key, key)]
    user_id: i64,
    #[shard(primary_key, index, generate = "snowflake")]
    id: i64,
}

fn order(user_id: i64) -> Order {
    Order {
        id: 0,
        user_id,
        item: "tea".into(),
        note: Some("gift".into()).filter(|_| user_id % 2 == 0),
        paid: true,
        small: -3,
        count: 4_000_000_000,
        weight: 0.5,
        price: Decimal::new(1_234, 2),
        placed_at: Utc::now().trunc_subsecs(6),
        tag: Uuid::from_u128(7),
        extra: json!({"a": [1, null]}),
        picture: vec![0, 255],
    }
}

behaviours! { (Order, Letter);
    async fn find_by_id_finds_rows_of_every_shard(fixture: &Fixture) {
        let keys = fixture.key_of_each_shard();
        let rows = keys.iter().map(|key| order(*key)).collect();
        let rows = Order::insert_many(&fixture.cluster, rows).await.unwrap();
        // Twice: the first time each namespace is looked at by itself.
        for row in rows.iter().chain(&rows) {
            let found = Order::find_by_id(&fixture.cluster, row.id).await.unwrap();
            assert_eq!(found.as_ref(), Some(row));
            assert_eq!(Order::get_by_id(&fixture.cluster, row.id).await.unwrap(), *row);
        }
    }

    async fn find_by_id_works_with_a_separate_shard_key(fixture: &Fixture) {
        let row = Letter { user_id: fixture.key(), id: 0 }.insert(&fixture.cluster).await.unwrap();
        assert_eq!(Letter::get_by_id(&fixture.cluster, row.id).await.unwrap(), row);
    }

    async fn find_by_id_gives_none_for_an_unknown_id(fixture: &Fixture) {
        let row = order(fixture.key()).insert(&fixture.cluster).await.unwrap();
        row.delete(&fixture.cluster).await.unwrap();
        for id in [row.id, 0, -1, i64::MIN, i64::MAX] {
            assert_eq!(Order::find_by_id(&fixture.cluster, id).await.unwrap(), None);
            let got = Order::get_by_id(&fixture.cluster, id).await;
            assert_eq!(kind(got), ErrorKind::NotFound);
        }
    }

    async fn find_by_id_in_a_transaction_stays_on_its_shard(fixture: &Fixture) {
        let key = fixture.key();
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        let row = order(key).insert(&tx).await.unwrap();
        assert_eq!(Order::get_by_id(&tx, row.id).await.unwrap(), row);
        let other = (0..fixture.logical_shards).find(|shard| *shard != fixture.shard_of(key));
        if let Some(shard) = other {
            let other = order(fixture.key_of_shard(shard)).insert(&fixture.cluster).await.unwrap();
            let found = Order::find_by_id(&tx, other.id).await;
            assert_eq!(kind(found), ErrorKind::CrossShard);
        }
        tx.commit().await.unwrap();
    }
}

behaviours! { (Order), 5 shards on 2 servers, |options| options.ids(Ids::new().worker(2).bits(10, 10, 2));
    async fn find_by_id_with_few_bits_sends_one_statement_per_server(fixture: &Fixture) {
        let keys = fixture.key_of_each_shard();
        let rows = keys.iter().map(|key| order(*key)).collect();
        let rows = Order::insert_many(&fixture.cluster, rows).await.unwrap();
        // Now each namespace has been looked at.
        for row in &rows {
            assert_eq!(Order::get_by_id(&fixture.cluster, row.id).await.unwrap(), *row);
        }
    }
}

behaviours! { (Order), 3 shards on 1 servers, |options| options.ids(Ids::new().worker(2).bits(11, 11, 0));
    async fn find_by_id_without_shard_bits_queries_every_shard(fixture: &Fixture) {
        for key in fixture.key_of_each_shard() {
            let row = order(key).insert(&fixture.cluster).await.unwrap();
            assert_eq!(Order::get_by_id(&fixture.cluster, row.id).await.unwrap(), row);
        }
    }

    async fn find_by_id_refuses_two_rows_of_one_id(fixture: &Fixture) {
        let keys = fixture.key_of_each_shard();
        let row = order(keys[0]).insert(&fixture.cluster).await.unwrap();
        let copy = Order { user_id: keys[2], ..row.clone() };
        copy.insert(&fixture.cluster).await.unwrap();
        let error = Order::find_by_id(&fixture.cluster, row.id).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unique);
        assert!(error.to_string().contains("shard 0") && error.to_string().contains("shard 2"), "{error}");
    }
}

behaviours! { (Order), 4 shards on 2 servers, |options| options.pin(-7, 2).pin(-8, 0).pin(-9, 3);
    async fn find_by_id_finds_rows_of_pinned_keys(fixture: &Fixture) {
        for key in [-7, -8, -9] {
            let row = order(key).insert(&fixture.cluster).await.unwrap();
            assert_eq!(Order::get_by_id(&fixture.cluster, row.id).await.unwrap(), row);
        }
    }

    async fn find_by_id_works_after_shards_are_split(fixture: &Fixture) {
        let rows = (0..60).map(|n| order(fixture.key() * (1 - n % 2 * 2)));
        let rows = Order::insert_many(&fixture.cluster, rows.collect()).await.unwrap();
        let split = FixtureOptions::new(fixture.dialect, 8, 2).pin(-7, 5);
        let split = split.open(|setup| setup.table::<Order>()).await;
        let pinned = order(-7).insert(&fixture.cluster).await.unwrap();
        let moved: Vec<Order> = rows.into_iter().chain([pinned]).collect();
        Order::insert_many(&split.cluster, moved.clone()).await.unwrap();
        for row in moved {
            assert_eq!(Order::get_by_id(&split.cluster, row.id).await.unwrap(), row);
        }
    }
}

behaviours! { (Order), 4 shards on 1 servers, |options| options.strategy(StrategyConfig::Modulo);
    async fn find_by_id_needs_the_hash_strategy(fixture: &Fixture) {
        let row = order(fixture.key()).insert(&fixture.cluster).await.unwrap();
        let error = Order::find_by_id(&fixture.cluster, row.id).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
