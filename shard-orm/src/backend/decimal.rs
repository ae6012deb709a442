//! Decimals, bound and read on each database without rounding.
//!
//! The drivers round a number with more digits than a `Decimal` has. So the digits are read here: a
//! number that a `Decimal` does not represent exactly is an error.

use rust_decimal::Decimal;
use sea_query::{ArrayType, Value};
#[allow(unused_imports)]
use sqlx::{Arguments as _, Row as _};

use super::args::{Buffer, Declared};
use super::failure::not_encoded;

use super::row::RowOf;
use super::scalar::put;
use super::{Args, ColumnType, Digits, Field, Row};
use crate::error::{Error, ErrorKind, Result};

/// SQLite stores a decimal as a text in its shortest form, so that equal numbers are equal texts. A
/// column with declared digits that fit into an integer stores the number of its smallest units.
impl Field for Decimal {
    type Plain = Self;
    const TYPE: ColumnType = ColumnType::Decimal;

    fn bind(&self, args: &mut Args) -> Result<()> {
        // The digits, if it is sent as a text.
        args.bytes += 16;
        let Some(Declared { column, digits }) = args.declared else {
            return bind_plain(*self, args);
        };
        let fit = digits
            .fit(*self)
            .ok_or_else(|| does_not_fit(column, digits))?;
        if digits.column_type() == ColumnType::ScaledDecimal {
            bind_scaled(fit, args)
        } else {
            bind_plain(fit, args)
        }
    }

    fn bind_null(args: &mut Args) -> Result<()> {
        let scaled = args
            .declared
            .is_some_and(|declared| declared.digits.column_type() == ColumnType::ScaledDecimal);
        let null = if scaled {
            scaled_null()
        } else {
            Value::Decimal(None)
        };
        put!(args, null,
            postgres: None::<Self>, mysql: None::<Self>, sqlite: None::<String>)
    }

    fn read(row: &Row<'_>, ordinal: usize) -> Result<Self> {
        let digits = row.digits(ordinal);
        let exact = match row.0 {
            #[cfg(feature = "postgres")]
            RowOf::Postgres(of) => of.try_get::<Exact, _>(ordinal).map(|exact| exact.0),
            // The type of a column without declared digits appends zeros.
            #[cfg(feature = "mysql")]
            RowOf::MySql(of) => of
                .try_get::<Exact, _>(ordinal)
                .map(|exact| exact.0.normalize()),
            #[cfg(feature = "sqlite")]
            RowOf::Sqlite(of) => match digits {
                Some(digits) if digits.column_type() == ColumnType::ScaledDecimal => {
                    super::sqlite::read::<i64>(of, ordinal).map(|units| {
                        Self::from_i128_with_scale(units.into(), digits.scale().into())
                    })
                }
                _ => super::sqlite::read::<String>(of, ordinal).and_then(|text| {
                    exact(&text).map_err(|source| sqlx::Error::Decode(Box::new(source)))
                }),
            },
            RowOf::Values(values) => match values.get(ordinal).and_then(decimal_of) {
                Some(decimal) => return Ok(decimal),
                None => return Err(row.not_decoded(ordinal, "a value of another type, or NULL")),
            },
        };
        match exact {
            Ok(exact) => Ok(digits.and_then(|digits| digits.fit(exact)).unwrap_or(exact)),
            Err(source) => Err(row.not_decoded(ordinal, source)),
        }
    }
}

fn bind_plain(decimal: Decimal, args: &mut Args) -> Result<()> {
    put!(args, Value::Decimal(Some(decimal)),
        postgres: decimal, mysql: decimal, sqlite: decimal.normalize().to_string())
}

/// Binds a decimal of a column that SQLite stores as an integer, with the scale of the column.
///
/// Before it is bound, its value is an array of one, which tells the two kinds apart when the
/// database is known.
pub(super) fn bind_scaled(decimal: Decimal, args: &mut Args) -> Result<()> {
    put!(args, scaled(decimal),
        postgres: decimal,
        mysql: decimal,
        sqlite: units(decimal).ok_or_else(|| {
            Error::new(ErrorKind::Check, "a decimal has more digits than an integer of SQLite")
        })?)
}

pub(super) fn scaled(decimal: Decimal) -> Value {
    Value::Array(
        ArrayType::Decimal,
        Some(Box::new(vec![Value::Decimal(Some(decimal))])),
    )
}

/// NULL of a column that SQLite keeps as an integer.
pub(super) fn scaled_null() -> Value {
    Value::Array(ArrayType::Decimal, None)
}

/// A decimal as the value of a column with these digits.
pub(super) fn typed(column: &str, digits: Digits, decimal: Decimal) -> Result<Value> {
    let fit = digits
        .fit(decimal)
        .ok_or_else(|| does_not_fit(column, digits))?;
    Ok(if digits.column_type() == ColumnType::ScaledDecimal {
        scaled(fit)
    } else {
        Value::Decimal(Some(fit))
    })
}

/// The decimal as a number of its smallest units.
pub(super) fn units(decimal: Decimal) -> Option<i64> {
    i64::try_from(decimal.mantissa()).ok()
}

