//! Values of rows and of their primary keys, for tables that are described at run time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_query::{Alias, Expr, ExprTrait, Order, SelectStatement, Value};

use crate::backend::{Row, decode_value, encode_value};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::schema::{IndexPart, TableDef};

/// The maximum number of keys in one statement.
pub(crate) const KEYS_PER_STATEMENT: usize = 500;

/// The values of a row, in the order of the table's columns.
pub(crate) type Cells = Vec<Value>;

/// The values of these columns, from a position of a result on.
pub(crate) fn values(
    table: &TableDef,
    ordinals: &[usize],
    row: &Row<'_>,
    first: usize,
) -> Result<Vec<Value>> {
    let columns = ordinals.iter().map(|ordinal| &table.columns[*ordinal]);
    (first..)
        .zip(columns)
        .map(|(position, column)| column.read(row, position))
        .collect()
}

/// The values of a result that begins with all columns of a table.
pub(crate) fn cells(table: &TableDef, row: &Row<'_>) -> Result<Cells> {
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(position, column)| column.read(row, position))
        .collect()
}

/// The values of these columns of a row.
pub(crate) fn picked(ordinals: &[usize], cells: &[Value]) -> Vec<Value> {
    let ordinals = ordinals.iter();
    ordinals.map(|ordinal| cells[*ordinal].clone()).collect()
}

/// The primary key of a row.
pub(crate) fn key_of(table: &TableDef, cells: &[Value]) -> Vec<Value> {
    picked(&table.primary_key, cells)
}

/// Values as bytes, to look them up by.
pub(crate) fn bytes_of(values: &[Value]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for value in values {
        encode_value(value, &mut bytes)?;
    }
    Ok(bytes)
}

/// Values as a text, which [`values_from`] reads.
pub(crate) fn text_of(values: &[Value]) -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(bytes_of(values)?))
}

/// The values of these columns from a text; `None` when it holds something else.
pub(crate) fn values_from(text: &str, table: &TableDef, ordinals: &[usize]) -> Option<Vec<Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let mut rest = bytes.as_slice();
    let values = ordinals
        .iter()
        .map(|ordinal| decode_value(table.columns[*ordinal].codec(), &mut rest))
        .collect::<Option<Vec<Value>>>()?;
    rest.is_empty().then_some(values)
}

/// The identifier of a column.
pub(crate) fn alias(table: &TableDef, ordinal: usize) -> Alias {
    Alias::new(&table.columns[ordinal].name)
}

/// All columns, in the form in which [`cells`] reads them.
pub(crate) fn selected(
    table: &TableDef,
    ordinals: impl IntoIterator<Item = usize>,
    dialect: Dialect,
) -> impl Iterator<Item = Expr> {
    ordinals.into_iter().map(move |ordinal| {
        let column = Expr::col(alias(table, ordinal));
        table.columns[ordinal].selected(dialect, column)
    })
}

/// A column in a condition, and in an order.
fn ordered(table: &TableDef, ordinal: usize) -> Expr {
    table.columns[ordinal].ordered(Expr::col(alias(table, ordinal)))
}

/// A value of a column in a condition.
fn bound(table: &TableDef, ordinal: usize, value: &Value) -> Expr {
    let bound = table.columns[ordinal].bound(value.clone());
    // A decimal with more digits than the column has equals none of its values.
    bound.unwrap_or_else(|_| Expr::Value(value.clone()))
}

/// The ordinals of the columns of each unique index on columns.
pub(crate) fn unique_indexes(table: &TableDef) -> impl Iterator<Item = Vec<usize>> {
    let unique = table.indexes.iter().filter(|index| index.unique);
    unique.filter_map(|index| {
        let parts = index.parts.iter();
        let columns = parts.map(|part| match part {
            IndexPart::Column(ordinal) | IndexPart::Descending(ordinal) => Some(*ordinal),
            IndexPart::Prefix(..) | IndexPart::Expression(_) => None,
        });
        columns.collect()
    })
}

