//! The columns of a result: those that are selected, and those that it is sorted by.

use std::sync::Arc;

use sea_query::Value;

use super::tables::{At, Tables};
use crate::backend::{ColumnType, Digits, Row};
use crate::definition::{FieldDef, ModelDef};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::plan::merge::{Direction, PREFIX, SortKey, Sorted, prefix};
use crate::plan::order::{Nulls, Term};
use crate::plan::spec::QuerySpec;

/// The columns of a result.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// The columns that are read: the selected ones, then further ones to sort by.
    pub(crate) columns: Vec<At>,
    /// The columns to sort by.
    pub(crate) keys: Vec<Key>,
    directions: Vec<Direction>,
    /// The number of first keys of which a row's prefix says all: integers that are not NULL.
    exact: usize,
    /// The directions of the other keys.
    rest: Arc<[Direction]>,
    /// The declared digits of the columns; empty where none of them has any.
    pub(crate) decimals: Arc<[Option<Digits>]>,
}

/// One column to sort by.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its position among the columns.
    pub(crate) position: usize,
    /// Its direction.
    pub(crate) term: Term,
    column: &'static FieldDef,
    /// Whether it may be NULL although its type is not nullable.
    may_be_absent: bool,
}

impl Shape {
    /// The selected columns alone.
    pub(super) fn selected(tables: &Tables, spec: &QuerySpec) -> Self {
        let columns = tables.selected(spec);
        Self {
            decimals: decimals(tables, &columns),
            columns,
            ..Self::default()
        }
    }

    /// The selected columns, and what rows are sorted by: the requested order, made total by the
    /// shard key and the primary keys.
    pub(super) fn merged(tables: &Tables, spec: &QuerySpec, dialect: Dialect) -> Result<Self> {
        let mut columns = tables.selected(spec);
        let mut keys: Vec<Key> = Vec::new();
        let asked: Vec<(At, Term)> = tables.orders(spec).collect();
        if !asked.is_empty() {
            let ties = tables.identity().into_iter().filter(|at| {
                !asked.iter().any(|(asked, _)| asked == at)
                    && unsortable(tables.def(at.table), at.ordinal).is_none()
            });
            let ties: Vec<(At, Term)> = ties.map(|at| (at, Term::ascending(at.ordinal))).collect();
            for (at, term) in asked.into_iter().chain(ties) {
                let def = tables.def(at.table);
                if let Some(deferred) = unsortable(def, at.ordinal) {
                    return Err(deferred);
                }
                let known = columns.iter().position(|column| *column == at);
                let position = known.unwrap_or_else(|| {
                    columns.push(at);
                    columns.len() - 1
                });
                keys.push(Key {
                    position,
                    term,
                    column: &def.columns[at.ordinal],
                    may_be_absent: tables.may_be_absent(at.table),
                });
            }
        }
        let directions = keys.iter().map(|key| Direction {
            descending: key.term.descending,
            nulls_first: key.term.nulls(dialect) == Nulls::First,
        });
        let directions: Vec<Direction> = directions.collect();
        let decimals = decimals(tables, &columns);
        let is_exact = |key: &&Key| {
            key.column.column_type.is_integer() && !key.column.nullable && !key.may_be_absent
        };
        let exact = keys.iter().take(PREFIX).take_while(is_exact).count();
        Ok(Self {
            columns,
            keys,
            rest: directions[exact..].into(),
            directions,
            exact,
            decimals,
        })
    }

    /// Checks that all of these databases order NULL alike, where the order does not say how.
    ///
    /// # Errors
    /// `Unsupported` with the column.
    pub(crate) fn check_nulls(&self, dialects: &[Dialect]) -> Result<()> {
        let differs = |key: &&Key| {
            let mut positions = dialects.iter().map(|dialect| key.term.nulls(*dialect));
            let first = positions.next();
            (key.column.nullable || key.may_be_absent)
                && positions.any(|position| Some(position) != first)
        };
        match self.keys.iter().find(differs) {
            None => Ok(()),
            Some(key) => Err(Error::unsupported(format!(
                "the logical shards are on several kinds of databases, which order NULL in column `{}` differently; \
                 say whether NULL comes first or last",
                key.column.name
            ))),
        }
    }

    /// The directions of the keys that are in no prefix, for [`merge_all`](crate::plan::merge::merge_all).
    pub(crate) fn directions(&self) -> Arc<[Direction]> {
        Arc::clone(&self.rest)
    }

    /// The order as text.
    pub(crate) fn describe(&self, tables: &Tables) -> Vec<String> {
        let describe = |key: &Key| {
            let at = self.columns[key.position];
            key.term.describe(tables.def(at.table))
        };
        self.keys.iter().map(describe).collect()
    }

    /// Reads a row and its key.
    pub(crate) fn sorted<T>(
        &self,
        row: &Row<'_>,
        read: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Sorted<T>> {
        let (exact, rest) = self.keys.split_at(self.exact);
        let mut prefixes = [0; PREFIX];
        let mut numbers = prefixes.iter_mut().zip(&self.directions);
        for (key, (number, direction)) in exact.iter().zip(&mut numbers) {
            *number = prefix(&key.read(row)?, *direction);
        }
        let rest: Result<Vec<_>> = rest.iter().map(|key| key.read(row)).collect();
        let rest = rest?;
        if let (Some(value), Some((number, direction))) = (rest.first(), numbers.next()) {
            *number = prefix(value, *direction);
        }
        Ok(Sorted {
            prefix: prefixes,
            key: SortKey(rest),
            row: read(&row.with_decimals(&self.decimals))?,
        })
    }
}

/// The declared digits of columns; empty where none of them has any.
fn decimals(tables: &Tables, columns: &[At]) -> Arc<[Option<Digits>]> {
    let digits = |at: &At| tables.def(at.table).columns[at.ordinal].decimal;
    if columns.iter().any(|at| digits(at).is_some()) {
        columns.iter().map(digits).collect()
    } else {
        Arc::default()
    }
}

impl Key {
    fn read(&self, row: &Row<'_>) -> Result<Value> {
        if self.may_be_absent && row.is_null(self.position)? {
            // Any NULL: only whether it is NULL is compared.
            return Ok(Value::Bool(None));
        }
        self.column.read(row, self.position)
    }
}

/// The error if rows of several logical shards cannot be sorted by a column.
pub(crate) fn unsortable(def: &'static ModelDef, ordinal: usize) -> Option<Error> {
    let column = &def.columns[ordinal];
    match column.column_type {
        ColumnType::Text if !column.binary => Some(Error::unsupported(format!(
            "rows of several logical shards are not ordered by `{}.{}`: databases order texts by \
             their collation, which the client does not know; declare `#[shard(collation = \
             \"binary\")]` on the field, for texts whose column is ordered by bytes (`COLLATE \"C\"` \
             on PostgreSQL, a `_bin` collation without padding on MySQL and MariaDB)",
            def.table, column.name
        ))),
        ColumnType::Json => Some(Error::unsupported(format!(
            "rows are not ordered by `{}.{}`, which holds JSON",
            def.table, column.name
        ))),
        _ => None,
    }
}
