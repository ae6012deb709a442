//! Dates and times of `chrono` and of `time`.
//!
//! Every database stores microseconds, so a value is truncated to them before it is sent. SQLite
//! has no such types: it stores texts of one length, which sort and compare as the times do.

mod checked;

#[cfg(feature = "mysql")]
use std::convert::identity;
use std::time::SystemTime;

use sea_query::Value;
#[allow(unused_imports)]
use sqlx::{Arguments as _, Row as _};

use super::args::Buffer;
use super::failure::not_encoded;
use super::row::RowOf;
use super::scalar::{put, take};
use super::{Args, ColumnType, Field, Row, Timestamp};
use crate::error::{Error, Result};
use checked::Checked;

/// Implements [`Field`] for a time that the drivers know, with its text for SQLite.
///
/// A moment is sent to MySQL and MariaDB as a plain date and time, the type of its column: of a
/// TIMESTAMP before the year 1000, MariaDB would make NULL.
macro_rules! temporal {
    ($($rust:ty, $column:ident, $value:ident, $cut:path, $my:ty, $plain:path, $text:path;)*) => {$(
        impl Field for $rust {
            type Plain = Self;
            const TYPE: ColumnType = ColumnType::$column;

            fn bind(&self, args: &mut Args) -> Result<()> {
                let cut: $rust = $cut(*self)?;
                put!(args, Value::$value(Some(cut)),
                    postgres: cut, mysql: $plain(cut), sqlite: $text(cut)?)
            }

            fn bind_null(args: &mut Args) -> Result<()> {
                put!(args, Value::$value(None),
                    postgres: None::<$rust>, mysql: None::<$my>, sqlite: None::<String>)
            }

            fn read(row: &Row<'_>, ordinal: usize) -> Result<Self> {
                #[cfg(all(feature = "chrono", feature = "time"))]
                if let RowOf::Values(values) = row.0
                    && let Some(Value::$value(time)) = values.get(ordinal).and_then(of_time)
                    && let Some(time) = time
                {
                    return Ok(time);
                }
                take!(row, ordinal, $value,
                    postgres: Checked<$rust>, mysql: Checked<$rust>, sqlite: Checked<$rust>,
                    |checked: Checked<$rust>| Ok(checked.0))
            }
        }
    )*

        /// The text that SQLite stores for a value.
        pub(super) fn text_of(value: &Value) -> Result<Option<String>> {
            match value {
                $(Value::$value(Some(time)) => $text(*time).map(Some),)*
                _ => Ok(None),
            }
        }
    };
}

/// A value of `chrono` as one of `time`: what is read by a column's type is of `chrono` where both
/// crates are enabled.
#[cfg(all(feature = "chrono", feature = "time"))]
fn of_time(value: &Value) -> Option<Value> {
    use chrono::Timelike as _;

    let moment = |utc: chrono::DateTime<chrono::Utc>| {
        let nanos = i128::from(utc.timestamp_micros()) * 1_000;
        time::OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
    };
    Some(match value {
        Value::ChronoDateTimeUtc(Some(utc)) => Value::TimeDateTimeWithTimeZone(Some(moment(*utc)?)),
        Value::ChronoDateTime(Some(plain)) => {
            let utc = moment(plain.and_utc())?;
            Value::TimeDateTime(Some(time::PrimitiveDateTime::new(utc.date(), utc.time())))
        }
        Value::ChronoDate(Some(date)) => Value::TimeDate(Some(
            moment(date.and_time(chrono::NaiveTime::MIN).and_utc())?.date(),
        )),
        Value::ChronoTime(Some(of_day)) => {
            let seconds = u64::from(of_day.num_seconds_from_midnight());
            let nanos = std::time::Duration::new(seconds, of_day.nanosecond());
            Value::TimeTime(Some(time::Time::MIDNIGHT + nanos))
        }
        _ => return None,
    })
}