/// The identifiers of the primary key's columns.
pub(crate) fn key_columns(table: &TableDef) -> impl Iterator<Item = Alias> {
    let ordinals = table.primary_key.iter();
    ordinals.map(|ordinal| alias(table, *ordinal))
}

/// `id IN (?, ..)`, or for several columns `(a = ? AND b = ?) OR ..`; `None` without keys.
pub(crate) fn one_of(table: &TableDef, keys: &[Vec<Value>]) -> Option<Expr> {
    one_of_columns(table, &table.primary_key, keys)
}

/// As [`one_of`], for the columns of these ordinals.
pub(crate) fn one_of_columns(
    table: &TableDef,
    ordinals: &[usize],
    keys: &[Vec<Value>],
) -> Option<Expr> {
    if let [ordinal] = ordinals {
        let values = keys.iter().flatten();
        let values: Vec<Expr> = values.map(|value| bound(table, *ordinal, value)).collect();
        return (!values.is_empty()).then(|| ordered(table, *ordinal).is_in(values));
    }
    keys.iter()
        .filter_map(|key| all_equal(table, ordinals, key))
        .reduce(ExprTrait::or)
}

/// `a = ? AND b = ?`, for the primary key.
pub(crate) fn equal(table: &TableDef, key: &[Value]) -> Option<Expr> {
    all_equal(table, &table.primary_key, key)
}

/// `a = ? AND b = ?`.
fn all_equal(table: &TableDef, ordinals: &[usize], values: &[Value]) -> Option<Expr> {
    ordinals
        .iter()
        .zip(values)
        .map(|(ordinal, value)| ordered(table, *ordinal).eq(bound(table, *ordinal, value)))
        .reduce(ExprTrait::and)
}

/// The rows after these values in the order of the columns of these ordinals: `a >= ? AND (a > ? OR b > ?)`, which
/// all databases look up in an index on `a`.
pub(crate) fn after(table: &TableDef, ordinals: &[usize], values: &[Value]) -> Option<Expr> {
    let mut condition: Option<Expr> = None;
    for (ordinal, value) in ordinals.iter().zip(values).rev() {
        let column = ordered(table, *ordinal);
        let value = || bound(table, *ordinal, value);
        let beyond = column.clone().gt(value());
        condition = Some(match condition {
            None => beyond,
            Some(rest) => column.gte(value()).and(beyond.or(rest)),
        });
    }
    condition
}

/// Limits a query to the next rows in the order of their primary key, after this one.
pub(crate) fn limit_to_page(
    select: &mut SelectStatement,
    table: &TableDef,
    key: Option<&[Value]>,
    most: u64,
) {
    limit_to_range(select, table, key, None);
    select.limit(most);
}

/// Limits a query to the rows after one key, up to another one and with it, in the order of their primary key.
pub(crate) fn limit_to_range(
    select: &mut SelectStatement,
    table: &TableDef,
    key: Option<&[Value]>,
    end: Option<&[Value]>,
) {
    let ordinals = table.primary_key.as_slice();
    // An index finds the bounds of the first column, which not every database sees of the rest.
    let first = ordinals.first().filter(|_| ordinals.len() > 1);
    let edge = |key: Option<&[Value]>| {
        let value = key?.first()?;
        first.map(|first| (ordered(table, *first), bound(table, *first, value)))
    };
    if let Some((first, value)) = edge(key) {
        select.and_where(first.gte(value));
    }
    if let Some((first, value)) = edge(end) {
        select.and_where(first.lte(value));
    }
    select.and_where_option(key.and_then(|key| after(table, ordinals, key)));
    let beyond = end.and_then(|end| after(table, ordinals, end));
    select.and_where_option(beyond.map(ExprTrait::not));
    for ordinal in ordinals {
        select.order_by_expr(ordered(table, *ordinal), Order::Asc);
    }
}
