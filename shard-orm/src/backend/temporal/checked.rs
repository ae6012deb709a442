//! Checked decoding of dates and times on which the drivers would panic, or which they would read
//! as others.
//!
//! The databases store values that the types of `chrono` and `time` do not represent: `infinity`,
//! `24:00`, negative times and times beyond a day, years of six digits. Called by `temporal`.

use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Type};

/// A date or time that is checked against the range of its type.
pub(super) struct Checked<T>(pub(super) T);

impl<DB: Database, T: Type<DB>> Type<DB> for Checked<T> {
    fn type_info() -> DB::TypeInfo {
        T::type_info()
    }

    fn compatible(column: &DB::TypeInfo) -> bool {
        T::compatible(column)
    }
}

/// Decoding of one database's values. No message contains the value.
macro_rules! reads {
    ($database:ty: $($rust:ty, $read:expr;)*) => {$(
        impl<'r> Decode<'r, $database> for Checked<$rust> {
            fn decode(
                value: <$database as Database>::ValueRef<'r>,
            ) -> Result<Self, BoxDynError> {
                let read: fn(<$database as Database>::ValueRef<'r>) -> Result<$rust, BoxDynError> =
                    $read;
                read(value).map(Self)
            }
        }
    )*};
}

/// Decodes by the driver, where it does not panic.
#[allow(dead_code)]
fn plain<'r, DB: Database, T: Decode<'r, DB>>(value: DB::ValueRef<'r>) -> Result<T, BoxDynError> {
    T::decode(value).map_err(|_| "no date or time of this type".into())
}

/// PostgreSQL counts days and microseconds from the year 2000.
#[cfg(feature = "postgres")]
mod of_postgres {
    use sqlx::Postgres;
    use sqlx::postgres::{PgValueFormat, PgValueRef};

    use super::*;

    const DAY: i64 = 86_400_000_000;

    /// The binary form of a date or time; `None` if it is a text, which the driver parses.
    fn number<const WIDTH: usize>(
        value: &PgValueRef<'_>,
    ) -> Result<Option<[u8; WIDTH]>, BoxDynError> {
        match value.format() {
            PgValueFormat::Text => Ok(None),
            PgValueFormat::Binary => Ok(Some(value.as_bytes()?.try_into()?)),
        }
    }

    fn read<'r, T: Decode<'r, Postgres>, const WIDTH: usize>(
        value: PgValueRef<'r>,
        make: impl FnOnce([u8; WIDTH]) -> Option<T>,
    ) -> Result<T, BoxDynError> {
        match number(&value)? {
            None => plain::<Postgres, T>(value),
            Some(bytes) => make(bytes)
                .ok_or_else(|| "`infinity`, 24:00, or a year that the type does not hold".into()),
        }
    }

    /// The days; `None` for `infinity` and `-infinity`.
    fn days(bytes: [u8; 4]) -> Option<i32> {
        let days = i32::from_be_bytes(bytes);
        (days != i32::MAX && days != i32::MIN).then_some(days)
    }

    /// The microseconds; `None` for `infinity` and `-infinity`.
    fn micros(bytes: [u8; 8]) -> Option<i64> {
        let micros = i64::from_be_bytes(bytes);
        (micros != i64::MAX && micros != i64::MIN).then_some(micros)
    }

    /// The microseconds of a time of day; `None` for 24:00.
    fn of_day(bytes: [u8; 8]) -> Option<i64> {
        let micros = i64::from_be_bytes(bytes);
        (0..DAY).contains(&micros).then_some(micros)
    }

    #[cfg(feature = "chrono")]
    mod with_chrono {
        use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

        use super::*;

        fn date(days: i32) -> Option<NaiveDate> {
            NaiveDate::from_ymd_opt(2000, 1, 1)?
                .checked_add_signed(TimeDelta::try_days(days.into())?)
        }

        fn moment(micros: i64) -> Option<NaiveDateTime> {
            let start = NaiveDate::from_ymd_opt(2000, 1, 1)?.and_time(NaiveTime::MIN);
            start.checked_add_signed(TimeDelta::microseconds(micros))
        }

        reads! { Postgres:
            NaiveDate, |value| read(value, |bytes| date(days(bytes)?));
            NaiveDateTime, |value| read(value, |bytes| moment(micros(bytes)?));
            DateTime<Utc>, |value| read(value, |bytes| Some(moment(micros(bytes)?)?.and_utc()));
            NaiveTime, |value| read(value, |bytes| {
                // Within a day it does not go around.
                let since = TimeDelta::microseconds(of_day(bytes)?);
                Some(NaiveTime::MIN.overflowing_add_signed(since).0)
            });
        }
    }

    #[cfg(feature = "time")]
    mod with_time {
        use time::format_description::BorrowedFormatItem;
        use time::macros::format_description;
        use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

        use super::*;

        /// Responses to statements that are not prepared are texts. The driver does not parse whole
        /// seconds.
        const ZONED: &[BorrowedFormatItem<'_>] = format_description!(
            version = 2,
            "[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]]\
             [offset_hour sign:mandatory][optional [:[offset_minute]]]"
        );

        const START: Date = time::macros::date!(2000 - 01 - 01);

        fn moment(micros: i64) -> Option<PrimitiveDateTime> {
            START.midnight().checked_add(Duration::microseconds(micros))
        }

        reads! { Postgres:
            Date, |value| read(value, |bytes| {
                START.checked_add(Duration::days(days(bytes)?.into()))
            });
            PrimitiveDateTime, |value| read(value, |bytes| moment(micros(bytes)?));
            OffsetDateTime, |value| match value.format() {
                PgValueFormat::Text => {
                    let zoned = OffsetDateTime::parse(value.as_str()?, ZONED).ok();
                    let utc = zoned.and_then(|zoned| zoned.checked_to_offset(UtcOffset::UTC));
                    utc.ok_or_else(|| "no time that the type holds".into())
                }
                PgValueFormat::Binary => {
                    read(value, |bytes| Some(moment(micros(bytes)?)?.assume_utc()))
                }
            };
            Time, |value| read(value, |bytes| {
                // Within a day it does not go around.
                Some(Time::MIDNIGHT + Duration::microseconds(of_day(bytes)?))
            });
        }
    }
}

/// A TIME of MySQL and MariaDB is an interval of up to 838 hours in either direction.
#[cfg(feature = "mysql")]
mod of_mysql {
    use sqlx::MySql;
    use sqlx::mysql::MySqlValueRef;
    use sqlx::mysql::types::MySqlTime;

    use super::*;

    fn of_day<T>(value: MySqlValueRef<'_>) -> Result<T, BoxDynError>
    where
        T: TryFrom<MySqlTime>,
    {
        // The text of a statement that is not prepared: the driver parses `-00:30:00` without its
        // sign.
        let negative = plain::<MySql, &[u8]>(value.clone())?.first() == Some(&b'-');
        let time = plain::<MySql, MySqlTime>(value)?;
        let of_day = (!negative && time.is_valid_time_of_day()).then_some(time);
        let made = of_day.and_then(|time| T::try_from(time).ok());
        made.ok_or_else(|| "a TIME that is negative, or longer than a day".into())
    }

    #[cfg(feature = "chrono")]
    reads! { MySql:
        chrono::NaiveDate, plain::<MySql, _>;
        chrono::NaiveDateTime, plain::<MySql, _>;
        chrono::DateTime<chrono::Utc>, plain::<MySql, _>;
        chrono::NaiveTime, of_day;
    }

    #[cfg(feature = "time")]
    reads! { MySql:
        time::Date, plain::<MySql, _>;
        time::PrimitiveDateTime, plain::<MySql, _>;
        time::OffsetDateTime, plain::<MySql, _>;
        time::Time, of_day;
    }
}

/// SQLite has texts, and in tables of other programs numbers.
#[cfg(feature = "sqlite")]
mod of_sqlite {
    use sqlx::Sqlite;

    use super::*;

    #[cfg(feature = "chrono")]
    reads! { Sqlite:
        chrono::NaiveDate, plain::<Sqlite, _>;
        chrono::NaiveDateTime, plain::<Sqlite, _>;
        chrono::DateTime<chrono::Utc>, plain::<Sqlite, _>;
        chrono::NaiveTime, plain::<Sqlite, _>;
    }

    #[cfg(feature = "time")]
    reads! { Sqlite:
        time::Date, plain::<Sqlite, _>;
        time::PrimitiveDateTime, |value| {
            use sqlx::{TypeInfo as _, ValueRef as _};

            if value.type_info().name() == "INTEGER" {
                // Any number of seconds since 1970.
                let moment = plain::<Sqlite, time::OffsetDateTime>(value)?;
                return Ok(time::PrimitiveDateTime::new(moment.date(), moment.time()));
            }
            plain::<Sqlite, _>(value)
        };
        time::OffsetDateTime, plain::<Sqlite, _>;
        time::Time, plain::<Sqlite, _>;
    }
}
