//! Parts of a table: the number of them that it is cut into at a time, and the one that a row belongs
//! to.

use sea_query::{CaseStatement, Expr};

use super::{Key, KeyOrder};
use crate::backend::{has_part_search, part_search};
use crate::dialect::Dialect;

/// The maximum number of parts where the server finds a row's part by halving.
const MANY: usize = 4_096;
/// The maximum where it is found by conditions, each of which is planned.
const FEW: usize = 64;

/// The number of parts that a server sorts rows into at low cost.
pub(crate) fn most_parts(order: &KeyOrder, dialect: Dialect) -> usize {
    match order.only_column() {
        Some(column) if has_part_search(dialect, column) => MANY,
        _ => FEW,
    }
}

/// The number of a row's part: the number of these keys that are its own or come before it.
pub(crate) fn part(order: &KeyOrder, dialect: Dialect, bounds: &[Key]) -> Expr {
    let column = order.columns().first().cloned();
    let (Some(column), false) = (column, bounds.is_empty()) else {
        return Expr::cust("0");
    };
    let search = order.only_column().and_then(|column_type| {
        let values = bounds.iter().flatten().cloned().map(Expr::Value);
        part_search(dialect, column_type, column, values.collect())
    });
    search.unwrap_or_else(|| tree(order, bounds, 0))
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
