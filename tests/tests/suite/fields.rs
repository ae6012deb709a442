//! The types of fields: each value round-trips, or is refused with a typed error.

mod optional;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use shard_orm::prelude::*;
use shard_orm::sea_query::{Expr, Value};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use uuid::Uuid;

use crate::kind;

#[derive(Debug, Clone, Copy, PartialEq, ShardField, Default)]
#[shard(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    #[default]
    New,
    OutOfStock,
    #[shard(rename = "gone")]
    Sent,
}

#[derive(Debug, Clone, Copy, PartialEq, ShardField)]
#[shard(integer = "i16")]
enum Level {
    Low = -1,
    High = 300,
}

#[derive(Debug, Clone, PartialEq, ShardField)]
struct Email(String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tags {
    names: Vec<String>,
    nested: Option<Box<Tags>>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "kinds")]
struct Kinds {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    truth: bool,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    f32: f32,
    f64: f64,
    text: String,
    bytes: Vec<u8>,
    uuid: Uuid,
    decimal: Decimal,
    value: serde_json::Value,
    status: Status,
    level: Level,
    email: Email,
    #[shard(json)]
    tags: Tags,
    #[shard(skip)]
    skipped: u8,
    #[shard(column = "renamed_here")]
    renamed: i32,
    #[shard(default = 7)]
    defaulted: i32,
    #[shard(length = 5)]
    short: String,
    #[shard(length = 4)]
    few: Vec<u8>,
}

impl Kinds {
    fn new(fixture: &Fixture) -> Self {
        Self {
            id: fixture.id(),
            user_id: fixture.key(),
            truth: true,
            i8: 1,
            i16: 1,
            i32: 1,
            i64: 1,
            u8: 1,
            u16: 1,
            u32: 1,
            u64: 1,
            f32: 1.5,
            f64: 1.5,
            text: "text".into(),
            bytes: vec![1],
            uuid: Uuid::nil(),
            decimal: Decimal::ONE,
            value: serde_json::json!(1),
            status: Status::New,
            level: Level::Low,
            email: Email("a@b".into()),
            tags: Tags {
                names: vec![],
                nested: None,
            },
            skipped: 0,
            renamed: 1,
            defaulted: 1,
            short: "x".into(),
            few: vec![],
        }
    }
}

/// Stores the row by one insert, by an array or batch of them and by an update, and finds it equal each time.
async fn comes_back(fixture: &Fixture, row: Kinds) {
    let row = row.insert(&fixture.cluster).await.unwrap();
    assert_eq!(row.reload(&fixture.cluster).await.unwrap(), row);
    let many = vec![
        Kinds {
            id: fixture.id(),
            ..row.clone()
        },
        Kinds {
            id: fixture.id(),
            ..row.clone()
        },
    ];
    Kinds::insert_many(&fixture.cluster, many.clone())
        .await
        .unwrap();
    let found = Kinds::on(row.user_id)
        .filter(Kinds::ID.ne(row.id))
        .order_by(Kinds::ID)
        .all(&fixture.cluster)
        .await
        .unwrap();
    assert_eq!(found, many);
    let other = Kinds {
        id: row.id,
        user_id: row.user_id,
        ..Kinds::new(fixture)
    };
    other.update(&fixture.cluster).await.unwrap();
    row.update(&fixture.cluster).await.unwrap();
    assert_eq!(row.reload(&fixture.cluster).await.unwrap(), row);
}

async fn is_refused(fixture: &Fixture, row: Kinds) -> ErrorKind {
    let one = kind(row.clone().insert(&fixture.cluster).await);
    let many = vec![
        Kinds {
            id: fixture.id(),
            ..Kinds::new(fixture)
        },
        row.clone(),
    ];
    assert_eq!(kind(Kinds::insert_many(&fixture.cluster, many).await), one);
    assert_eq!(
        Kinds::find(&fixture.cluster, row.user_id, row.id)
            .await
            .unwrap(),
        None
    );
    one
}

