//! Values that servers can store and field types cannot hold: read correctly or refused, never misread.

mod expressions;

use std::fmt::Debug;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use rust_decimal::Decimal;
use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm::{Field, Result};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};
use uuid::Uuid;

use self::expressions::odd;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "moments")]
struct Moment {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    at: DateTime<Utc>,
    day: Option<NaiveDate>,
}

/// What an expression is read as, prepared and as a text that is sent as it stands.
async fn both<T: Field + Debug>(fixture: &Fixture, expression: &str) -> [Result<T>; 2] {
    let text = match expression.strip_prefix("LAX ") {
        // MariaDB, with nothing refused.
        Some(expression) => format!("SET STATEMENT sql_mode = '' FOR SELECT {expression}"),
        None => format!("SELECT {expression}"),
    };
    let prepared = Moment::on_shard_of(1)
        .sql(AssertSqlSafe(text.clone()))
        .one::<T>(&fixture.cluster)
        .await;
    let plain = fixture
        .cluster
        .broadcast("shop")
        .sql(AssertSqlSafe(text))
        .all::<T>()
        .await
        .unwrap();
    let plain = plain.outcomes.into_iter().next().unwrap().result.unwrap();
    [prepared, plain.map(|mut rows| rows.pop().unwrap())]
}

/// Whether an expression is read as this, or refused.
async fn is<T: Field + Debug + PartialEq>(
    fixture: &Fixture,
    expression: &str,
    expected: Option<T>,
) {
    for outcome in both::<T>(fixture, expression).await {
        match (outcome, &expected) {
            (Ok(value), Some(expected)) => assert_eq!(&value, expected, "{expression}"),
            (Err(error), None) => {
                assert_eq!(error.kind(), ErrorKind::Decode, "{expression}: {error}")
            }
            (outcome, expected) => panic!("{expression}: {outcome:?}, and not {expected:?}"),
        }
    }
}

/// An expression is no value of these types.
macro_rules! refused {
    ($fixture:ident, $expression:expr => $($rust:ty),+) => {
        $(
            is::<$rust>($fixture, $expression, None).await;
            // Nor is it NULL.
            is::<Option<$rust>>($fixture, $expression, None).await;
        )+
    };
}

/// Reads an expression as each type that there is.
async fn as_anything(fixture: &Fixture, expression: &str) {
    macro_rules! read {
        ($($rust:ty),+) => {
            $(
                for outcome in both::<$rust>(fixture, expression).await {
                    check(expression, stringify!($rust), outcome.map(drop));
                }
                for outcome in both::<Option<$rust>>(fixture, expression).await {
                    check(expression, stringify!($rust), outcome.map(drop));
                }
            )+
        };
    }
    fn check(expression: &str, rust: &str, outcome: Result<()>) {
        if let Err(error) = outcome {
            assert_eq!(
                error.kind(),
                ErrorKind::Decode,
                "{expression} as {rust}: {error}"
            );
        }
    }
    read!(
        bool,
        i8,
        i16,
        i32,
        i64,
        u8,
        u16,
        u32,
        u64,
        f32,
        f64,
        String,
        Vec<u8>,
        Uuid,
        Decimal,
        serde_json::Value,
        DateTime<Utc>,
        NaiveDateTime,
        NaiveDate,
        NaiveTime,
        OffsetDateTime,
        PrimitiveDateTime,
        Date,
        Time
    );
}

/// Numbers that look like random ones and are the same each time.
struct Random(u64);

impl Random {
    fn up_to(&mut self, most: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(most + 1)).unwrap()
    }

    fn date(&mut self, years: u32) -> String {
        let (year, month, day) = (
            1 + self.up_to(years - 1),
            1 + self.up_to(11),
            1 + self.up_to(27),
        );
        format!("{year:04}-{month:02}-{day:02}")
    }

    fn time(&mut self) -> String {
        let (hour, minute, second) = (self.up_to(23), self.up_to(59), self.up_to(59));
        let micros = if self.up_to(2) == 0 {
            0
        } else {
            self.up_to(999_999)
        };
        format!("{hour:02}:{minute:02}:{second:02}.{micros:06}")
    }
}

/// The types of `time` give the same as those of `chrono`.
fn of_chrono(naive: NaiveDateTime) -> PrimitiveDateTime {
    let date =
        Date::from_ordinal_date(naive.year(), u16::try_from(naive.ordinal()).unwrap()).unwrap();
    PrimitiveDateTime::new(date, of_clock(naive.time()))
}

