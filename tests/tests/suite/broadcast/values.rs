//! Unprepared statements, and the decoding of their rows.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use shard_orm::model::Model;
use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::GROUP;
use uuid::Uuid;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "samples")]
struct Sample {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    small: i16,
    number: i32,
    unsigned: u64,
    flag: bool,
    single: f32,
    double: f64,
    text: String,
    note: Option<String>,
    none: Option<i64>,
    data: Vec<u8>,
    at: DateTime<Utc>,
    day: NaiveDate,
    uuid: Uuid,
    cents: Decimal,
    json: serde_json::Value,
}

fn sample(id: i64) -> Sample {
    Sample {
        id,
        user_id: id,
        small: i16::MIN,
        number: i32::MAX,
        unsigned: 1 << 62,
        flag: true,
        single: 0.1,
        double: -1.0 / 3.0,
        text: "it's {samples} \\ 😀".to_owned(),
        note: Some(String::new()),
        none: None,
        data: vec![0, 255, 39, 92],
        at: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
        day: NaiveDate::from_ymd_opt(1969, 12, 31).unwrap(),
        uuid: Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        cents: Decimal::new(-12_345, 2),
        json: serde_json::json!({"a": [1, null, "b"]}),
    }
}

behaviours! { (Sample), 2 shards on 1 servers, |options| options;
    async fn unprepared_statements_decode_like_prepared_ones(fixture: &Fixture) {
        let [one, other] = [0, 1].map(|shard| sample(fixture.key_of_shard(shard)));
        Sample::insert_many(&fixture.cluster, vec![one.clone(), other.clone()]).await.unwrap();
        let quote = if fixture.dialect == Dialect::MySql { "`" } else { "\"" };
        let columns = <Sample as Model>::def().columns.iter().map(|column| format!("{quote}{}{quote}", column.name));
        let columns: Vec<String> = columns.collect();
        let text = format!("SELECT {} FROM {{samples}}", columns.join(", "));
        let bare = fixture.cluster.broadcast(GROUP).sql(AssertSqlSafe(text.clone())).all::<Sample>().await.unwrap();
        assert_eq!(bare.into_result().unwrap(), [vec![one.clone()], vec![other.clone()]]);
        let argument = if fixture.dialect == Dialect::Postgres { "$1" } else { "?" };
        let text = format!("{text} WHERE id <> {argument}");
        let bound = fixture.cluster.broadcast(GROUP).sql(AssertSqlSafe(text)).bind(0_i64).all::<Sample>().await.unwrap();
        assert_eq!(bound.into_result().unwrap(), [vec![one], vec![other]]);
    }

    async fn broadcast_refuses_a_result_with_other_columns(fixture: &Fixture) {
        Sample::insert_many(&fixture.cluster, vec![sample(fixture.key_of_shard(0))]).await.unwrap();
        let query = || fixture.cluster.broadcast(GROUP).sql("SELECT id, text FROM {samples}");
        let wide = query().all::<i64>().await.unwrap().into_result();
        assert_eq!(kind(wide), ErrorKind::Decode);
        let other = query().all::<(i64, i64)>().await.unwrap();
        let (outcome, error) = other.failed().next().unwrap();
        assert_eq!((outcome.place(), error.kind()), ("shop/0".to_owned(), ErrorKind::Decode));
    }

    async fn broadcast_sends_statements_that_cannot_be_prepared(fixture: &Fixture) {
        let keys = fixture.key_of_each_shard();
        Sample::insert_many(&fixture.cluster, keys.into_iter().map(sample).collect()).await.unwrap();
        // No database prepares two statements at once.
        let two = "UPDATE {samples} SET number = 1; UPDATE {samples} SET number = 2";
        let done = fixture.cluster.broadcast(GROUP).sql(two).execute().await.unwrap();
        assert_eq!(done.into_result().unwrap(), [2, 2]);
        assert_eq!(Sample::scatter().select(Sample::NUMBER).all(&fixture.cluster).await.unwrap(), [2, 2]);
        let tending = match fixture.dialect {
            Dialect::Sqlite => ["VACUUM", "PRAGMA optimize", "CREATE INDEX by_text ON samples (text)"],
            Dialect::Postgres => ["VACUUM (ANALYZE) {samples}", "REINDEX TABLE {samples}", "CREATE INDEX by_text ON {samples} (text)"],
            _ => ["OPTIMIZE TABLE {samples}", "CHECK TABLE {samples}", "CREATE INDEX by_text ON {samples} (number)"],
        };
        for text in tending {
            let done = fixture.cluster.broadcast(GROUP).sql(text).execute().await.unwrap();
            assert!(done.is_done(), "{text}: {done:?}");
        }
        // The connections serve on, with what they had prepared.
        assert_eq!(Sample::scatter().count(&fixture.cluster).await.unwrap(), 2);
    }

    async fn broadcast_refuses_missing_arguments(fixture: &Fixture) {
        for text in ["SELECT id FROM {samples} WHERE id = $1 OR id = $2", "SELECT id FROM {samples} WHERE id = ? OR id = ?"] {
            let few = fixture.cluster.broadcast(GROUP).sql(text).bind(1_i64).in_order().all::<i64>().await;
            assert_eq!(few.unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }
}
