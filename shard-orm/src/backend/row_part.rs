//! The part of a table that a row belongs to, computed by the server.
//!
//! Called by `replicate::range`, which cuts a table into parts by bounds between them.

use sea_query::{Alias, Expr, Func};

use super::{ColumnType, element_type};
use crate::dialect::Dialect;

/// Whether the server finds a row's part among many by halving the bounds; otherwise each bound is a
/// condition, which the server plans.
pub(crate) fn has_part_search(dialect: Dialect, column: ColumnType) -> bool {
    match dialect {
        Dialect::Postgres => true,
        // `INTERVAL` compares exactly only integers.
        Dialect::MySql => column.is_integer(),
        Dialect::Sqlite => false,
    }
}

/// The number of bounds that are at or below a column's value; `None` where the server has no search.
pub(crate) fn part_search(
    dialect: Dialect,
    column_type: ColumnType,
    column: Expr,
    bounds: Vec<Expr>,
) -> Option<Expr> {
    if !has_part_search(dialect, column_type) {
        return None;
    }
    if dialect == Dialect::MySql {
        let function = Func::cust(Alias::new("INTERVAL"));
        return Some(function.args(std::iter::once(column).chain(bounds)).into());
    }
    let kind = element_type(column_type);
    // A subquery is evaluated once, whatever the plan. Not `ARRAY[..]`: sea-query takes text in brackets
    // for a name.
    let places: Vec<String> = (1..=bounds.len())
        .map(|place| format!("(CAST(${place} AS {kind}))"))
        .collect();
    let collation = match column_type {
        ColumnType::Text => " COLLATE \"C\"",
        _ => "",
    };
    let array = format!(
        "ARRAY(SELECT bound FROM (VALUES {}) AS given (bound) ORDER BY bound{collation})",
        places.join(", ")
    );
    let array = Expr::cust_with_exprs(array, bounds);
    // The array's elements have the type of the definition, and the column may have a similar one.
    let column = Expr::cust_with_expr(format!("CAST($1 AS {kind}){collation}"), column);
    let function = Func::cust(Alias::new("width_bucket"));
    Some(function.arg(column).arg(array).into())
}
