//! A checksum of rows in a form of the database's own, to compare servers of one kind.
//!
//! It needs no type that the library knows. Other kinds of databases, versions or processors may have other sums for the
//! same rows: equal sums mean equal rows, and where they differ the rows themselves are compared.

use sea_query::{Alias, Expr, ExprTrait as _, Func, FunctionCall};

use super::ColumnType;
use crate::dialect::Dialect;

/// The sum of a hash of each row, as a text; `None` where rows cannot be hashed.
pub(crate) fn row_sum<'c>(
    dialect: Dialect,
    columns: impl Iterator<Item = (&'c str, Option<ColumnType>)>,
) -> Option<Expr> {
    match dialect {
        Dialect::Postgres => {
            let row = Func::cust("ROW").args(columns.map(|(name, _)| Expr::col(Alias::new(name))));
            let sum = "CAST(SUM(hashtextextended(CAST($1 AS text), 0)) AS text)";
            Some(Expr::cust_with_expr(sum, Expr::FunctionCall(row)))
        }
        // `MD5` of more bytes than `max_allowed_packet` is NULL. Such rows are never taken for equal.
        Dialect::MySql => {
            let row = Func::cust("CONCAT").args(columns.map(|(name, of)| measured(name, of)));
            let sum = "CAST(SUM(COALESCE(CAST(CONV(LEFT(MD5(?), 16), 16, 10) AS UNSIGNED), UUID_SHORT())) AS CHAR)";
            Some(Expr::cust_with_expr(sum, Expr::FunctionCall(row)))
        }
        Dialect::Sqlite => None,
    }
}

/// The bytes of a value after their number, or `-` for NULL (MySQL and MariaDB).
fn measured(name: &str, column_type: Option<ColumnType>) -> Expr {
    let column = || Expr::col(Alias::new(name));
    let value = || match column_type {
        // As a text, a number of four bytes would lose digits.
        Some(ColumnType::F32) => Expr::cust_with_expr("? + 0e0", column()),
        _ => column(),
    };
    let bytes = || value().cast_as("BINARY");
    let measured: FunctionCall = Func::cust("CONCAT").args([
        Expr::cust_with_expr("LENGTH(?)", bytes()),
        Expr::cust("':'"),
        bytes(),
    ]);
    Expr::cust_with_expr("COALESCE(?, '-')", Expr::FunctionCall(measured))
}