fn of_clock(clock: NaiveTime) -> Time {
    let (hour, minute, second) = (clock.hour(), clock.minute(), clock.second());
    let [hour, minute, second] = [hour, minute, second].map(|part| u8::try_from(part).unwrap());
    Time::from_hms_micro(hour, minute, second, clock.nanosecond() / 1000).unwrap()
}

/// Whether a date and time within the years 1 to 9999 is read right as each type.
async fn is_read_right(fixture: &Fixture, date: &str, time: &str) {
    let naive: NaiveDateTime = format!("{date}T{time}").parse().unwrap();
    let (day, clock) = (naive.date(), naive.time());
    let [at, zoned, of_day, of_clock_] = match fixture.dialect {
        Dialect::Sqlite => [
            format!("'{date} {time}'"),
            format!("'{date}T{time}+00:00'"),
            format!("'{date}'"),
            format!("'{time}'"),
        ],
        Dialect::Postgres => [
            format!("timestamp '{date} {time}'"),
            format!("timestamptz '{date} {time}+00'"),
            format!("date '{date}'"),
            format!("time '{time}'"),
        ],
        Dialect::MySql => {
            let at = format!("CAST('{date} {time}' AS DATETIME(6))");
            [
                at.clone(),
                at,
                format!("CAST('{date}' AS DATE)"),
                format!("CAST('{time}' AS TIME(6))"),
            ]
        }
    };
    is(fixture, &at, Some(naive)).await;
    is(fixture, &at, Some(of_chrono(naive))).await;
    is(fixture, &of_day, Some(day)).await;
    is(fixture, &of_day, Some(of_chrono(naive).date())).await;
    is(fixture, &of_clock_, Some(clock)).await;
    is(fixture, &of_clock_, Some(of_clock(clock))).await;
    if fixture.dialect != Dialect::MySql {
        is(fixture, &zoned, Some(naive.and_utc())).await;
        is(fixture, &zoned, Some(of_chrono(naive).assume_utc())).await;
    }
}

