//! A value as an integer, as of a shard key, and as people read it.

use sea_query::Value;

/// The integer that a value is; `None` for NULL, for another type, and beyond 64 bits.
pub(crate) fn integer_of(value: &Value) -> Option<i64> {
    match value {
        Value::TinyInt(value) => value.map(i64::from),
        Value::SmallInt(value) => value.map(i64::from),
        Value::Int(value) => value.map(i64::from),
        Value::BigInt(value) => *value,
        Value::TinyUnsigned(value) => value.map(i64::from),
        Value::SmallUnsigned(value) => value.map(i64::from),
        Value::Unsigned(value) => value.map(i64::from),
        Value::BigUnsigned(value) => value.and_then(|value| i64::try_from(value).ok()),
        _ => None,
    }
}

/// A value of a primary key, for people.
pub(crate) fn shown(value: &Value) -> String {
    match (integer_of(value), value) {
        (Some(number), _) => number.to_string(),
        (None, Value::String(Some(text))) => format!("{text:?}"),
        (None, other) => format!("{other:?}"),
    }
}