behaviours! { (Kinds);
    async fn integers_round_trip_at_their_limits(fixture: &Fixture) {
        let least = Kinds {
            i8: i8::MIN, i16: i16::MIN, i32: i32::MIN, i64: i64::MIN,
            u8: 0, u16: 0, u32: 0, u64: 0, truth: false, ..Kinds::new(fixture)
        };
        comes_back(fixture, least).await;
        let most = Kinds {
            i8: i8::MAX, i16: i16::MAX, i32: i32::MAX, i64: i64::MAX,
            u8: u8::MAX, u16: u16::MAX, u32: u32::MAX, u64: i64::MAX.unsigned_abs(), ..Kinds::new(fixture)
        };
        comes_back(fixture, most).await;
    }

    async fn u64_above_i64_max_round_trips_or_is_refused(fixture: &Fixture) {
        for u64 in [i64::MAX.unsigned_abs() + 1, u64::MAX] {
            let row = Kinds { u64, ..Kinds::new(fixture) };
            if fixture.dialect == Dialect::MySql {
                comes_back(fixture, row).await;
            } else {
                assert_eq!(is_refused(fixture, row).await, ErrorKind::Unsupported);
            }
            let filter = Kinds::on(fixture.key()).filter(Kinds::U64.ge(u64)).count(&fixture.cluster).await;
            if fixture.dialect == Dialect::MySql {
                assert_eq!(filter.unwrap(), 0);
            } else {
                assert_eq!(kind(filter), ErrorKind::Unsupported);
            }
        }
    }

    async fn arithmetic_overflow_is_refused(fixture: &Fixture) {
        let row = Kinds { i8: i8::MAX, u8: u8::MAX, u16: u16::MAX, u32: u32::MAX, u64: 0, ..Kinds::new(fixture) };
        let row = row.insert(&fixture.cluster).await.unwrap();
        let query = || Kinds::on(row.user_id);
        let on = &fixture.cluster;
        assert_eq!(kind(query().increment(Kinds::I8, 1).update(on).await), ErrorKind::Check);
        assert_eq!(kind(query().increment(Kinds::U8, 1).update(on).await), ErrorKind::Check);
        assert_eq!(kind(query().increment(Kinds::U16, 1).update(on).await), ErrorKind::Check);
        assert_eq!(kind(query().increment(Kinds::U32, 1).update(on).await), ErrorKind::Check);
        let below = query().set(Kinds::I16, 1).set_expr(Kinds::U64, Expr::cust("u64 - 1"));
        assert_eq!(kind(below.update(on).await), ErrorKind::Check);
        assert_eq!(row.reload(on).await.unwrap(), row);
    }

    async fn floats_round_trip_at_their_limits(fixture: &Fixture) {
        for (f32, f64) in [
            (f32::MAX, f64::MAX),
            (f32::MIN, f64::MIN),
            (f32::MIN_POSITIVE, f64::MIN_POSITIVE),
            (f32::EPSILON, 5e-324),
            (0.1, 0.1),
            (1.0 / 3.0, 1.0 / 3.0),
            (16_777_217.0, 9_007_199_254_740_993.0),
        ] {
            comes_back(fixture, Kinds { f32, f64, ..Kinds::new(fixture) }).await;
        }
    }

    async fn a_float_is_found_by_its_value(fixture: &Fixture) {
        let row = Kinds { f32: 0.1, f64: 0.1, ..Kinds::new(fixture) }.insert(&fixture.cluster).await.unwrap();
        let query = || Kinds::on(row.user_id);
        assert_eq!(query().filter(Kinds::F32.eq(0.1)).count(&fixture.cluster).await.unwrap(), 1);
        assert_eq!(query().filter(Kinds::F64.eq(0.1)).count(&fixture.cluster).await.unwrap(), 1);
        assert_eq!(query().filter(Kinds::F32.gt(0.1)).count(&fixture.cluster).await.unwrap(), 0);
    }

    async fn nan_and_infinity_round_trip_or_are_refused(fixture: &Fixture) {
        for infinite in [f64::INFINITY, f64::NEG_INFINITY] {
            let double = Kinds { f64: infinite, ..Kinds::new(fixture) };
            #[allow(clippy::cast_possible_truncation)]
            let float = Kinds { f32: infinite as f32, ..Kinds::new(fixture) };
            for row in [double, float] {
                if fixture.dialect == Dialect::MySql {
                    assert_eq!(is_refused(fixture, row).await, ErrorKind::Unsupported);
                } else {
                    comes_back(fixture, row).await;
                }
            }
        }
        for row in [Kinds { f64: f64::NAN, ..Kinds::new(fixture) }, Kinds { f32: f32::NAN, ..Kinds::new(fixture) }] {
            if fixture.dialect == Dialect::Postgres {
                let row = row.insert(&fixture.cluster).await.unwrap();
                let found = row.reload(&fixture.cluster).await.unwrap();
                assert_eq!((found.f64.is_nan(), found.f32.is_nan()), (row.f64.is_nan(), row.f32.is_nan()));
            } else {
                assert_eq!(is_refused(fixture, row).await, ErrorKind::Unsupported);
            }
        }
    }

    async fn text_and_bytes_of_any_content_round_trip(fixture: &Fixture) {
        let texts = [
            String::new(),
            "Grüße, 世界 🎉👨‍👩‍👧 \u{202e}".into(),
            "\t\r\n'\"\\%_`{}$1?".into(),
            " spaces at both ends  ".into(),
            "x".repeat(1_000_000),
        ];
        for text in texts {
            let bytes = text.bytes().chain(0..=255).collect();
            comes_back(fixture, Kinds { bytes, text, ..Kinds::new(fixture) }).await;
        }
        comes_back(fixture, Kinds { bytes: vec![], ..Kinds::new(fixture) }).await;
    }

    async fn nul_characters_round_trip_or_are_refused(fixture: &Fixture) {
        let row = Kinds { text: "a\0b".into(), ..Kinds::new(fixture) };
        if fixture.dialect == Dialect::Postgres {
            assert_eq!(is_refused(fixture, row).await, ErrorKind::Unsupported);
        } else {
            comes_back(fixture, row).await;
        }
    }

    async fn text_and_bytes_beyond_their_length_are_refused(fixture: &Fixture) {
        comes_back(fixture, Kinds { short: "äöüß🎉".into(), ..Kinds::new(fixture) }).await;
        let row = Kinds { short: "sixsix".into(), ..Kinds::new(fixture) };
        assert_eq!(is_refused(fixture, row).await, ErrorKind::Check);
        comes_back(fixture, Kinds { few: vec![0, 128, 255, 0], ..Kinds::new(fixture) }).await;
        let row = Kinds { few: vec![0; 5], ..Kinds::new(fixture) };
        assert_eq!(is_refused(fixture, row).await, ErrorKind::Check);
    }

    async fn uuids_and_decimals_round_trip_at_their_limits(fixture: &Fixture) {
        let smallest = Decimal::from_i128_with_scale(1, 28);
        let longest = Decimal::from_i128_with_scale(79_228_162_514_264_337_593_543_950_335, 28);
        for decimal in [Decimal::MAX, Decimal::MIN, Decimal::ZERO, smallest, -smallest, longest, Decimal::new(-12_345, 2)] {
            comes_back(fixture, Kinds { decimal, uuid: Uuid::max(), ..Kinds::new(fixture) }).await;
        }
        comes_back(fixture, Kinds { uuid: Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10), ..Kinds::new(fixture) }).await;
    }

    async fn decimals_are_found_at_any_scale(fixture: &Fixture) {
        let row = Kinds { decimal: Decimal::new(150, 2), ..Kinds::new(fixture) }.insert(&fixture.cluster).await.unwrap();
        for same in [Decimal::new(15, 1), Decimal::new(1_500, 3)] {
            let query = Kinds::on(row.user_id).filter(Kinds::DECIMAL.eq(same));
            assert_eq!(query.count(&fixture.cluster).await.unwrap(), 1);
        }
    }

    async fn json_of_any_shape_round_trips(fixture: &Fixture) {
        let values = [
            serde_json::json!(null),
            serde_json::json!({}),
            serde_json::json!([]),
            serde_json::json!("a 'quoted' \"text\" \\ 🎉"),
            serde_json::json!({"b": [1, -2.5, true, null, {"deep": [[[]]]}], "a": "ü"}),
            serde_json::json!(i64::MAX),
        ];
        for value in values {
            let nested = Some(Box::new(Tags { names: vec!["x".into(); 3], nested: None }));
            let tags = Tags { names: vec!["ä\"'".into()], nested };
            comes_back(fixture, Kinds { value, tags, ..Kinds::new(fixture) }).await;
        }
    }

    async fn enums_and_newtypes_round_trip(fixture: &Fixture) {
        for (status, level) in [(Status::New, Level::Low), (Status::OutOfStock, Level::High), (Status::Sent, Level::Low)] {
            let row = Kinds { status, level, email: Email("ü@x".into()), ..Kinds::new(fixture) };
            let key = row.user_id;
            comes_back(fixture, row).await;
            let same = Kinds::STATUS.eq(status) & Kinds::LEVEL.eq(level) & Kinds::EMAIL.eq(Email("ü@x".into()));
            assert_eq!(Kinds::on(key).filter(same).count(&fixture.cluster).await.unwrap(), 3);
        }
    }

    async fn an_enum_is_stored_under_its_name_or_number(fixture: &Fixture) {
        let row = Kinds { status: Status::OutOfStock, level: Level::High, ..Kinds::new(fixture) };
        let row = row.insert(&fixture.cluster).await.unwrap();
        let text = match fixture.dialect {
            Dialect::Postgres => "SELECT status, level FROM {kinds} WHERE id = $1",
            _ => "SELECT status, level FROM {kinds} WHERE id = ?",
        };
        let found: (String, i16) = Kinds::query().on_shard_of(row.user_id).sql(text).bind(row.id).one(&fixture.cluster).await.unwrap();
        assert_eq!(found, ("OUT_OF_STOCK".to_owned(), 300));
    }

    async fn an_unknown_enum_value_is_a_decode_error(fixture: &Fixture) {
        let row = Kinds::new(fixture).insert(&fixture.cluster).await.unwrap();
        let set = Kinds::on(row.user_id).set(Kinds::I8, 1).set_expr(Kinds::STATUS, Expr::val("bogus"));
        set.update(&fixture.cluster).await.unwrap();
        let error = row.reload(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains("Status"), "{error}");
        let set = Kinds::on(row.user_id).set(Kinds::STATUS, Status::New).set_expr(Kinds::LEVEL, Expr::val(5_i16));
        set.update(&fixture.cluster).await.unwrap();
        assert_eq!(kind(row.reload(&fixture.cluster).await), ErrorKind::Decode);
    }

    async fn null_in_a_not_null_column_is_refused(fixture: &Fixture) {
        let row = Kinds::new(fixture).insert(&fixture.cluster).await.unwrap();
        let null = Expr::val(Value::Int(None));
        let set = Kinds::on(row.user_id).set(Kinds::I8, 1).set_expr(Kinds::I32, null);
        assert_eq!(kind(set.update(&fixture.cluster).await), ErrorKind::NotNull);
    }

    async fn skipped_fields_are_read_as_their_default(fixture: &Fixture) {
        let row = Kinds { skipped: 9, ..Kinds::new(fixture) };
        let inserted = row.insert(&fixture.cluster).await.unwrap();
        assert_eq!(inserted.skipped, 9);
        assert_eq!(inserted.reload(&fixture.cluster).await.unwrap(), Kinds { skipped: 0, ..inserted });
    }

    async fn columns_can_be_renamed(fixture: &Fixture) {
        let row = Kinds { renamed: 42, ..Kinds::new(fixture) }.insert(&fixture.cluster).await.unwrap();
        let sql = Kinds::query().on_shard_of(row.user_id).sql("SELECT renamed_here FROM {kinds} WHERE renamed_here = 42");
        assert_eq!(sql.all::<i32>(&fixture.cluster).await.unwrap(), [42]);
        assert_eq!(Kinds::on(row.user_id).filter(Kinds::RENAMED.eq(42)).count(&fixture.cluster).await.unwrap(), 1);
    }
}
