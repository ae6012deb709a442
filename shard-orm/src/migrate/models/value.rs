//! Types and values of columns, in Rust.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use time::{PrimitiveDateTime, Time};

use super::DateCrate;
use crate::backend::{ColumnType, Constant};

/// The features of the library that a generated model needs, each with the crate of the same name.
pub(super) type Features = BTreeSet<&'static str>;

/// The type of a field, without `Option`.
pub(super) fn rust_type(
    column_type: ColumnType,
    dates: DateCrate,
    features: &mut Features,
) -> &'static str {
    let (feature, rust_type) = match column_type {
        ColumnType::Bool => (None, "bool"),
        ColumnType::I8 => (None, "i8"),
        ColumnType::I16 => (None, "i16"),
        ColumnType::I32 => (None, "i32"),
        ColumnType::I64 => (None, "i64"),
        ColumnType::U8 => (None, "u8"),
        ColumnType::U16 => (None, "u16"),
        ColumnType::U32 => (None, "u32"),
        ColumnType::U64 => (None, "u64"),
        ColumnType::F32 => (None, "f32"),
        ColumnType::F64 => (None, "f64"),
        ColumnType::Text => (None, "String"),
        ColumnType::Bytes => (None, "Vec<u8>"),
        ColumnType::Uuid => (Some("uuid"), "uuid::Uuid"),
        ColumnType::Decimal | ColumnType::ScaledDecimal => {
            (Some("decimal"), "rust_decimal::Decimal")
        }
        ColumnType::Json => (Some("json"), "serde_json::Value"),
        ColumnType::TimestampUtc | ColumnType::Timestamp | ColumnType::Date | ColumnType::Time => {
            (Some(dates.feature()), dates.of(column_type))
        }
    };
    features.extend(feature);
    rust_type
}

impl DateCrate {
    pub(super) fn feature(self) -> &'static str {
        match self {
            Self::Chrono => "chrono",
            Self::Time => "time",
        }
    }

    fn of(self, column_type: ColumnType) -> &'static str {
        match (self, column_type) {
            (Self::Chrono, ColumnType::TimestampUtc) => "chrono::DateTime<chrono::Utc>",
            (Self::Chrono, ColumnType::Date) => "chrono::NaiveDate",
            (Self::Chrono, ColumnType::Time) => "chrono::NaiveTime",
            (Self::Chrono, _) => "chrono::NaiveDateTime",
            (Self::Time, ColumnType::TimestampUtc) => "time::OffsetDateTime",
            (Self::Time, ColumnType::Date) => "time::Date",
            (Self::Time, ColumnType::Time) => "time::Time",
            (Self::Time, _) => "time::PrimitiveDateTime",
        }
    }
}

/// An expression of a constant; `None` if it cannot be written.
pub(super) fn expression(
    constant: &Constant,
    column_type: ColumnType,
    dates: DateCrate,
) -> Option<String> {
    Some(match constant {
        Constant::Bool(value) => value.to_string(),
        Constant::Integer(value) => value.to_string(),
        Constant::Float(value) => format!("{value:?}"),
        Constant::Decimal(digits, scale) => match i64::try_from(*digits) {
            Ok(digits) => format!("rust_decimal::Decimal::new({digits}, {scale})"),
            Err(_) => format!("rust_decimal::Decimal::from_i128_with_scale({digits}, {scale})"),
        },
        Constant::Text(value) => format!("{value:?}"),
        Constant::Bytes(bytes) => {
            let mut list = String::from("vec![");
            for (position, byte) in bytes.iter().enumerate() {
                let comma = if position > 0 { ", " } else { "" };
                let _ = write!(list, "{comma}{byte}");
            }
            list + "]"
        }
        Constant::Uuid(value) => format!("uuid::Uuid::from_u128({value:#x})"),
        Constant::Moment(time) => {
            let utc = moment(dates, *time)?;
            match (dates, column_type) {
                (_, ColumnType::TimestampUtc) => utc,
                (DateCrate::Chrono, _) => format!("({utc}).naive_utc()"),
                (DateCrate::Time, _) => format!(
                    "{{ let utc = {utc}; time::PrimitiveDateTime::new(utc.date(), utc.time()) }}"
                ),
            }
        }
        Constant::Date(date) => {
            let utc = moment(dates, PrimitiveDateTime::new(*date, Time::MIDNIGHT))?;
            match dates {
                DateCrate::Chrono => format!("({utc}).date_naive()"),
                DateCrate::Time => format!("({utc}).date()"),
            }
        }
        Constant::Time(time) => {
            let first = time::OffsetDateTime::UNIX_EPOCH.date();
            let utc = moment(dates, PrimitiveDateTime::new(first, *time))?;
            format!("({utc}).time()")
        }
        Constant::Json(text) => json(text)?,
    })
}

/// A sum that is a moment in UTC, without anything that could fail.
fn moment(dates: DateCrate, time: PrimitiveDateTime) -> Option<String> {
    let micros = time.assume_utc().unix_timestamp_nanos() / 1_000;
    let micros = i64::try_from(micros).ok()?;
    Some(match dates {
        DateCrate::Chrono => {
            format!("chrono::DateTime::UNIX_EPOCH + chrono::Duration::microseconds({micros})")
        }
        DateCrate::Time => {
            format!("time::OffsetDateTime::UNIX_EPOCH + time::Duration::microseconds({micros})")
        }
    })
}

#[cfg(feature = "json")]
fn json(text: &str) -> Option<String> {
    fn written(value: &serde_json::Value) -> String {
        use serde_json::Value;
        match value {
            Value::String(text) => format!("{text:?}"),
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(written).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Object(fields) => {
                let field = |(name, value)| format!("{name:?}: {}", written(value));
                let fields: Vec<String> = fields.iter().map(field).collect();
                format!("{{{}}}", fields.join(", "))
            }
            other => other.to_string(),
        }
    }
    let value = serde_json::from_str(text).ok()?;
    Some(format!("serde_json::json!({})", written(&value)))
}

#[cfg(not(feature = "json"))]
fn json(_: &str) -> Option<String> {
    None
}
