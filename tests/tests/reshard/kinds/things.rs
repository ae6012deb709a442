//! Rows with a value of each type, at its edges.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde_json::json;
use shard_orm::prelude::*;
use shard_orm_tests::fixture::Fixture;
use uuid::Uuid;

/// A field of each type.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "things")]
#[shard(index(day, small))]
pub(super) struct Thing {
    #[shard(primary_key)]
    pub(super) id: i64,
    #[shard(key)]
    pub(super) user_id: i64,
    pub(super) truth: bool,
    #[shard(default = -3)]
    pub(super) tiny: i8,
    pub(super) small: i16,
    pub(super) whole: i32,
    pub(super) tiny_plain: u8,
    pub(super) small_plain: u16,
    pub(super) whole_plain: u32,
    pub(super) large_plain: u64,
    pub(super) single: f32,
    pub(super) double: f64,
    #[shard(length = 40, default = "it's")]
    pub(super) short: String,
    #[shard(collation = "binary", unique)]
    pub(super) code: String,
    pub(super) long: String,
    #[shard(length = 9)]
    pub(super) few: Vec<u8>,
    pub(super) bytes: Vec<u8>,
    pub(super) moment: DateTime<Utc>,
    pub(super) plain: NaiveDateTime,
    pub(super) day: NaiveDate,
    pub(super) clock: NaiveTime,
    pub(super) mark: Uuid,
    pub(super) amount: Decimal,
    #[shard(precision = 12, scale = 2)]
    pub(super) price: Decimal,
    #[shard(precision = 25, scale = 5)]
    pub(super) wide: Decimal,
    pub(super) document: serde_json::Value,
    pub(super) note: Option<String>,
    pub(super) maybe: Option<DateTime<Utc>>,
}

fn time(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").unwrap()
}

/// The least and the largest values that all databases hold, and some between.
pub(super) fn things(fixture: &Fixture, user_id: i64) -> Vec<Thing> {
    let decimal = |text: &str| text.parse::<Decimal>().unwrap();
    let least = Thing {
        id: fixture.id(),
        user_id,
        truth: false,
        tiny: i8::MIN,
        small: i16::MIN,
        whole: i32::MIN,
        tiny_plain: 0,
        small_plain: 0,
        whole_plain: 0,
        large_plain: 0,
        single: -3.402_823e38,
        double: f64::MIN,
        short: String::new(),
        code: "a ".to_owned(),
        long: " \t\n' \" \\ \u{1f980} ".to_owned(),
        few: Vec::new(),
        bytes: vec![0, 255, 0, 39],
        moment: time("0001-01-01 00:00:00").and_utc(),
        plain: time("0001-01-01 00:00:00.000001"),
        day: NaiveDate::from_ymd_opt(1, 1, 1).unwrap(),
        clock: NaiveTime::MIN,
        mark: Uuid::nil(),
        amount: decimal("-0.0000000000000000000000000001"),
        price: decimal("-9999999999.99"),
        wide: decimal("-12345678901234567890.12345"),
        document: json!({"b": [1, -2.5, 1e300, null, true], "a": {"text": "\u{e9}\n\""}, "n": u64::MAX}),
        note: None,
        maybe: None,
    };
    let largest = Thing {
        id: fixture.id(),
        truth: true,
        tiny: i8::MAX,
        small: i16::MAX,
        whole: i32::MAX,
        tiny_plain: u8::MAX,
        small_plain: u16::MAX,
        whole_plain: u32::MAX,
        large_plain: i64::MAX.unsigned_abs(),
        single: 1.175_494_4e-38,
        double: 0.1,
        short: "\u{1f980}".repeat(40),
        code: "a".to_owned(),
        long: "long ".repeat(50_000),
        few: vec![7; 9],
        bytes: (0..=255).collect(),
        moment: time("9999-12-31 23:59:59.999999").and_utc(),
        plain: time("9999-12-31 23:59:59.999999"),
        day: NaiveDate::from_ymd_opt(9999, 12, 31).unwrap(),
        clock: NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap(),
        mark: Uuid::max(),
        amount: decimal("79228162514264337593543950335"),
        price: decimal("0.01"),
        wide: decimal("0.00001"),
        document: json!(null),
        note: Some(String::new()),
        maybe: Some(time("2026-11-30 12:00:00.5").and_utc()),
        ..least.clone()
    };
    let others = (0..30).map(|number| Thing {
        id: fixture.id(),
        code: format!("{number} A\u{e9}"),
        tiny: 3,
        ..largest.clone()
    });
    [least.clone(), largest.clone()]
        .into_iter()
        .chain(others)
        .collect()
}
