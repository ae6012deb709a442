//! Optional fields: each is NULL or a value, and one turns into the other.

use rust_decimal::Decimal;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use uuid::Uuid;

use super::{Email, Level, Status, Tags};
use crate::kind;

/// An `Option` of each.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "maybes")]
struct Maybe {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    truth: Option<bool>,
    i8: Option<i8>,
    i16: Option<i16>,
    i32: Option<i32>,
    i64: Option<i64>,
    u8: Option<u8>,
    u16: Option<u16>,
    u32: Option<u32>,
    u64: Option<u64>,
    f32: Option<f32>,
    f64: Option<f64>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    uuid: Option<Uuid>,
    decimal: Option<Decimal>,
    value: Option<serde_json::Value>,
    status: Option<Status>,
    level: Option<Level>,
    email: Option<Email>,
    #[shard(json)]
    tags: Option<Tags>,
}

fn nothing(fixture: &Fixture, user_id: i64) -> Maybe {
    Maybe {
        id: fixture.id(),
        user_id,
        truth: None,
        i8: None,
        i16: None,
        i32: None,
        i64: None,
        u8: None,
        u16: None,
        u32: None,
        u64: None,
        f32: None,
        f64: None,
        text: None,
        bytes: None,
        uuid: None,
        decimal: None,
        value: None,
        status: None,
        level: None,
        email: None,
        tags: None,
    }
}

behaviours! { (Maybe);
    async fn json_null_is_not_sql_null(fixture: &Fixture) {
        let key = fixture.key();
        let row = Maybe { value: Some(serde_json::Value::Null), ..nothing(fixture, key) };
        row.clone().insert(&fixture.cluster).await.unwrap();
        let none = nothing(fixture, key).insert(&fixture.cluster).await.unwrap();
        assert_eq!(row.reload(&fixture.cluster).await.unwrap(), row);
        assert_eq!(none.reload(&fixture.cluster).await.unwrap(), none);
        let ids = Maybe::on(key).filter(Maybe::VALUE.is_null()).select(Maybe::ID).all(&fixture.cluster).await.unwrap();
        assert_eq!(ids, [none.id]);
        assert_eq!(kind(Maybe::on(key).filter(Maybe::VALUE.eq(serde_json::json!(1))).count(&fixture.cluster).await), ErrorKind::Unsupported);
    }

    async fn every_option_round_trips_as_none_and_some(fixture: &Fixture) {
        let key = fixture.key();
        let none = nothing(fixture, key);
        let some = Maybe {
            id: fixture.id(),
            user_id: key,
            truth: Some(false),
            i8: Some(i8::MIN),
            i16: Some(i16::MIN),
            i32: Some(i32::MIN),
            i64: Some(i64::MIN),
            u8: Some(u8::MAX),
            u16: Some(u16::MAX),
            u32: Some(u32::MAX),
            u64: Some(0),
            f32: Some(-0.5),
            f64: Some(0.0),
            text: Some(String::new()),
            bytes: Some(vec![]),
            uuid: Some(Uuid::nil()),
            decimal: Some(Decimal::ZERO),
            value: Some(serde_json::json!({})),
            status: Some(Status::Sent),
            level: Some(Level::High),
            email: Some(Email(String::new())),
            tags: Some(Tags { names: vec![], nested: None }),
        };
        for row in [&none, &some] {
            row.clone().insert(&fixture.cluster).await.unwrap();
            assert_eq!(row.reload(&fixture.cluster).await.unwrap(), *row);
        }
        // Each turns into the other.
        Maybe { id: none.id, ..some.clone() }.update(&fixture.cluster).await.unwrap();
        Maybe { id: some.id, ..none.clone() }.save(&fixture.cluster).await.unwrap();
        assert_eq!(none.reload(&fixture.cluster).await.unwrap(), Maybe { id: none.id, ..some.clone() });
        assert_eq!(some.reload(&fixture.cluster).await.unwrap(), Maybe { id: some.id, ..none.clone() });
        // NULL and a value under one statement text, in either order.
        let many = vec![
            Maybe { id: fixture.id(), ..none.clone() },
            Maybe { id: fixture.id(), ..some.clone() },
            Maybe { id: fixture.id(), ..none },
        ];
        Maybe::insert_many(&fixture.cluster, many.clone()).await.unwrap();
        let found = Maybe::on(key).filter(Maybe::ID.ge(many[0].id)).order_by(Maybe::ID).all(&fixture.cluster).await.unwrap();
        assert_eq!(found, many);
    }
}
