//! Comparison and order of texts by their bytes, whatever the collation of their column.
//!
//! Called for groups by an expression that the user says is compared by bytes, and by `replicate`,
//! which compares rows of two databases in one order.

use sea_query::Expr;

use super::ColumnType;
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

/// Returns whether the values of a column have the same order on every database.
pub(crate) fn has_common_order(dialect: Dialect, column: ColumnType) -> bool {
    match column {
        ColumnType::F32 | ColumnType::F64 | ColumnType::Json => false,
        ColumnType::Decimal => dialect.capability().decimals.is_supported(),
        _ => true,
    }
}
