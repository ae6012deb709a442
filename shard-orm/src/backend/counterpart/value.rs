//! What is looked at when values are read between kinds of databases.

use sea_query::{Expr, ExprTrait as _};

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

/// Whether the text of a time has more digits of a second than all databases keep.
pub(crate) fn has_long_fraction(text: &str) -> bool {
    let Some((_, fraction)) = text.split_once('.') else {
        return false;
    };
    let end = fraction.find(|character: char| !character.is_ascii_digit());
    let digits = &fraction[..end.unwrap_or(fraction.len())];
    digits.trim_end_matches('0').len() > 6
}

/// A column of JSON as a text with all digits of its numbers.
pub(crate) fn json_as_text(dialect: Dialect, column: Expr) -> Expr {
    match dialect {
        Dialect::Postgres => column.cast_as("text"),
        Dialect::MySql => column.cast_as("CHAR"),
        Dialect::Sqlite => column,
    }
}
