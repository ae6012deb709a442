//! The encoding of a row by the library; `expression` has the servers'.

use std::io::Write as _;

use sea_query::Value;

use crate::error::{Error, Result};

/// Appends the encoding of a row, which holds all columns of a model in their order.
pub(crate) fn encode(row: &[Value], bytes: &mut Vec<u8>) -> Result<()> {
    row.iter().try_for_each(|value| column(value, bytes))
}

fn column(value: &Value, bytes: &mut Vec<u8>) -> Result<()> {
    if *value == value.as_null() {
        bytes.push(b'-');
        return Ok(());
    }
    match value {
        Value::String(Some(text)) => counted(text.as_bytes(), bytes),
        Value::Bytes(Some(all)) => hexadecimal(all, bytes),
        #[cfg(feature = "uuid")]
        Value::Uuid(Some(id)) => hexadecimal(id.as_bytes(), bytes),
        #[cfg(feature = "json")]
        Value::Json(Some(json)) => counted(super::json::canonical(json)?.as_bytes(), bytes),
        _ => counted(short(value)?.as_bytes(), bytes),
    }
    Ok(())
}

fn counted(field: &[u8], bytes: &mut Vec<u8>) {
    count(field.len(), bytes);
    bytes.extend_from_slice(field);
}

fn count(length: usize, bytes: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    let _ = write!(bytes, "{length}:");
}

fn hexadecimal(field: &[u8], bytes: &mut Vec<u8>) {
    count(field.len() * 2, bytes);
    for byte in field {
        let _ = write!(bytes, "{byte:02x}");
    }
}

/// The encoding of a value of a few characters.
fn short(value: &Value) -> Result<String> {
    Ok(match value {
        Value::Bool(Some(truth)) => u8::from(*truth).to_string(),
        Value::TinyInt(Some(number)) => number.to_string(),
        Value::SmallInt(Some(number)) => number.to_string(),
        Value::Int(Some(number)) => number.to_string(),
        Value::BigInt(Some(number)) => number.to_string(),
        Value::TinyUnsigned(Some(number)) => number.to_string(),
        Value::SmallUnsigned(Some(number)) => number.to_string(),
        Value::Unsigned(Some(number)) => number.to_string(),
        Value::BigUnsigned(Some(number)) => number.to_string(),
        Value::Float(Some(number)) => float(f64::from(*number)),
        Value::Double(Some(number)) => float(*number),
        #[cfg(feature = "decimal")]
        Value::Decimal(Some(_)) | Value::Array(..) => match crate::backend::decimal_of(value) {
            Some(decimal) => decimal.normalize().to_string(),
            None => return Err(has_no_encoding()),
        },
        #[cfg(feature = "chrono")]
        Value::ChronoDateTimeUtc(Some(time)) => time.timestamp_micros().to_string(),
        #[cfg(feature = "chrono")]
        Value::ChronoDateTime(Some(time)) => time.and_utc().timestamp_micros().to_string(),
        #[cfg(feature = "chrono")]
        Value::ChronoDate(Some(date)) => date
            .signed_duration_since(chrono::NaiveDate::default())
            .num_days()
            .to_string(),
        #[cfg(feature = "chrono")]
        Value::ChronoTime(Some(time)) => {
            use chrono::Timelike as _;
            let seconds = u64::from(time.num_seconds_from_midnight());
            (seconds * 1_000_000 + u64::from(time.nanosecond() / 1_000)).to_string()
        }
        #[cfg(feature = "time")]
        Value::TimeDateTimeWithTimeZone(Some(time)) => {
            time.unix_timestamp_nanos().div_euclid(1_000).to_string()
        }
        #[cfg(feature = "time")]
        Value::TimeDateTime(Some(time)) => {
            let nanos = time.assume_utc().unix_timestamp_nanos();
            nanos.div_euclid(1_000).to_string()
        }
        #[cfg(feature = "time")]
        Value::TimeDate(Some(date)) => {
            (date.to_julian_day() - time::OffsetDateTime::UNIX_EPOCH.to_julian_day()).to_string()
        }
        #[cfg(feature = "time")]
        Value::TimeTime(Some(time)) => {
            let since = *time - time::Time::MIDNIGHT;
            since.whole_microseconds().to_string()
        }
        _ => {
            return Err(has_no_encoding());
        }
    })
}

#[cold]
fn has_no_encoding() -> Error {
    Error::unsupported("a column holds a value of a type that has no encoding")
}

/// The bits of a double. Databases lose the sign of zero and the payload of NaN at times.
fn float(number: f64) -> String {
    let bits = if number.is_nan() {
        0x7ff8_0000_0000_0000
    } else {
        // The sum of the two zeros is the positive one.
        (number + 0.0).to_bits()
    };
    format!("{bits:016x}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn encoded(row: &[Value]) -> String {
        let mut bytes = Vec::new();
        encode(row, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn null_and_empty_and_neighbours_are_told_apart() {
        let text = |text: &str| Value::String(Some(text.into()));
        assert_eq!(
            encoded(&[Value::Int(Some(7)), Value::Int(None), text("tea")]),
            "1:7-3:tea"
        );
        assert_eq!(encoded(&[text("")]), "0:");
        assert_eq!(encoded(&[text("-")]), "1:-");
        assert_ne!(
            encoded(&[text("ab"), text("c")]),
            encoded(&[text("a"), text("bc")])
        );
    }

    #[test]
    fn both_zeros_are_one_and_every_nan_too() {
        let double = |number| encoded(&[Value::Double(Some(number))]);
        assert_eq!(double(-0.0), double(0.0));
        assert_eq!(double(f64::NAN), double(-f64::NAN));
        assert_eq!(double(1.5), "16:3ff8000000000000");
        assert_eq!(encoded(&[Value::Float(Some(1.5))]), double(1.5));
    }

    #[cfg(feature = "decimal")]
    #[test]
    fn decimals_have_no_zeros_at_their_end() {
        let decimal = |text: &str| encoded(&[Value::Decimal(Some(text.parse().unwrap()))]);
        assert_eq!(decimal("-0.50"), "4:-0.5");
        assert_eq!(decimal("100"), "3:100");
        assert_eq!(decimal("-0.00"), "1:0");
    }
}
