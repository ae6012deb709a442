//! Rows of all types, in all modes.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde_json::json;
use shard_orm::prelude::*;
use shard_orm::sync::{Mode, StaticSync};
use time::macros::{date, datetime, time as moment_of_day};
use uuid::Uuid;

use crate::fixture::{Backend, Fixture, Pair, on};

on! { all =>
    every_mode_copies_all_types
}

/// Stored as text.
#[derive(Debug, Clone, Copy, PartialEq, ShardField)]
enum Color {
    Red,
    DarkBlue,
}

/// Stored as a number.
#[derive(Debug, Clone, Copy, PartialEq, ShardField)]
#[shard(integer = "i16")]
enum Level {
    Low = -10,
    High = 20,
}

/// A newtype.
#[derive(Debug, Clone, PartialEq, ShardField)]
struct Email(String);

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "kinds", criterion = "revision")]
struct Kinds {
    #[static_model(primary_key)]
    id: i64,
    revision: i64,
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
    #[static_model(length = 20)]
    short: Option<String>,
    bytes: Option<Vec<u8>>,
    uuid: Option<Uuid>,
    decimal: Option<Decimal>,
    #[static_model(decimal(12, 2))]
    price: Option<Decimal>,
    #[static_model(precision = 28, scale = 10)]
    rate: Option<Decimal>,
    document: Option<serde_json::Value>,
    color: Option<Color>,
    level: Option<Level>,
    email: Option<Email>,
    moment: Option<DateTime<Utc>>,
    local: Option<NaiveDateTime>,
    date: Option<NaiveDate>,
    time: Option<NaiveTime>,
    other_moment: Option<time::OffsetDateTime>,
    other_local: Option<time::PrimitiveDateTime>,
    other_date: Option<time::Date>,
    other_time: Option<time::Time>,
}

fn nothing(id: i64) -> Kinds {
    Kinds {
        id,
        revision: id,
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
        short: None,
        bytes: None,
        uuid: None,
        decimal: None,
        price: None,
        rate: None,
        document: None,
        color: None,
        level: None,
        email: None,
        moment: None,
        local: None,
        date: None,
        time: None,
        other_moment: None,
        other_local: None,
        other_date: None,
        other_time: None,
    }
}

/// The least that each type holds, and empty ones.
fn least(id: i64) -> Kinds {
    Kinds {
        truth: Some(false),
        i8: Some(i8::MIN),
        i16: Some(i16::MIN),
        i32: Some(i32::MIN),
        i64: Some(i64::MIN),
        u8: Some(0),
        u16: Some(0),
        u32: Some(0),
        u64: Some(0),
        f32: Some(f32::MIN),
        f64: Some(f64::MIN),
        text: Some(String::new()),
        short: Some(" ".to_owned()),
        bytes: Some(Vec::new()),
        uuid: Some(Uuid::nil()),
        decimal: Some(Decimal::MIN),
        price: Some(Decimal::new(-999_999_999_999, 2)),
        rate: Some(Decimal::new(-1, 10)),
        document: Some(json!({})),
        color: Some(Color::Red),
        level: Some(Level::Low),
        email: Some(Email(String::new())),
        moment: DateTime::from_timestamp_micros(-62_135_596_800_000_000),
        local: Some(DateTime::UNIX_EPOCH.naive_utc()),
        date: NaiveDate::from_ymd_opt(1, 1, 1),
        time: NaiveTime::from_hms_opt(0, 0, 0),
        other_moment: Some(datetime!(0001-01-01 0:00 UTC)),
        other_local: Some(datetime!(0001-01-01 0:00)),
        other_date: Some(date!(0001 - 01 - 01)),
        other_time: Some(time::Time::MIDNIGHT),
        ..nothing(id)
    }
}

