//! Equal rows have equal digests on all databases.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rust_decimal::Decimal;
use shard_orm::prelude::*;
use shard_orm::sync::{TableAt, digest, verify};
use shard_orm_tests::fixture::Fixture;
use uuid::Uuid;

use super::{dialects, fixture};

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "kinds")]
struct Kinds {
    #[shard(primary_key)]
    id: i64,
    truth: Option<bool>,
    i8: Option<i8>,
    i16: Option<i16>,
    i32: Option<i32>,
    i64: i64,
    u8: Option<u8>,
    u16: Option<u16>,
    u32: Option<u32>,
    u64: Option<u64>,
    f32: Option<f32>,
    f64: Option<f64>,
    text: Option<String>,
    #[shard(length = 20)]
    short: String,
    bytes: Option<Vec<u8>>,
    uuid: Option<Uuid>,
    decimal: Option<Decimal>,
    #[shard(decimal(12, 2))]
    price: Option<Decimal>,
    #[shard(decimal(28, 10))]
    rate: Decimal,
    moment: Option<DateTime<Utc>>,
    local: Option<NaiveDateTime>,
    date: Option<NaiveDate>,
    time: Option<NaiveTime>,
    other_moment: Option<time::OffsetDateTime>,
    other_local: Option<time::PrimitiveDateTime>,
    other_date: Option<time::Date>,
    other_time: Option<time::Time>,
}

/// With a column that the library alone can encode.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "documents")]
struct Document {
    #[shard(primary_key)]
    id: i64,
    body: serde_json::Value,
}

fn float() -> impl Strategy<Value = f64> {
    let special = [
        0.0,
        -0.0,
        1.5,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        0.1,
        1e-300,
    ];
    prop_oneof![
        proptest::sample::select(special.to_vec()),
        any::<f64>().prop_filter("finite", |float| float.is_finite())
    ]
}

fn single() -> impl Strategy<Value = f32> {
    let special = [0.0, -0.0, 1.1, f32::MAX, f32::MIN];
    let normal = |float: &f32| float.is_normal();
    prop_oneof![
        proptest::sample::select(special.to_vec()),
        any::<f32>().prop_filter("normal", normal)
    ]
}

fn text() -> impl Strategy<Value = String> {
    let special = [
        "",
        " ",
        "a ",
        "tea\t",
        "\u{1f375}\u{fe0f}",
        "'\"\\%_",
        "\u{ffff}",
        "-",
        "3:a",
    ];
    prop_oneof![
        proptest::sample::select(special.to_vec()).prop_map(str::to_owned),
        "[^\\x00]{0,20}"
    ]
}

fn decimal() -> impl Strategy<Value = Decimal> {
    let limit = 79_228_162_514_264_337_593_543_950_335_i128;
    prop_oneof![
        (-limit..=limit, 0_u32..=28)
            .prop_map(|(number, scale)| Decimal::from_i128_with_scale(number, scale)),
        (-1_000_i128..1_000, 0_u32..=4)
            .prop_map(|(number, scale)| Decimal::from_i128_with_scale(number, scale)),
        Just(Decimal::MAX),
    ]
}

/// Microseconds since 1970 in the years 1 to 9999.
fn micros() -> impl Strategy<Value = i64> {
    let (first, last) = (-62_135_596_800_000_000_i64, 253_402_300_799_999_999);
    prop_oneof![
        proptest::sample::select(vec![first, first + 1, last, -1, 0, 1, -999_999]),
        first..=last
    ]
}

fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    micros().prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
}

fn other_moment() -> impl Strategy<Value = time::OffsetDateTime> {
    micros().prop_map(|micros| {
        time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap()
    })
}

fn extreme<T: Arbitrary + Clone + std::fmt::Debug + 'static>(
    ends: Vec<T>,
) -> impl Strategy<Value = Option<T>> {
    option::of(prop_oneof![proptest::sample::select(ends), any::<T>()])
}

fn row() -> impl Strategy<Value = Kinds> {
    let numbers = (
        option::of(any::<bool>()),
        extreme(vec![i8::MIN, i8::MAX]),
        extreme(vec![i16::MIN, i16::MAX]),
        extreme(vec![i32::MIN, i32::MAX]),
        prop_oneof![Just(i64::MIN), Just(i64::MAX), any::<i64>()],
        extreme(vec![0, u8::MAX]),
        extreme(vec![0, u16::MAX]),
        extreme(vec![0, u32::MAX]),
        option::of(0..=u64::MAX / 2),
        option::of(single()),
        option::of(float()),
        option::of(decimal()),
    );
    let others = (
        option::of(text()),
        "\\PC{0,20}",
        option::of(vec(any::<u8>(), 0..20)),
        option::of(any::<[u8; 16]>().prop_map(Uuid::from_bytes)),
        option::of(moment()),
        option::of(moment()),
        option::of(moment()),
        option::of(moment()),
        option::of(other_moment()),
        option::of(other_moment()),
        option::of(other_moment()),
        option::of(other_moment()),
    );
    (numbers, others).prop_map(|(n, o)| Kinds {
        id: 0,
        truth: n.0,
        i8: n.1,
        i16: n.2,
        i32: n.3,
        i64: n.4,
        u8: n.5,
        u16: n.6,
        u32: n.7,
        u64: n.8,
        f32: n.9,
        f64: n.10,
        decimal: n.11,
        price: n.3.map(|cents| Decimal::new(cents.into(), 2)),
        rate: Decimal::from_i128_with_scale(n.4.into(), 10),
        text: o.0,
        short: o.1,
        bytes: o.2,
        uuid: o.3,
        moment: o.4,
        local: o.5.map(|moment| moment.naive_utc()),
        date: o.6.map(|moment| moment.date_naive()),
        time: o.7.map(|moment| moment.time()),
        other_moment: o.8,
        other_local: o
            .9
            .map(|at| time::PrimitiveDateTime::new(at.date(), at.time())),
        other_date: o.10.map(time::OffsetDateTime::date),
        other_time: o.11.map(time::OffsetDateTime::time),
    })
}