/// The decimal of a value of any column.
pub(crate) fn decimal_of(value: &Value) -> Option<Decimal> {
    match value {
        Value::Decimal(decimal) => *decimal,
        other => scaled_of(other),
    }
}

/// The decimal of a value of a column that SQLite stores as an integer.
pub(crate) fn scaled_of(value: &Value) -> Option<Decimal> {
    match value {
        Value::Array(ArrayType::Decimal, Some(one)) => match one.as_slice() {
            [Value::Decimal(decimal)] => *decimal,
            _ => None,
        },
        _ => None,
    }
}

impl Digits {
    /// The same number with this scale, if it has no more digits.
    pub(crate) fn fit(self, decimal: Decimal) -> Option<Decimal> {
        let shortest = decimal.normalize();
        let scale = u32::from(self.scale());
        let factor = 10_i128.checked_pow(scale.checked_sub(shortest.scale())?)?;
        let mantissa = shortest.mantissa().checked_mul(factor)?;
        let fits = mantissa.unsigned_abs() < 10_u128.checked_pow(self.precision().into())?;
        Decimal::try_from_i128_with_scale(mantissa, scale)
            .ok()
            .filter(|_| fits)
    }
}

#[cold]
fn does_not_fit(column: &str, digits: Digits) -> Error {
    let (precision, scale) = (digits.precision(), digits.scale());
    Error::new(
        ErrorKind::Check,
        format!(
            "column `{column}` has {precision} digits, {scale} of them after the point, and this \
             value has more before or after it; round it first, since it is not rounded for you"
        ),
    )
}

/// Reads a text. Trailing zeros of a fraction need not be representable.
pub(super) fn exact(text: &str) -> std::result::Result<Decimal, rust_decimal::Error> {
    match Decimal::from_str_exact(text) {
        Err(_) if text.contains('.') => {
            Decimal::from_str_exact(text.trim_end_matches('0').trim_end_matches('.'))
        }
        outcome => outcome,
    }
}

/// A decimal from a server, with all of its digits.
#[cfg(any(feature = "postgres", feature = "mysql"))]
struct Exact(Decimal);

#[cfg(feature = "mysql")]
impl sqlx::Type<sqlx::MySql> for Exact {
    fn type_info() -> sqlx::mysql::MySqlTypeInfo {
        <Decimal as sqlx::Type<sqlx::MySql>>::type_info()
    }

    fn compatible(ty: &sqlx::mysql::MySqlTypeInfo) -> bool {
        <Decimal as sqlx::Type<sqlx::MySql>>::compatible(ty)
    }
}

#[cfg(feature = "mysql")]
impl<'r> sqlx::Decode<'r, sqlx::MySql> for Exact {
    fn decode(
        value: sqlx::mysql::MySqlValueRef<'r>,
    ) -> std::result::Result<Self, sqlx::error::BoxDynError> {
        Ok(Self(exact(<&str as sqlx::Decode<sqlx::MySql>>::decode(
            value,
        )?)?))
    }
}

#[cfg(feature = "postgres")]
impl sqlx::Type<sqlx::Postgres> for Exact {
    fn type_info() -> sqlx::postgres::PgTypeInfo {
        <Decimal as sqlx::Type<sqlx::Postgres>>::type_info()
    }
}

#[cfg(feature = "postgres")]
impl<'r> sqlx::Decode<'r, sqlx::Postgres> for Exact {
    fn decode(
        value: sqlx::postgres::PgValueRef<'r>,
    ) -> std::result::Result<Self, sqlx::error::BoxDynError> {
        match value.format() {
            sqlx::postgres::PgValueFormat::Text => Ok(Self(exact(value.as_str()?)?)),
            sqlx::postgres::PgValueFormat::Binary => match of_postgres(value.as_bytes()?) {
                Some(decimal) => Ok(Self(decimal)),
                None => Err("not a number, or one of more digits than a `Decimal` holds".into()),
            },
        }
    }
}

/// Reads what `numeric_send` of PostgreSQL writes (`src/backend/utils/adt/numeric.c`): the number of
/// digits to the base 10,000, the weight of the first, the sign, the digits after the point that are
/// shown, and the digits.
#[cfg(feature = "postgres")]
fn of_postgres(bytes: &[u8]) -> Option<Decimal> {
    let (head, digits) = bytes.split_first_chunk::<8>()?;
    let [count, weight, sign, shown] =
        [0, 2, 4, 6].map(|at| u16::from_be_bytes([head[at], head[at + 1]]));
    let is_negative = match sign {
        0x0000 => false,
        0x4000 => true,
        // NaN and infinities.
        _ => return None,
    };
    let (digits, rest) = digits.as_chunks::<2>();
    if digits.len() != usize::from(count) || !rest.is_empty() {
        return None;
    }
    let mut mantissa: i128 = 0;
    for digit in digits {
        let digit = i128::from(u16::from_be_bytes(*digit));
        mantissa = mantissa.checked_mul(10_000)?.checked_add(digit)?;
    }
    if is_negative {
        mantissa = -mantissa;
    }
    // The exponent of the last digit, to the base 10,000.
    let power = i32::from(weight.cast_signed()) + 1 - i32::from(count);
    let mut scale = power.checked_mul(-4)?;
    let shown = i32::from(shown);
    while scale > shown || (scale > 28 && mantissa % 10 == 0) {
        if mantissa % 10 != 0 {
            return None;
        }
        mantissa /= 10;
        scale -= 1;
        if mantissa == 0 {
            scale = shown.min(28);
            break;
        }
    }
    while scale < shown.min(28) {
        match mantissa.checked_mul(10) {
            Some(longer) if scale < 0 || is_held(longer) => mantissa = longer,
            // It is representable without its trailing zeros.
            _ if scale >= 0 => break,
            _ => return None,
        }
        scale += 1;
    }
    Decimal::try_from_i128_with_scale(mantissa, u32::try_from(scale).ok()?).ok()
}