/// The moment earlier by this duration; `None` for another type of value, and if there is no such
/// moment.
#[allow(unused_variables)]
pub(crate) fn earlier(value: &Value, by: std::time::Duration) -> Option<Value> {
    match value {
        #[cfg(feature = "chrono")]
        Value::ChronoDateTimeUtc(Some(time)) => {
            let by = chrono::Duration::from_std(by).ok()?;
            Some(Value::ChronoDateTimeUtc(Some(time.checked_sub_signed(by)?)))
        }
        #[cfg(feature = "chrono")]
        Value::ChronoDateTime(Some(time)) => {
            let by = chrono::Duration::from_std(by).ok()?;
            Some(Value::ChronoDateTime(Some(time.checked_sub_signed(by)?)))
        }
        #[cfg(feature = "time")]
        Value::TimeDateTimeWithTimeZone(Some(time)) => {
            let by = time::Duration::try_from(by).ok()?;
            Some(Value::TimeDateTimeWithTimeZone(Some(time.checked_sub(by)?)))
        }
        #[cfg(feature = "time")]
        Value::TimeDateTime(Some(time)) => {
            let by = time::Duration::try_from(by).ok()?;
            Some(Value::TimeDateTime(Some(time.checked_sub(by)?)))
        }
        _ => None,
    }
}

/// The text that SQLite stores for a date or time; `None` for any other value.
pub(super) fn text_of(value: &Value) -> Result<Option<String>> {
    #[cfg(feature = "chrono")]
    if let Some(text) = with_chrono::text_of(value)? {
        return Ok(Some(text));
    }
    #[cfg(feature = "time")]
    if let Some(text) = with_time::text_of(value)? {
        return Ok(Some(text));
    }
    Ok(None)
}

fn outside_years() -> Error {
    Error::unsupported("a date outside the years 1 to 9999 is not stored alike by all databases")
}

fn leap_second() -> Error {
    Error::unsupported("a leap second is not stored alike by all databases")
}

#[cfg(feature = "chrono")]
mod with_chrono {
    use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};

    use super::*;

    fn cut_date(date: NaiveDate) -> Result<NaiveDate> {
        if (1..=9999).contains(&date.year()) {
            Ok(date)
        } else {
            Err(outside_years())
        }
    }

    fn cut_time(time: NaiveTime) -> Result<NaiveTime> {
        let nanos = time.nanosecond();
        time.with_nanosecond(nanos - nanos % 1_000)
            .filter(|_| nanos < 1_000_000_000)
            .ok_or_else(leap_second)
    }

    fn cut(time: NaiveDateTime) -> Result<NaiveDateTime> {
        Ok(NaiveDateTime::new(
            cut_date(time.date())?,
            cut_time(time.time())?,
        ))
    }

    fn cut_utc(time: DateTime<Utc>) -> Result<DateTime<Utc>> {
        Ok(cut(time.naive_utc())?.and_utc())
    }

    #[cfg(feature = "mysql")]
    fn naive(time: DateTime<Utc>) -> NaiveDateTime {
        time.naive_utc()
    }

    #[allow(clippy::unnecessary_wraps)]
    fn date_text(date: NaiveDate) -> Result<String> {
        Ok(date.format("%Y-%m-%d").to_string())
    }

    #[allow(clippy::unnecessary_wraps)]
    fn time_text(time: NaiveTime) -> Result<String> {
        Ok(time.format("%H:%M:%S%.6f").to_string())
    }

    #[allow(clippy::unnecessary_wraps)]
    fn text(time: NaiveDateTime) -> Result<String> {
        Ok(time.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
    }

    #[allow(clippy::unnecessary_wraps)]
    fn utc_text(time: DateTime<Utc>) -> Result<String> {
        Ok(time.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string())
    }

    temporal! {
        DateTime<Utc>, TimestampUtc, ChronoDateTimeUtc, cut_utc,
            NaiveDateTime, naive, utc_text;
        NaiveDateTime, Timestamp, ChronoDateTime, cut,
            NaiveDateTime, identity, text;
        NaiveDate, Date, ChronoDate, cut_date,
            NaiveDate, identity, date_text;
        NaiveTime, Time, ChronoTime, cut_time,
            NaiveTime, identity, time_text;
    }

    impl Timestamp for DateTime<Utc> {
        fn at(time: SystemTime) -> Self {
            let time = Self::from(time);
            cut_utc(time).unwrap_or(time)
        }
    }

    impl Timestamp for NaiveDateTime {
        fn at(time: SystemTime) -> Self {
            <DateTime<Utc> as Timestamp>::at(time).naive_utc()
        }
    }
}

