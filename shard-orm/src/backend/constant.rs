//! A constant default of a column, read from its SQL.
//!
//! Called by `migrate`, which writes it in Rust.

use time::macros::format_description;
use time::{Date, PrimitiveDateTime, Time};

use super::{ColumnType, DataType, canonical};
use crate::dialect::Dialect;

/// The value of a default.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    Bool(bool),
    /// A whole number within the column's type.
    Integer(i128),
    Float(f64),
    /// A decimal: its digits without the point, and how many of them follow it.
    Decimal(i128, u32),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(u128),
    /// A moment in UTC, or a plain date and time.
    Moment(PrimitiveDateTime),
    Date(Date),
    Time(Time),
    /// A text of JSON.
    #[cfg_attr(not(feature = "json"), allow(dead_code))]
    Json(String),
}

/// Whether a default is NULL, which is no default.
pub(crate) fn is_null(sql: &str) -> bool {
    let text = sql.trim().split("::").next().unwrap_or_default();
    text.trim_matches(['(', ')'])
        .trim()
        .eq_ignore_ascii_case("null")
}

impl Constant {
    /// The value of a default; `None` for an expression, and for a value that the type does not hold.
    pub(crate) fn parse(dialect: Dialect, data_type: &DataType, sql: &str) -> Option<Self> {
        if !canonical::is_literal(dialect, sql) || is_null(sql) {
            return None;
        }
        let text = canonical::default(dialect, data_type, sql);
        let text = text.as_str();
        match data_type.column_type()? {
            ColumnType::Bool => match text {
                "1" => Some(Self::Bool(true)),
                "0" => Some(Self::Bool(false)),
                _ => None,
            },
            ColumnType::I8 => integer::<i8>(text),
            ColumnType::I16 => integer::<i16>(text),
            ColumnType::I32 => integer::<i32>(text),
            ColumnType::I64 => integer::<i64>(text),
            ColumnType::U8 => integer::<u8>(text),
            ColumnType::U16 => integer::<u16>(text),
            ColumnType::U32 => integer::<u32>(text),
            ColumnType::U64 => integer::<u64>(text),
            ColumnType::F32 | ColumnType::F64 => {
                let number: f64 = text.parse().ok()?;
                number.is_finite().then_some(Self::Float(number))
            }
            ColumnType::Decimal | ColumnType::ScaledDecimal => decimal(text),
            ColumnType::Text => Some(Self::Text(text.to_owned())),
            ColumnType::Bytes => bytes(dialect, text).map(Self::Bytes),
            ColumnType::Uuid => {
                let bytes: [u8; 16] = bytes(dialect, text)?.try_into().ok()?;
                Some(Self::Uuid(u128::from_be_bytes(bytes)))
            }
            ColumnType::TimestampUtc | ColumnType::Timestamp => moment(text).map(Self::Moment),
            ColumnType::Date => {
                let form = format_description!("[year]-[month]-[day]");
                Date::parse(text, form).ok().map(Self::Date)
            }
            ColumnType::Time => time(text).map(Self::Time),
            ColumnType::Json => Some(Self::Json(text.to_owned())),
        }
    }
}

fn integer<T: TryFrom<i128>>(text: &str) -> Option<Constant> {
    let number: i128 = text.parse().ok()?;
    T::try_from(number).ok().map(|_| Constant::Integer(number))
}

fn decimal(text: &str) -> Option<Constant> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    // What a `Decimal` holds: 96 bits.
    let fits = digits.unsigned_abs() < 1 << 96 && fraction.len() <= 28;
    let scale = u32::try_from(fraction.len()).ok()?;
    fits.then_some(Constant::Decimal(digits, scale))
}

/// Bytes of hexadecimal digits.
fn bytes(dialect: Dialect, hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    // MySQL and MariaDB tell a question mark for bytes that are no text.
    let is_told = |bytes: &Vec<u8>| dialect != Dialect::MySql || !bytes.contains(&b'?');
    bytes
        .filter(|_| hex.len().is_multiple_of(2))
        .filter(is_told)
}

fn time(text: &str) -> Option<Time> {
    let whole = format_description!("[hour]:[minute]:[second]");
    let parts = format_description!("[hour]:[minute]:[second].[subsecond]");
    Time::parse(text, whole)
        .or_else(|_| Time::parse(text, parts))
        .ok()
}

fn moment(text: &str) -> Option<PrimitiveDateTime> {
    let (date, of_day) = text.split_once(' ').unwrap_or((text, "00:00:00"));
    let form = format_description!("[year]-[month]-[day]");
    let date = Date::parse(date, form).ok()?;
    Some(PrimitiveDateTime::new(date, time(of_day)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(dialect: Dialect, column_type: ColumnType, sql: &str) -> Option<Constant> {
        Constant::parse(dialect, &DataType::known(column_type), sql)
    }

    #[test]
    fn constants_of_all_types_are_read() {
        use Dialect::{MySql, Postgres, Sqlite};
        let is = |dialect, column_type, sql: &str, constant| {
            assert_eq!(parse(dialect, column_type, sql), Some(constant), "{sql}");
        };
        is(Postgres, ColumnType::Bool, "true", Constant::Bool(true));
        is(
            Postgres,
            ColumnType::I16,
            "'-7'::integer",
            Constant::Integer(-7),
        );
        is(Postgres, ColumnType::F64, "'0.5'", Constant::Float(0.5));
        is(
            MySql,
            ColumnType::Decimal,
            "-1.2500000000",
            Constant::Decimal(-125, 2),
        );
        is(
            Postgres,
            ColumnType::Text,
            "'it''s'::text",
            Constant::Text("it's".to_owned()),
        );
        is(
            Postgres,
            ColumnType::Bytes,
            "'\\x00ff'::bytea",
            Constant::Bytes(vec![0, 255]),
        );
        is(
            Sqlite,
            ColumnType::Date,
            "'2026-02-03'",
            Constant::Date(time::macros::date!(2026 - 02 - 03)),
        );
        is(
            MySql,
            ColumnType::Timestamp,
            "'2026-02-03 04:05:06.500000'",
            Constant::Moment(time::macros::datetime!(2026-02-03 04:05:06.5)),
        );
        let midnight = time::macros::datetime!(2026-02-03 00:00);
        let sql = "'2026-02-03 00:00:00+00'::timestamp with time zone";
        is(
            Postgres,
            ColumnType::TimestampUtc,
            sql,
            Constant::Moment(midnight),
        );
    }

    #[test]
    fn expressions_and_values_beyond_the_type_are_no_constants() {
        for (dialect, column_type, sql) in [
            (Dialect::Postgres, ColumnType::TimestampUtc, "now()"),
            (Dialect::Sqlite, ColumnType::Text, "CURRENT_TIMESTAMP"),
            (Dialect::Postgres, ColumnType::I8, "300"),
            (
                Dialect::Postgres,
                ColumnType::Text,
                "NULL::character varying",
            ),
            (
                Dialect::Postgres,
                ColumnType::TimestampUtc,
                "'infinity'::timestamp with time zone",
            ),
            (Dialect::MySql, ColumnType::Bytes, "'a?'"),
            (Dialect::Postgres, ColumnType::F64, "'NaN'"),
        ] {
            assert_eq!(parse(dialect, column_type, sql), None, "{sql}");
        }
        assert!(is_null("NULL::character varying") && is_null("(null)") && !is_null("'null'"));
    }
}
