//! Comparison and order of texts by their bytes, whatever the collation of their column.
//!
//! Called for groups by an expression that the user says is compared by bytes, and by `replicate`,
//! which compares rows of two databases in one order.

use sea_query::Expr;

use super::ColumnType;
#[cfg(feature = "migrate")]
use super::{DataType, OpaqueForm};
use crate::dialect::Dialect;

/// The expression with the collation that compares by bytes. MySQL and MariaDB have no such
/// collation in common: there the expression stays as it is.
pub(crate) fn by_bytes(dialect: Dialect, text: Expr) -> Expr {
    match dialect {
        Dialect::Postgres => Expr::cust_with_expr("($1) COLLATE \"C\"", text),
        Dialect::Sqlite => Expr::cust_with_expr("(?) COLLATE BINARY", text),
        Dialect::MySql => text,
    }
}

/// A text column in the order of its bytes, whatever its collation.
pub(crate) fn in_byte_order(dialect: Dialect, column: Expr) -> Expr {
    match dialect {
        Dialect::Postgres => Expr::cust_with_expr("$1 COLLATE \"C\"", column),
        Dialect::Sqlite => Expr::cust_with_expr("? COLLATE BINARY", column),
        Dialect::MySql => Expr::cust_with_expr("CAST(CONVERT(? USING utf8mb4) AS BINARY)", column),
    }
}

/// The collation whose order is that of [`in_byte_order`], for messages.
pub(crate) const fn collation_by_bytes(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => "`utf8mb4_nopad_bin` (MySQL: `utf8mb4_0900_bin`)",
        Dialect::Postgres => "`\"C\"`",
        Dialect::Sqlite => "`BINARY`",
    }
}

/// Returns whether a condition with a value that was read from a column finds the rows that come after
/// it in the column's own order.
#[cfg(feature = "migrate")]
pub(crate) fn continues_after(dialect: Dialect, column: &DataType) -> bool {
    match column {
        DataType::Known { column_type, .. } => match column_type {
            ColumnType::F32 | ColumnType::F64 | ColumnType::Json => false,
            ColumnType::Decimal | ColumnType::ScaledDecimal => {
                dialect.capability().decimals.is_supported()
            }
            // SQLite orders them as texts, in whatever form they were written.
            ColumnType::TimestampUtc
            | ColumnType::Timestamp
            | ColumnType::Date
            | ColumnType::Time => dialect != Dialect::Sqlite,
            _ => true,
        },
        DataType::Opaque { form, .. } => *form == OpaqueForm::Dynamic,
    }
}

/// Returns whether the values of a column have the same order on every database.
pub(crate) fn has_common_order(dialect: Dialect, column: ColumnType) -> bool {
    match column {
        ColumnType::F32 | ColumnType::F64 | ColumnType::Json => false,
        ColumnType::Decimal => dialect.capability().decimals.is_supported(),
        _ => true,
    }
}
