//! Parts of a table: into how many it is cut at a time, and which of them a row belongs to.

use sea_query::{Alias, CaseStatement, Expr, Func};

use super::{Key, KeyOrder};
use crate::backend::{ColumnType, element_type};
use crate::dialect::Dialect;
use crate::model::FieldDef;

/// The most parts where the server finds a row's part by halves.
const MANY: usize = 4_096;
/// The most where it is found by conditions, each of which is planned.
const FEW: usize = 64;

/// How a server finds the part of a row.
enum Finder {
    /// PostgreSQL's `width_bucket` over an array, of one column.
    Bucket(&'static FieldDef),
    /// `INTERVAL` of MySQL and MariaDB, which compares integers alone exactly.
    Interval,
    /// A tree of conditions.
    Case,
}

impl Finder {
    fn of(order: &KeyOrder, dialect: Dialect) -> Self {
        match (order.only_column(), dialect) {
            (Some(column), Dialect::Postgres) => Self::Bucket(column),
            (Some(column), Dialect::MySql) if column.column_type.is_integer() => Self::Interval,
            _ => Self::Case,
        }
    }
}

/// Into how many parts a server sorts rows at no great cost.
pub(crate) fn most_parts(order: &KeyOrder, dialect: Dialect) -> usize {
    match Finder::of(order, dialect) {
        Finder::Bucket(_) | Finder::Interval => MANY,
        Finder::Case => FEW,
    }
}

/// The number of a row's part: how many of these keys are its own or come before it.
pub(crate) fn part(order: &KeyOrder, dialect: Dialect, bounds: &[Key]) -> Expr {
    let column = order.columns().first().cloned();
    let (Some(column), false) = (column, bounds.is_empty()) else {
        return Expr::cust("0");
    };
    let values = || bounds.iter().flatten().cloned().map(Expr::Value);
    match Finder::of(order, dialect) {
        Finder::Bucket(found) => {
            let kind = element_type(found.column_type);
            // A subquery is evaluated once, whatever the plan. Not `ARRAY[..]`: sea-query takes what
            // stands in brackets for a name.
            let places: Vec<String> = (1..=bounds.len())
                .map(|place| format!("(CAST(${place} AS {kind}))"))
                .collect();
            let collation = match found.column_type {
                ColumnType::Text => " COLLATE \"C\"",
                _ => "",
            };
            let array = format!(
                "ARRAY(SELECT bound FROM (VALUES {}) AS given (bound) ORDER BY bound{collation})",
                places.join(", ")
            );
            let array = Expr::cust_with_exprs(array, values());
            // The array's elements have the type of the model, and the column may have a like one.
            let column = Expr::cust_with_expr(format!("CAST($1 AS {kind}){collation}"), column);
            let function = Func::cust(Alias::new("width_bucket"));
            function.arg(column).arg(array).into()
        }
        Finder::Interval => {
            let function = Func::cust(Alias::new("INTERVAL"));
            function
                .args(std::iter::once(column).chain(values()))
                .into()
        }
        Finder::Case => tree(order, bounds, 0),
    }
}

/// Halves the bounds with each condition; `first` is the number of the first part.
fn tree(order: &KeyOrder, bounds: &[Key], first: usize) -> Expr {
    let middle = bounds.len() / 2;
    let Some(bound) = bounds.get(middle) else {
        return Expr::cust(first.to_string());
    };
    CaseStatement::new()
        .case(order.before(bound), tree(order, &bounds[..middle], first))
        .finally(tree(order, &bounds[middle + 1..], first + middle + 1))
        .into()
}
