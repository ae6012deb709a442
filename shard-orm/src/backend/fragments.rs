//! Small pieces of SQL that differ between the databases.
//!
//! Called by `replicate`.

use sea_query::Expr;

use super::ColumnType;
use crate::dialect::Dialect;

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

/// Whether the values of a column have the same order on every database. Decimals of SQLite are texts.
pub(crate) fn has_common_order(dialect: Dialect, column: ColumnType) -> bool {
    match column {
        ColumnType::F32 | ColumnType::F64 | ColumnType::Json => false,
        ColumnType::Decimal => dialect != Dialect::Sqlite,
        _ => true,
    }
}

/// The type of a 64-bit integer in a CAST.
pub(crate) const fn integer_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => "SIGNED",
        Dialect::Postgres | Dialect::Sqlite => "bigint",
    }
}
