//! The binary encoding of values: the number of the type, a flag for NULL, then the value.
//!
//! Called for cursors, and for the keys by which related rows are matched.

use sea_query::Value;

use super::Codec;
use crate::error::{Error, Result};

/// A value that can be encoded and decoded.
trait Encode: Sized {
    fn write(&self, bytes: &mut Vec<u8>);
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

/// Removes this number of bytes from the front.
fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn take_array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    take(bytes, N)?.try_into().ok()
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Encode for $number {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_be_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                take_array(bytes).map(Self::from_be_bytes)
            }
        }
    )*};
}

numbers!(i8 i16 i32 i64 i128 u8 u16 u32 u64 f32 f64);

impl Encode for bool {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        u8::read(bytes).map(|byte| byte != 0)
    }
}

impl Encode for Vec<u8> {
    fn write(&self, bytes: &mut Vec<u8>) {
        (self.len() as u64).write(bytes);
        bytes.extend(self);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::try_from(u64::read(bytes)?).ok()?;
        take(bytes, length).map(<[u8]>::to_vec)
    }
}

impl Encode for String {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.as_bytes().to_vec().write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Self::from_utf8(Vec::read(bytes)?).ok()
    }
}

/// Encodes a value as another type that represents all of its values.
#[allow(unused_macros)]
macro_rules! through {
    ($($value:ty, $carrier:ty, $write:expr, $read:expr;)*) => {$(
        impl Encode for $value {
            fn write(&self, bytes: &mut Vec<u8>) {
                let write: fn(&Self) -> $carrier = $write;
                write(self).write(bytes);
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                let read: fn($carrier) -> Option<Self> = $read;
                read(<$carrier>::read(bytes)?)
            }
        }
    )*};
}

#[cfg(feature = "uuid")]
through! {
    uuid::Uuid, Vec<u8>, |id| id.as_bytes().to_vec(), |bytes| Self::from_slice(&bytes).ok();
}

#[cfg(feature = "decimal")]
through! {
    rust_decimal::Decimal, String, |decimal| decimal.normalize().to_string(),
        |text| Self::from_str_exact(&text).ok();
}

#[cfg(feature = "chrono")]
through! {
    chrono::DateTime<chrono::Utc>, i64, |time| time.timestamp_micros(), Self::from_timestamp_micros;
    chrono::NaiveDateTime, i64, |time| time.and_utc().timestamp_micros(),
        |micros| chrono::DateTime::from_timestamp_micros(micros).map(|time| time.naive_utc());
    chrono::NaiveDate, String, |date| date.to_string(), |text| text.parse().ok();
    chrono::NaiveTime, String, |time| time.to_string(), |text| text.parse().ok();
}

#[cfg(feature = "time")]
through! {
    time::OffsetDateTime, i128, |time| time.unix_timestamp_nanos(),
        |nanos| Self::from_unix_timestamp_nanos(nanos).ok();
    time::PrimitiveDateTime, i128, |time| time.assume_utc().unix_timestamp_nanos(),
        |nanos| {
            let utc = time::OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
            Some(Self::new(utc.date(), utc.time()))
        };
    time::Date, i32, |date| date.to_julian_day(), |day| Self::from_julian_day(day).ok();
    time::Time, i64,
        |time| i64::try_from((*time - Self::MIDNIGHT).whole_microseconds()).unwrap_or(0),
        |micros| Self::MIDNIGHT.checked_add_micros(micros);
}

#[cfg(feature = "time")]
trait CheckedMicros: Sized {
    fn checked_add_micros(self, micros: i64) -> Option<Self>;
}

#[cfg(feature = "time")]
impl CheckedMicros for time::Time {
    fn checked_add_micros(self, micros: i64) -> Option<Self> {
        (0..86_400_000_000)
            .contains(&micros)
            .then(|| self + time::Duration::microseconds(micros))
    }
}

/// The number of the type of a decimal with declared digits.
#[cfg(feature = "decimal")]
const SCALED: u8 = 24;

/// The types that can be encoded, each with its number.
macro_rules! encodings {
    ($($(#[$feature:meta])* $number:literal $variant:ident,)*) => {
        /// Appends the encoding of a value.
        pub(crate) fn encode_value(value: &Value, bytes: &mut Vec<u8>) -> Result<()> {
            match value {
                $(
                    $(#[$feature])*
                    Value::$variant(value) => {
                        bytes.push($number);
                        bytes.push(u8::from(value.is_some()));
                        if let Some(value) = value {
                            value.write(bytes);
                        }
                        Ok(())
                    }
                )*
                #[cfg(feature = "decimal")]
                Value::Array(sea_query::ArrayType::Decimal, _) => {
                    let decimal = super::decimal::scaled_of(value);
                    bytes.push(SCALED);
                    bytes.push(u8::from(decimal.is_some()));
                    if let Some(decimal) = decimal {
                        // With the scale of its column, including trailing zeros.
                        decimal.to_string().write(bytes);
                    }
                    Ok(())
                }
                _ => Err(Error::unsupported("a page is not ordered by a column of this type")),
            }
        }

        /// Decodes one value of any type from the front; `None` if it is truncated.
        pub(crate) fn decode_any(bytes: &mut &[u8]) -> Option<Value> {
            let number = u8::read(bytes)?;
            let present = bool::read(bytes)?;
            match number {
                $(
                    $(#[$feature])*
                    $number if present => Encode::read(bytes).map(|value| Value::$variant(Some(value))),
                    $(#[$feature])*
                    $number => Some(Value::$variant(None)),
                )*
                #[cfg(feature = "decimal")]
                SCALED if present => {
                    let decimal = rust_decimal::Decimal::from_str_exact(&String::read(bytes)?);
                    decimal.ok().map(super::decimal::scaled)
                }
                #[cfg(feature = "decimal")]
                SCALED => Some(Value::Array(sea_query::ArrayType::Decimal, None)),
                _ => None,
            }
        }
    };
}

encodings! {
    1 Bool,
    2 TinyInt,
    3 SmallInt,
    4 Int,
    5 BigInt,
    6 TinyUnsigned,
    7 SmallUnsigned,
    8 Unsigned,
    9 BigUnsigned,
    10 Float,
    11 Double,
    12 String,
    13 Bytes,
    #[cfg(feature = "uuid")]
    14 Uuid,
    #[cfg(feature = "decimal")]
    15 Decimal,
    #[cfg(feature = "chrono")]
    16 ChronoDateTimeUtc,
    #[cfg(feature = "chrono")]
    17 ChronoDateTime,
    #[cfg(feature = "chrono")]
    18 ChronoDate,
    #[cfg(feature = "chrono")]
    19 ChronoTime,
    #[cfg(feature = "time")]
    20 TimeDateTimeWithTimeZone,
    #[cfg(feature = "time")]
    21 TimeDateTime,
    #[cfg(feature = "time")]
    22 TimeDate,
    #[cfg(feature = "time")]
    23 TimeTime,
}

/// Decodes one value of a column from the front; `None` if it is truncated or of another type.
pub(crate) fn decode_value(column: Codec<'_>, bytes: &mut &[u8]) -> Option<Value> {
    decode_any(bytes).filter(|value| column.fits(value))
}
