//! Primary keys of rows whose model is known at run time only.

use sea_query::{Alias, Expr, ExprTrait, Value};

use crate::backend::encode_value;
use crate::error::Result;
use crate::model::ModelDef;

/// How many keys one statement names at most.
pub(super) const KEYS_PER_STATEMENT: usize = 500;

/// The primary key of a row.
pub(super) fn key_of(def: &ModelDef, cells: &[Value]) -> Vec<Value> {
    def.primary_key
        .iter()
        .map(|ordinal| cells[*ordinal].clone())
        .collect()
}

/// Values as bytes, to look them up by.
pub(super) fn bytes_of(values: &[Value]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for value in values {
        encode_value(value, &mut bytes)?;
    }
    Ok(bytes)
}

/// The columns of the primary key.
pub(super) fn key_columns(def: &ModelDef) -> impl Iterator<Item = Alias> {
    def.primary_key
        .iter()
        .map(|ordinal| Alias::new(def.columns[*ordinal].name))
}

/// `id IN (?, ..)`, or of several columns `(a = ? AND b = ?) OR ..`; `None` of no keys.
pub(super) fn one_of(def: &ModelDef, keys: &[Vec<Value>]) -> Option<Expr> {
    one_of_columns(def, def.primary_key, keys)
}

/// As [`one_of`], of the columns of these ordinals.
pub(super) fn one_of_columns(
    def: &ModelDef,
    ordinals: &[usize],
    keys: &[Vec<Value>],
) -> Option<Expr> {
    if let [ordinal] = ordinals {
        let values: Vec<Expr> = keys.iter().flatten().cloned().map(Expr::Value).collect();
        let column = Expr::col(Alias::new(def.columns[*ordinal].name));
        return (!values.is_empty()).then(|| column.is_in(values));
    }
    keys.iter()
        .filter_map(|key| all_equal(def, ordinals, key))
        .reduce(ExprTrait::or)
}

/// `a = ? AND b = ?`, of the primary key.
pub(super) fn equal(def: &ModelDef, key: &[Value]) -> Option<Expr> {
    all_equal(def, def.primary_key, key)
}

/// `a = ? AND b = ?`.
fn all_equal(def: &ModelDef, ordinals: &[usize], values: &[Value]) -> Option<Expr> {
    ordinals
        .iter()
        .map(|ordinal| Alias::new(def.columns[*ordinal].name))
        .zip(values)
        .map(|(column, value)| Expr::col(column).eq(Expr::Value(value.clone())))
        .reduce(ExprTrait::and)
}

/// What comes after these values in the order of these columns:
/// `a >= ? AND (a > ? OR b > ?)`, by which all databases look into an index on `a`.
pub(super) fn after(columns: &[Alias], values: &[Value]) -> Option<Expr> {
    let columns: Vec<Expr> = columns.iter().cloned().map(Expr::col).collect();
    beyond(&columns, values)
}

fn beyond(columns: &[Expr], values: &[Value]) -> Option<Expr> {
    let mut condition: Option<Expr> = None;
    for (column, value) in columns.iter().zip(values).rev() {
        let value = || Expr::Value(value.clone());
        let beyond = column.clone().gt(value());
        condition = Some(match condition {
            None => beyond,
            Some(rest) => column.clone().gte(value()).and(beyond.or(rest)),
        });
    }
    condition
}
