//! Batched updates at the copies: each row by its primary key, in all columns.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use shard_orm::prelude::*;
use shard_orm::sync::{Mode, Rows, StaticSync};
use uuid::Uuid;

use crate::fixture::{Fixture, Pair, item, moment, on};

on! { all =>
    columns_of_all_types_are_updated
    an_update_restores_a_row_missing_at_the_copy
    a_table_of_key_columns_is_followed
}

/// A row with a column of each type that can be NULL, under a key of two columns.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "kinds")]
struct Kind {
    #[static_model(primary_key, length = 20)]
    code: String,
    #[static_model(primary_key)]
    number: i64,
    truth: Option<bool>,
    tiny: Option<i8>,
    small: Option<i16>,
    medium: Option<i32>,
    large: Option<i64>,
    tiny_unsigned: Option<u8>,
    small_unsigned: Option<u16>,
    medium_unsigned: Option<u32>,
    large_unsigned: Option<u64>,
    single: Option<f32>,
    double: Option<f64>,
    #[static_model(unique, length = 40)]
    name: Option<String>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    id: Option<Uuid>,
    price: Option<Decimal>,
    moment: Option<DateTime<Utc>>,
    local: Option<NaiveDateTime>,
    date: Option<NaiveDate>,
    time: Option<NaiveTime>,
    other_moment: Option<time::OffsetDateTime>,
    body: Option<serde_json::Value>,
}

/// Every third value is NULL; `turn` makes others of them.
fn kind(row: i16, turn: i16) -> Kind {
    let short = (row + turn * 7) * if row % 2 == 0 { 1 } else { -1 };
    let [high, low] = short.unsigned_abs().to_be_bytes();
    let few = short.unsigned_abs();
    let (signed, count) = (i64::from(short), u64::from(few));
    let some = |column: i16| (row + turn + column) % 3 != 0;
    let when = moment(count.cast_signed() * 997);
    Kind {
        // Texts that a collation of a language would order otherwise, or take for equal.
        code: format!(
            "{}{}",
            ["a", "A", "\u{e9}", "a "][usize::from(row.unsigned_abs() % 4)],
            row / 4
        ),
        number: if row == 0 { i64::MIN } else { -i64::from(row) },
        truth: some(0).then_some(signed > 0),
        tiny: some(1).then_some(low.cast_signed()),
        small: some(2).then_some(short),
        medium: some(3).then_some(i32::from(short) * 1_000),
        large: some(4).then_some(i64::MIN + signed.abs()),
        tiny_unsigned: some(5).then_some(low.max(high)),
        small_unsigned: some(6).then_some(u16::MAX - few),
        medium_unsigned: some(7).then_some(u32::MAX - u32::from(few)),
        large_unsigned: some(8).then_some(u64::MAX / 2 - count),
        single: some(9).then_some(f32::from(short) * 1.1),
        double: some(10).then_some(f64::from(short) / 7.0),
        name: some(11).then(|| format!("name {row} {turn} \u{1f600}")),
        text: some(12).then(|| "'\"\\?$1 \u{ffff}".repeat(usize::from(few % 50))),
        bytes: some(13).then(|| signed.to_be_bytes().to_vec()),
        id: some(14).then(|| Uuid::from_u64_pair(count, u64::MAX)),
        price: some(15).then(|| Decimal::new(signed, 9)),
        moment: some(16).then_some(when),
        local: some(17).then(|| when.naive_utc()),
        date: some(18).then(|| when.date_naive()),
        time: some(19).then(|| when.time()),
        other_moment: some(20).then(|| {
            let micros = i128::from(when.timestamp_micros());
            time::OffsetDateTime::from_unix_timestamp_nanos(micros * 1_000).unwrap()
        }),
        body: some(21).then(|| serde_json::json!({"a": [signed, null_or(turn)], "\u{e9}": "x"})),
    }
}

fn null_or(turn: i16) -> Option<i16> {
    (turn > 0).then_some(turn)
}

async fn all(at: &Cluster) -> Vec<Kind> {
    let mut all = Kind::query().all(at).await.unwrap();
    all.sort_by_key(|row| (row.code.clone(), row.number));
    all
}

async fn sync(fixture: &Fixture) -> Rows {
    let report = StaticSync::of::<Kind>(&fixture.cluster)
        .run()
        .await
        .unwrap();
    report.complete().unwrap().rows()
}

async fn columns_of_all_types_are_updated(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.cluster.setup().table::<Kind>().run().await.unwrap();
    // More than two batches, and what is left over.
    let rows = (0..257).map(|row| kind(row, 0)).collect();
    Kind::insert_many(&fixture.cluster, rows).await.unwrap();
    sync(&fixture).await;
    for turn in 1..=2 {
        let tx = fixture.cluster.begin(Kind::database()).await.unwrap();
        for row in 0..233 {
            kind(row, turn).update(&tx).await.unwrap();
        }
        tx.commit().await.unwrap();
        let rows = sync(&fixture).await;
        assert_eq!((rows.updated, rows.inserted, rows.deleted), (2 * 233, 0, 0));
        let expected = all(&fixture.cluster).await;
        for copy in &fixture.copies {
            assert_eq!(all(copy).await, expected);
        }
    }
    let verified = StaticSync::of::<Kind>(&fixture.cluster)
        .verify()
        .await
        .unwrap();
    assert!(
        verified
            .into_iter()
            .all(|one| one.result.unwrap().is_equal())
    );
}

async fn an_update_restores_a_row_missing_at_the_copy(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=150).await;
    fixture.sync().await;
    for copy in &fixture.copies {
        item(70).delete(copy).await.unwrap();
    }
    let many = crate::fixture::Item::query().set(crate::fixture::Item::AMOUNT, 5_000);
    many.update(&fixture.cluster).await.unwrap();
    let rows = fixture.sync().await;
    assert_eq!((rows.updated, rows.inserted), (2 * 149, 2));
    fixture.assert_equal().await;
}

/// Nothing in it can be updated.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "pairs")]
struct Couple {
    #[static_model(primary_key)]
    one: i64,
    #[static_model(primary_key)]
    other: i64,
}

async fn a_table_of_key_columns_is_followed(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture
        .cluster
        .setup()
        .table::<Couple>()
        .run()
        .await
        .unwrap();
    let rows = (0..30).map(|one| Couple { one, other: -one }).collect();
    Couple::insert_many(&fixture.cluster, rows).await.unwrap();
    let sync = StaticSync::of::<Couple>(&fixture.cluster);
    sync.clone().run().await.unwrap().complete().unwrap();
    Couple { one: 5, other: -5 }
        .delete(&fixture.cluster)
        .await
        .unwrap();
    Couple { one: 5, other: 5 }
        .insert(&fixture.cluster)
        .await
        .unwrap();
    let rows = sync.clone().run().await.unwrap().complete().unwrap().rows();
    assert_eq!((rows.inserted, rows.deleted, rows.updated), (2, 2, 0));
    let full = sync.mode(Mode::Full).run().await.unwrap();
    assert_eq!(full.complete().unwrap().rows().written(), 0);
}
