//! What is looked at when values are read between kinds of databases.

use sea_query::{Expr, ExprTrait as _, Value};

use crate::backend::ColumnType;
use crate::dialect::Dialect;

/// Whether columns of this type hold values that the type does not have.
pub(crate) fn reads_any_type(dialect: Dialect, column_type: ColumnType) -> bool {
    match dialect {
        Dialect::Postgres => false,
        Dialect::MySql => column_type == ColumnType::Bool,
        Dialect::Sqlite => true,
    }
}

/// Whether a time has more digits of a second than all databases keep.
pub(crate) fn has_nanoseconds(value: &Value) -> bool {
    #[cfg(feature = "chrono")]
    use chrono::Timelike as _;
    let nanoseconds = match value {
        #[cfg(feature = "chrono")]
        Value::ChronoDateTimeUtc(Some(time)) => time.nanosecond(),
        #[cfg(feature = "chrono")]
        Value::ChronoDateTime(Some(time)) => time.nanosecond(),
        #[cfg(feature = "chrono")]
        Value::ChronoTime(Some(time)) => time.nanosecond(),
        #[cfg(feature = "time")]
        Value::TimeDateTimeWithTimeZone(Some(time)) => time.nanosecond(),
        #[cfg(feature = "time")]
        Value::TimeDateTime(Some(time)) => time.nanosecond(),
        #[cfg(feature = "time")]
        Value::TimeTime(Some(time)) => time.nanosecond(),
        _ => 0,
    };
    nanoseconds % 1_000 != 0
}

/// A column of JSON as a text with all digits of its numbers.
pub(crate) fn json_as_text(dialect: Dialect, column: Expr) -> Expr {
    match dialect {
        Dialect::Postgres => column.cast_as("text"),
        Dialect::MySql => column.cast_as("CHAR"),
        Dialect::Sqlite => column,
    }
}