behaviours! { (Moment), 1 shards on 1 servers, |options| options;
    async fn extreme_values_are_read_or_give_decode_errors(fixture: &Fixture) {
        for expression in odd(fixture.dialect) {
            as_anything(fixture, expression).await;
        }
    }

    async fn dates_and_times_of_years_1_to_9999_are_read(fixture: &Fixture) {
        let mut random = Random(7);
        for (date, time) in [("0001-01-01", "00:00:00"), ("9999-12-31", "23:59:59.999999"), ("2000-02-29", "00:00:00.000001")] {
            is_read_right(fixture, date, time).await;
        }
        for _ in 0..40 {
            let (date, time) = (random.date(9999), random.time());
            is_read_right(fixture, &date, &time).await;
        }
    }

    async fn out_of_range_dates_and_times_are_decode_errors(fixture: &Fixture) {
        match fixture.dialect {
            Dialect::Sqlite => {
                for text in ["'24:00:00'", "'noon'", "''", "1", "x'00'"] {
                    refused!(fixture, text => NaiveTime, Time);
                }
                for text in ["'2024-02-30'", "'0000-00-00'", "'infinity'", "''", "x'00'"] {
                    refused!(fixture, text => NaiveDate, Date, NaiveDateTime, DateTime<Utc>, PrimitiveDateTime, OffsetDateTime);
                }
                // Seconds since 1970, beyond the year 9999.
                refused!(fixture, "99999999999999" => PrimitiveDateTime, OffsetDateTime);
                is(fixture, "0", Some(OffsetDateTime::UNIX_EPOCH)).await;
                is(fixture, "0", Some(of_chrono(DateTime::UNIX_EPOCH.naive_utc()))).await;
            }
            Dialect::Postgres => {
                for sign in ["", "-"] {
                    refused!(fixture, &format!("date '{sign}infinity'") => NaiveDate, Date);
                    refused!(fixture, &format!("timestamp '{sign}infinity'") => NaiveDateTime, PrimitiveDateTime);
                    refused!(fixture, &format!("timestamptz '{sign}infinity'") => DateTime<Utc>, OffsetDateTime);
                }
                refused!(fixture, "time '24:00:00'" => NaiveTime, Time);
                refused!(fixture, "timetz '10:00:00+01'" => NaiveTime, Time);
                refused!(fixture, "date '5874897-12-31'" => NaiveDate, Date);
                refused!(fixture, "timestamp '294276-12-31'" => NaiveDateTime, PrimitiveDateTime);
                refused!(fixture, "timestamptz '294276-12-31'" => DateTime<Utc>, OffsetDateTime);
                refused!(fixture, "interval '1 day'" => NaiveTime, Time, i64, f64);
                refused!(fixture, "numeric 'NaN'" => Decimal);
                refused!(fixture, "numeric '-Infinity'" => Decimal);
                refused!(fixture, "1e131071::numeric" => Decimal);
                // A year before the first, where the answer holds numbers and not a text.
                let before = NaiveDate::from_ymd_opt(-43, 3, 15).unwrap();
                let [prepared, _] = both::<NaiveDate>(fixture, "date '0044-03-15 BC'").await;
                assert_eq!(prepared.unwrap(), before);
                let [prepared, _] = both::<Date>(fixture, "date '0044-03-15 BC'").await;
                assert_eq!(prepared.unwrap().year(), -43);
            }
            _ => {
                for text in ["-10:00:00", "-00:00:00.000001", "-838:59:59", "24:00:00", "34:00:00", "838:59:59"] {
                    refused!(fixture, &format!("CAST('{text}' AS TIME(6))") => NaiveTime, Time);
                }
                refused!(fixture, "LAX CAST('0000-00-00' AS DATE)" => NaiveDate, Date);
                refused!(fixture, "LAX CAST('2024-00-00' AS DATE)" => NaiveDate, Date);
                refused!(fixture, "LAX CAST('2024-12-00 10:00:00' AS DATETIME)" => NaiveDateTime, PrimitiveDateTime);
                refused!(fixture, "LAX CAST('0000-00-00 00:00:00' AS DATETIME)" => NaiveDateTime, PrimitiveDateTime);
                refused!(fixture, "LAX CAST('0000-00-00 00:00:00' AS DATETIME(6))" => DateTime<Utc>, OffsetDateTime);
                is(fixture, "CAST('23:59:59.999999' AS TIME(6))", NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999)).await;
            }
        }
    }

    async fn out_of_range_numbers_are_decode_errors(fixture: &Fixture) {
        let [double, float] = match fixture.dialect {
            Dialect::Postgres => ["float8 '1e300'", "float4 '1e30'"],
            Dialect::Sqlite => ["1e300", "1e30"],
            _ => ["1e300", "1e30"],
        };
        refused!(fixture, double => f32);
        is(fixture, double, Some(1e300_f64)).await;
        is(fixture, float, Some(1e30_f32)).await;
        let wide = if fixture.dialect == Dialect::MySql { "CAST(40000 AS SIGNED)" } else { "40000" };
        refused!(fixture, wide => i8, i16);
    }

    async fn a_decode_error_leaves_the_connection_usable(fixture: &Fixture) {
        let key = fixture.key();
        let rows = [1, 2].map(|_| Moment { id: fixture.id(), user_id: key, at: DateTime::UNIX_EPOCH, day: None });
        for row in &rows {
            row.clone().insert(&fixture.cluster).await.unwrap();
        }
        let id = rows[1].id;
        let odd = match fixture.dialect {
            Dialect::Sqlite => format!("UPDATE {{moments}} SET day = 'never' WHERE id = {id}"),
            Dialect::Postgres => format!("UPDATE {{moments}} SET day = 'infinity' WHERE id = {id}"),
            _ => format!("SET STATEMENT sql_mode = '' FOR UPDATE {{moments}} SET day = '0000-00-00' WHERE id = {id}"),
        };
        let told = fixture.cluster.broadcast("shop").sql(AssertSqlSafe(odd)).execute().await.unwrap();
        assert!(told.is_done(), "{told:?}");
        for _ in 0..3 {
            let error = Moment::get(&fixture.cluster, key, id).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
            assert!(error.to_string().contains("`day`"), "{error}");
            let error = Moment::on(key).all(&fixture.cluster).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
            assert_eq!(Moment::get(&fixture.cluster, key, rows[0].id).await.unwrap(), rows[0]);
            assert_eq!(Moment::on(key).count(&fixture.cluster).await.unwrap(), 2);
        }
        Moment::on(key).filter(Moment::ID.eq(id)).delete(&fixture.cluster).await.unwrap();
        assert_eq!(Moment::on(key).all(&fixture.cluster).await.unwrap(), rows[..1]);
    }
}