/// Returns whether a decimal can have this mantissa.
#[cfg(feature = "postgres")]
fn is_held(mantissa: i128) -> bool {
    mantissa.unsigned_abs() < 1 << 96
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn a_text_is_read_exactly_or_not_at_all() {
        for (text, read) in [
            (
                "79228162514264337593543950335",
                Some("79228162514264337593543950335"),
            ),
            ("79228162514264337593543950336", None),
            ("12345678901234567890123456789.5", None),
            (
                "0.0000000000000000000000000001",
                Some("0.0000000000000000000000000001"),
            ),
            ("0.00000000000000000000000000001", None),
            ("-11.770000000000000000000000000000", Some("-11.77")),
            ("5.000000000000000000000000000000000", Some("5")),
            ("NaN", None),
            ("Infinity", None),
            ("", None),
        ] {
            assert_eq!(exact(text).ok(), read.map(decimal), "{text}");
        }
    }

    #[test]
    fn digits_are_kept_to() {
        let digits = Digits::new(5, 2);
        for (value, fit) in [
            ("999.99", Some("999.99")),
            ("-999.99", Some("-999.99")),
            ("1000", None),
            ("1.005", None),
            ("1.500", Some("1.50")),
            ("7", Some("7.00")),
            ("-0", Some("0.00")),
        ] {
            let found = digits.fit(decimal(value)).map(|fit| fit.to_string());
            assert_eq!(found.as_deref(), fit, "{value}");
        }
        assert_eq!(Digits::new(28, 28).fit(decimal("1")), None);
        assert_eq!(Digits::new(18, 0).largest(), 999_999_999_999_999_999);
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn a_binary_numeric_is_read_exactly_or_not_at_all() {
        let numeric = |weight: i16, sign: u16, shown: u16, digits: &[u16]| {
            let mut bytes = Vec::new();
            bytes.extend(u16::try_from(digits.len()).unwrap().to_be_bytes());
            bytes.extend(weight.to_be_bytes());
            bytes.extend(sign.to_be_bytes());
            bytes.extend(shown.to_be_bytes());
            digits
                .iter()
                .for_each(|digit| bytes.extend(digit.to_be_bytes()));
            of_postgres(&bytes).map(|decimal| decimal.to_string())
        };
        let read = |text: &str| Some(text.to_owned());
        assert_eq!(numeric(0, 0, 2, &[11, 7700]), read("11.77"));
        assert_eq!(numeric(0, 0x4000, 2, &[11, 7000]), read("-11.70"));
        assert_eq!(numeric(1, 0, 0, &[3]), read("30000"));
        assert_eq!(numeric(1, 0, 2, &[3]), read("30000.00"));
        assert_eq!(numeric(0, 0, 0, &[]), read("0"));
        assert_eq!(numeric(0, 0, 3, &[]), read("0.000"));
        assert_eq!(numeric(-1, 0, 4, &[1]), read("0.0001"));
        assert_eq!(
            numeric(-7, 0, 28, &[1]),
            read("0.0000000000000000000000000001")
        );
        assert_eq!(numeric(-8, 0, 32, &[1000]), None);
        assert_eq!(
            numeric(0, 0, 40, &[5]),
            read("5.0000000000000000000000000000")
        );
        let long = [1, 2345, 6789, 123, 4567, 8901, 2345, 6789];
        assert_eq!(
            numeric(7, 0, 0, &long),
            read("12345678901234567890123456789")
        );
        assert_eq!(
            numeric(7, 0, 1, &[1, 2345, 6789, 123, 4567, 8901, 2345, 6789, 5000]),
            None
        );
        assert_eq!(
            numeric(7, 0, 3, &long),
            read("12345678901234567890123456789")
        );
        assert_eq!(numeric(8, 0, 0, &[1]), None);
        assert_eq!(numeric(i16::MAX, 0, 0, &[1]), None);
        for sign in [0xC000, 0xD000, 0xF000, 1] {
            assert_eq!(numeric(0, sign, 0, &[]), None);
        }
        assert_eq!(of_postgres(&[]), None);
        assert_eq!(of_postgres(&[0, 1, 0, 0, 0, 0, 0, 0]), None);
    }
}