fn rows(count: usize) -> Vec<Kinds> {
    let mut runner = TestRunner::default();
    let mut rows = vec(row(), count).new_tree(&mut runner).unwrap().current();
    for (number, row) in rows.iter_mut().enumerate() {
        row.id = i64::try_from(number).unwrap();
    }
    rows
}

fn of(fixture: &Fixture) -> TableAt<'_> {
    TableAt::of::<Kinds>(&fixture.cluster, &Kinds::database()).unwrap()
}

#[tokio::test]
async fn digests_are_equal_on_every_database() {
    let rows = rows(400);
    let mut seen = Vec::new();
    for dialect in dialects() {
        let fixture = fixture(dialect, |setup| setup.table::<Kinds>()).await;
        Kinds::insert_many(&fixture.cluster, rows.clone())
            .await
            .unwrap();
        seen.push(fixture);
    }
    let mut digests = Vec::new();
    for fixture in &seen {
        let found = digest(&of(fixture)).await.unwrap();
        assert_eq!(found.rows(), 400);
        digests.push((fixture.dialect, found));
    }
    if digests.iter().all(|(_, found)| *found == digests[0].1) {
        return;
    }
    // Names the rows whose digests differ, which the sums do not.
    for row in &rows {
        for fixture in &seen {
            Kinds::query()
                .filter(Kinds::ID.ge(0))
                .delete(&fixture.cluster)
                .await
                .unwrap();
            row.clone().insert(&fixture.cluster).await.unwrap();
        }
        let first = digest(&of(&seen[0])).await.unwrap();
        for fixture in &seen {
            assert_eq!(
                digest(&of(fixture)).await.unwrap(),
                first,
                "{} of {row:?}",
                fixture.dialect
            );
        }
    }
    panic!("{digests:?}");
}

#[tokio::test]
async fn unsigned_mariadb_numbers_keep_their_digests() {
    if !Dialect::MySql.is_enabled() {
        return;
    }
    let (one, other) = (
        fixture(Dialect::MySql, |setup| setup.table::<Kinds>()).await,
        fixture(Dialect::MySql, |setup| setup.table::<Kinds>()).await,
    );
    let mut row = rows(1).remove(0);
    row.u64 = Some(u64::MAX);
    row.clone().insert(&one.cluster).await.unwrap();
    row.u64 = Some(u64::MAX - 1);
    row.insert(&other.cluster).await.unwrap();
    let table = |cluster| TableAt::of::<Kinds>(cluster, &Kinds::database()).unwrap();
    let found = verify(&table(&one.cluster), &table(&other.cluster))
        .await
        .unwrap();
    assert_eq!((found.different, found.differing()), (1, 1));
}

#[tokio::test]
async fn equivalent_json_is_equal() {
    for source in dialects() {
        for copy in dialects() {
            let one = fixture(source, |setup| setup.table::<Document>()).await;
            let other = fixture(copy, |setup| setup.table::<Document>()).await;
            let documents = |text: [&str; 3]| -> Vec<Document> {
                let parsed = text.iter().map(|text| serde_json::from_str(text).unwrap());
                let numbered = parsed.enumerate();
                numbered
                    .map(|(id, body)| Document {
                        id: i64::try_from(id).unwrap(),
                        body,
                    })
                    .collect()
            };
            let at_source = documents([r#"{"b":1,"a":[1.0,null]}"#, r#""é""#, r#"{"x":1}"#]);
            let at_copy = documents([r#"{"a":[1,null],"b":1}"#, r#""\u00e9""#, r#"{"x":2}"#]);
            Document::insert_many(&one.cluster, at_source)
                .await
                .unwrap();
            Document::insert_many(&other.cluster, at_copy)
                .await
                .unwrap();
            let table = |cluster| TableAt::of::<Document>(cluster, &Document::database()).unwrap();
            let found = verify(&table(&one.cluster), &table(&other.cluster))
                .await
                .unwrap();
            assert_eq!(
                (found.different, found.differing()),
                (1, 1),
                "{source} {copy}"
            );
        }
    }
}