/// The most that each type holds.
fn most(id: i64, pair: Pair) -> Kinds {
    let micros = 253_402_300_799_999_999;
    Kinds {
        truth: Some(true),
        i8: Some(i8::MAX),
        i16: Some(i16::MAX),
        i32: Some(i32::MAX),
        i64: Some(i64::MAX),
        u8: Some(u8::MAX),
        u16: Some(u16::MAX),
        u32: Some(u32::MAX),
        u64: Some(if pair == (Backend::MariaDb, Backend::MariaDb) {
            u64::MAX
        } else {
            i64::MAX.cast_unsigned()
        }),
        f32: Some(f32::MAX),
        f64: Some(f64::MAX),
        text: Some("\u{1f375}'\"\\%_ \u{ffff}".repeat(1_000)),
        short: Some("\u{1f375}".repeat(20)),
        bytes: Some((0..=255).collect()),
        uuid: Some(Uuid::max()),
        decimal: Some(Decimal::MAX),
        price: Some(Decimal::new(999_999_999_999, 2)),
        rate: Some(Decimal::from_i128_with_scale(10_i128.pow(28) - 1, 10)),
        document: Some(json!({"b": [1, null, "\u{1f375}"], "a": {"deep": -1.5}, "": true})),
        color: Some(Color::DarkBlue),
        level: Some(Level::High),
        email: Some(Email("tea@example.org".to_owned())),
        moment: DateTime::from_timestamp_micros(micros),
        local: DateTime::from_timestamp_micros(micros).map(|moment| moment.naive_utc()),
        date: NaiveDate::from_ymd_opt(9999, 12, 31),
        time: NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999),
        other_moment: Some(datetime!(9999-12-31 23:59:59.999_999 UTC)),
        other_local: Some(datetime!(9999-12-31 23:59:59.999_999)),
        other_date: Some(date!(9999 - 12 - 31)),
        other_time: Some(moment_of_day!(23:59:59.999_999)),
        ..nothing(id)
    }
}

/// The least distances of floats and decimals, and what they round to otherwise.
fn fine(id: i64) -> Kinds {
    Kinds {
        f32: Some(f32::MIN_POSITIVE),
        f64: Some(f64::MIN_POSITIVE),
        decimal: Some(Decimal::from_i128_with_scale(1, 28)),
        price: Some(Decimal::new(1, 2)),
        rate: Some(Decimal::ZERO),
        text: Some("a ".to_owned()),
        ..nothing(id)
    }
}

async fn rows(at: &Cluster) -> Vec<Kinds> {
    Kinds::query().order_by(Kinds::ID).all(at).await.unwrap()
}

async fn every_mode_copies_all_types(pair: Pair) {
    for mode in [Mode::Capture, Mode::Incremental, Mode::Full] {
        let fixture = Fixture::bare(pair).await;
        fixture.add::<Kinds>("kinds", "").await;
        let sync = StaticSync::of::<Kinds>(&fixture.cluster).mode(mode);
        sync.prepare().await.unwrap();
        let at = &fixture.cluster;
        let written = [nothing(1), least(2), most(3, pair), fine(4)];
        for row in &written {
            row.clone().insert(at).await.unwrap();
        }
        let run = async || {
            let report = sync.clone().run().await.unwrap();
            let rows = report.complete().unwrap().rows();
            let expected = self::rows(at).await;
            for copy in &fixture.copies {
                assert_eq!(self::rows(copy).await, expected, "{mode}");
            }
            for one in sync.clone().verify().await.unwrap() {
                let found = one.result.unwrap();
                assert!(found.is_equal(), "{mode}: {found}");
            }
            rows
        };
        assert_eq!(run().await.inserted, 8, "{mode}");
        assert_eq!(rows(at).await, written, "{mode}");
        // Each value becomes NULL, and each NULL a value.
        for (row, id, revision) in [(nothing(0), 2, 5), (least(0), 3, 6), (most(0, pair), 1, 7)] {
            let row = Kinds {
                id,
                revision,
                ..row
            };
            row.update(at).await.unwrap();
        }
        let done = run().await;
        assert_eq!(
            (done.updated, done.inserted, done.deleted),
            (6, 0, 0),
            "{mode}"
        );
        // Read again, and found to be the same.
        assert_eq!(run().await.written(), 0, "{mode}");
    }
}
