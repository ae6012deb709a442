//! What a row is sorted by, compared as the databases compare it.

use std::cmp::Ordering;

use sea_query::Value;

/// How one value of a key is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Direction {
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// The values that a row is sorted by, each of its column's type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SortKey(pub(crate) Vec<Value>);

impl SortKey {
    /// Which of two rows comes first.
    pub(crate) fn compare(&self, other: &Self, order: &[Direction]) -> Ordering {
        for ((one, two), direction) in self.0.iter().zip(&other.0).zip(order) {
            let ordering = match (is_null(one), is_null(two)) {
                (true, true) => Ordering::Equal,
                (true, false) if direction.nulls_first => Ordering::Less,
                (true, false) => Ordering::Greater,
                (false, true) if direction.nulls_first => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) if direction.descending => compare(two, one),
                (false, false) => compare(one, two),
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        Ordering::Equal
    }
}

fn is_null(value: &Value) -> bool {
    *value == value.as_null()
}

/// PostgreSQL takes NaN for larger than any number and equal to itself; the others have none.
fn floats(one: f64, two: f64) -> Ordering {
    one.partial_cmp(&two)
        .unwrap_or_else(|| one.is_nan().cmp(&two.is_nan()))
}

/// Compares two values of one column.
macro_rules! same {
    ($one:expr, $two:expr; $($(#[$feature:meta])* $variant:ident,)*) => {
        match ($one, $two) {
            $(
                $(#[$feature])*
                (Value::$variant(one), Value::$variant(two)) => one.cmp(two),
            )*
            (Value::Float(Some(one)), Value::Float(Some(two))) => {
                floats(f64::from(*one), f64::from(*two))
            }
            (Value::Double(Some(one)), Value::Double(Some(two))) => floats(*one, *two),
            // Values of one column are of one type.
            _ => Ordering::Equal,
        }
    };
}

/// Compares two values of one column, neither of them NULL.
pub(crate) fn compare(one: &Value, two: &Value) -> Ordering {
    #[cfg(feature = "decimal")]
    if let (Value::Array(..), _) | (_, Value::Array(..)) = (one, two) {
        return crate::backend::decimal_of(one).cmp(&crate::backend::decimal_of(two));
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

    fn key(value: Option<i64>) -> SortKey {
        SortKey(vec![Value::BigInt(value)])
    }

    #[test]
    fn null_stands_where_it_is_asked_for() {
        for descending in [false, true] {
            let order = |nulls_first| {
                [Direction {
                    descending,
                    nulls_first,
                }]
            };
            let null = key(None);
            let compare = |nulls_first| null.compare(&key(Some(1)), &order(nulls_first));
            assert_eq!(compare(true), Ordering::Less);
            assert_eq!(compare(false), Ordering::Greater);
        }
    }

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
