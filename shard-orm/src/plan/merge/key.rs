//! What a row is sorted by, compared as the databases compare it.

use std::cmp::Ordering;

use sea_query::Value;

use crate::backend::compare_present;

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
            let ordering = match compare_present(one, two) {
                Some(ordering) if direction.descending => ordering.reverse(),
                Some(ordering) => ordering,
                None => match (is_null(one), is_null(two)) {
                    (true, false) if direction.nulls_first => Ordering::Less,
                    (true, false) => Ordering::Greater,
                    (false, true) if direction.nulls_first => Ordering::Greater,
                    (false, true) => Ordering::Less,
                    // Values of one column are of one type.
                    (true, true) | (false, false) => Ordering::Equal,
                },
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

/// A number that orders values of one column as [`SortKey::compare`] does, as far as it can: values
/// with equal numbers may differ. Of integers that are not NULL, equal numbers are of equal values.
pub(crate) fn prefix(value: &Value, direction: Direction) -> u64 {
    let number = match value {
        Value::BigInt(Some(number)) => signed(*number),
        Value::Int(Some(number)) => signed(i64::from(*number)),
        Value::SmallInt(Some(number)) => signed(i64::from(*number)),
        Value::TinyInt(Some(number)) => signed(i64::from(*number)),
        Value::BigUnsigned(Some(number)) => *number,
        Value::Unsigned(Some(number)) => u64::from(*number),
        Value::SmallUnsigned(Some(number)) => u64::from(*number),
        Value::TinyUnsigned(Some(number)) => u64::from(*number),
        Value::String(Some(text)) => first_bytes(text.as_bytes()),
        Value::Bytes(Some(bytes)) => first_bytes(bytes),
        value if is_null(value) => {
            return if direction.nulls_first { 0 } else { u64::MAX };
        }
        // Any number that all of them have. NULL is on the right side of it.
        _ => 1 << 63,
    };
    if direction.descending {
        !number
    } else {
        number
    }
}

/// The order of signed integers as one of unsigned integers.
fn signed(number: i64) -> u64 {
    number.cast_unsigned() ^ (1 << 63)
}

fn first_bytes(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    for (to, byte) in first.iter_mut().zip(bytes) {
        *to = *byte;
    }
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: Option<i64>) -> SortKey {
        SortKey(vec![Value::BigInt(value)])
    }

    #[test]
    fn a_prefix_agrees_with_the_order_of_values() {
        let texts = ["", "\0", "a", "a\0", "abcdefgh", "abcdefghi", "b", "\u{e4}"];
        let texts = texts.map(|text| Value::String(Some(text.into())));
        let numbers = [i64::MIN, -1, 0, 1, i64::MAX].map(|number| Value::BigInt(Some(number)));
        let small = [i32::MIN, -1, 0, 7].map(|number| Value::Int(Some(number)));
        let floats = [-1.5, 0.0, 2.5].map(|number| Value::Double(Some(number)));
        let columns: [Vec<Value>; 4] = [texts.into(), numbers.into(), small.into(), floats.into()];
        for mut values in columns {
            values.push(values[0].as_null());
            for (descending, nulls_first) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let direction = Direction {
                    descending,
                    nulls_first,
                };
                for one in &values {
                    for two in &values {
                        let by_prefix = prefix(one, direction).cmp(&prefix(two, direction));
                        let key = |value: &Value| SortKey(vec![value.clone()]);
                        let ordering = key(one).compare(&key(two), &[direction]);
                        assert!(
                            by_prefix == ordering || by_prefix == Ordering::Equal,
                            "{one:?} and {two:?}, {direction:?}"
                        );
                    }
                }
            }
        }
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
}
