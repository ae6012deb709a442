//! Compares values as the databases compare them.

use std::cmp::Ordering;

use sea_query::Value;

/// PostgreSQL takes NaN for larger than any number and equal to itself; the others have none.
fn floats(one: f64, two: f64) -> Ordering {
    one.partial_cmp(&two)
        .unwrap_or_else(|| one.is_nan().cmp(&two.is_nan()))
}

/// Compares two values of one column; `None` unless both are present and of one type.
macro_rules! same {
    ($one:expr, $two:expr; $($(#[$feature:meta])* $variant:ident,)*) => {
        match ($one, $two) {
            $(
                $(#[$feature])*
                (Value::$variant(Some(one)), Value::$variant(Some(two))) => Some(one.cmp(two)),
            )*
            (Value::Float(Some(one)), Value::Float(Some(two))) => {
                Some(floats(f64::from(*one), f64::from(*two)))
            }
            (Value::Double(Some(one)), Value::Double(Some(two))) => Some(floats(*one, *two)),
            _ => None,
        }
    };
}

/// Compares two values of one column, neither of them NULL.
pub(crate) fn compare(one: &Value, two: &Value) -> Ordering {
    // Values of one column are of one type.
    compare_present(one, two).unwrap_or(Ordering::Equal)
}

/// Compares two values of one column; `None` if one of them is NULL. It does not test for NULL first,
/// since a sort or merge of rows spends much of its time here.
pub(crate) fn compare_present(one: &Value, two: &Value) -> Option<Ordering> {
    #[cfg(feature = "decimal")]
    if let (Value::Array(..), _) | (_, Value::Array(..)) = (one, two) {
        return Some(super::decimal_of(one)?.cmp(&super::decimal_of(two)?));
    }
    same! { one, two;
        Bool,
        TinyInt,
        SmallInt,
        Int,
        BigInt,
        TinyUnsigned,
        SmallUnsigned,
        Unsigned,
        BigUnsigned,
        String,
        Bytes,
        #[cfg(feature = "chrono")]
        ChronoDate,
        #[cfg(feature = "chrono")]
        ChronoTime,
        #[cfg(feature = "chrono")]
        ChronoDateTime,
        #[cfg(feature = "chrono")]
        ChronoDateTimeUtc,
        #[cfg(feature = "time")]
        TimeDate,
        #[cfg(feature = "time")]
        TimeTime,
        #[cfg(feature = "time")]
        TimeDateTime,
        #[cfg(feature = "time")]
        TimeDateTimeWithTimeZone,
        #[cfg(feature = "uuid")]
        Uuid,
        #[cfg(feature = "decimal")]
        Decimal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_the_largest_number() {
        let nan = Value::Double(Some(f64::NAN));
        let infinite = Value::Double(Some(f64::INFINITY));
        assert_eq!(compare(&nan, &infinite), Ordering::Greater);
        assert_eq!(compare(&infinite, &nan), Ordering::Less);
        assert_eq!(compare(&nan, &nan), Ordering::Equal);
        let zero = |value| Value::Double(Some(value));
        assert_eq!(compare(&zero(0.0), &zero(-0.0)), Ordering::Equal);
    }

    #[test]
    fn texts_are_compared_by_their_bytes() {
        let text = |text: &str| Value::String(Some(text.into()));
        assert_eq!(compare(&text("Z"), &text("a")), Ordering::Less);
        assert_eq!(compare(&text("z"), &text("\u{e4}")), Ordering::Less);
        // By UTF-8, not by UTF-16.
        assert_eq!(
            compare(&text("\u{ffff}"), &text("\u{10000}")),
            Ordering::Less
        );
    }
}
