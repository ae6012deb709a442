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
}
