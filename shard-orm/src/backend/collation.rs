//! Comparison of texts by their bytes, whatever the collation of their column.
//!
//! Called for groups by an expression that the user says is compared by bytes.

use sea_query::Expr;

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