#[cfg(feature = "time")]
mod with_time {
    use time::format_description::BorrowedFormatItem;
    use time::macros::format_description;
    use time::{Date, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

    use super::*;

    const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
    const TIME: &[BorrowedFormatItem<'_>] =
        format_description!("[hour]:[minute]:[second].[subsecond digits:6]");
    const DATE_TIME: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]");
    const DATE_TIME_UTC: &[BorrowedFormatItem<'_>] = format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]+00:00"
    );

    fn cut_date(date: Date) -> Result<Date> {
        if (1..=9999).contains(&date.year()) {
            Ok(date)
        } else {
            Err(outside_years())
        }
    }

    fn cut_time(time: Time) -> Result<Time> {
        time.replace_microsecond(time.microsecond())
            .map_err(|_| leap_second())
    }

    fn cut(time: PrimitiveDateTime) -> Result<PrimitiveDateTime> {
        Ok(PrimitiveDateTime::new(
            cut_date(time.date())?,
            cut_time(time.time())?,
        ))
    }

    fn cut_utc(time: OffsetDateTime) -> Result<OffsetDateTime> {
        let utc = time
            .checked_to_offset(UtcOffset::UTC)
            .ok_or_else(outside_years)?;
        Ok(cut(PrimitiveDateTime::new(utc.date(), utc.time()))?.assume_utc())
    }

    /// Of a moment in UTC, which `cut_utc` gives.
    #[cfg(feature = "mysql")]
    fn primitive(utc: OffsetDateTime) -> PrimitiveDateTime {
        PrimitiveDateTime::new(utc.date(), utc.time())
    }

    fn unwritten(source: time::error::Format) -> Error {
        Error::unsupported("a time cannot be written as text").with_source(source)
    }

    fn date_text(date: Date) -> Result<String> {
        date.format(DATE).map_err(unwritten)
    }

    fn time_text(time: Time) -> Result<String> {
        time.format(TIME).map_err(unwritten)
    }

    fn text(time: PrimitiveDateTime) -> Result<String> {
        time.format(DATE_TIME).map_err(unwritten)
    }

    fn utc_text(time: OffsetDateTime) -> Result<String> {
        time.format(DATE_TIME_UTC).map_err(unwritten)
    }

    temporal! {
        OffsetDateTime, TimestampUtc, TimeDateTimeWithTimeZone, cut_utc,
            PrimitiveDateTime, primitive, utc_text;
        PrimitiveDateTime, Timestamp, TimeDateTime, cut,
            PrimitiveDateTime, identity, text;
        Date, Date, TimeDate, cut_date,
            Date, identity, date_text;
        Time, Time, TimeTime, cut_time,
            Time, identity, time_text;
    }

    impl Timestamp for OffsetDateTime {
        fn at(time: SystemTime) -> Self {
            let time = Self::from(time);
            cut_utc(time).unwrap_or(time)
        }
    }

    impl Timestamp for PrimitiveDateTime {
        fn at(time: SystemTime) -> Self {
            let utc = <OffsetDateTime as Timestamp>::at(time);
            Self::new(utc.date(), utc.time())
        }
    }
}
