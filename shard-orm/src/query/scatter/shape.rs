//! The columns of a result that is to be merged: what is selected, and what it is sorted by.

use std::sync::Arc;

use crate::backend::{ColumnType, Row};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::{Direction, SortKey, Sorted};
use crate::model::ModelDef;
use crate::query::order::{Nulls, Term};
use crate::query::parts::Parts;

/// The columns of a result that is to be merged.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// The columns that are read: first those that are selected, then what else is sorted by.
    pub(super) columns: Vec<usize>,
    /// What is sorted by: a position among the columns, and how.
    pub(super) keys: Vec<(usize, Term)>,
    directions: Arc<[Direction]>,
}

impl Shape {
    /// What these parts ask for. An order is made total by the shard key and the primary key.
    pub(super) fn new(def: &'static ModelDef, parts: &Parts, dialect: Dialect) -> Result<Self> {
        let mut columns: Vec<usize> = match &parts.columns {
            Some(selected) => selected.clone(),
            None => (0..def.columns.len()).collect(),
        };
        let mut keys: Vec<(usize, Term)> = Vec::new();
        if !parts.orders.is_empty() {
            let ties = def.lookup().filter(|ordinal| {
                !parts.orders.iter().any(|term| term.ordinal == *ordinal)
                    && refusal(def, *ordinal).is_none()
            });
            let ties = ties.map(Term::ascending);
            for term in parts.orders.iter().copied().chain(ties) {
                if let Some(refusal) = refusal(def, term.ordinal) {
                    return Err(refusal);
                }
                let known = columns.iter().position(|ordinal| *ordinal == term.ordinal);
                let position = known.unwrap_or_else(|| {
                    columns.push(term.ordinal);
                    columns.len() - 1
                });
                keys.push((position, term));
            }
        }
        let directions = keys
            .iter()
            .map(|(_, term)| Direction {
                descending: term.descending,
                nulls_first: term.nulls(dialect) == Nulls::First,
            })
            .collect();
        Ok(Self {
            columns,
            keys,
            directions,
        })
    }

    /// How the rows are sorted; empty when they are not.
    pub(super) fn directions(&self) -> Arc<[Direction]> {
        Arc::clone(&self.directions)
    }

    /// How the rows are sorted, in words.
    pub(super) fn describe(&self, def: &'static ModelDef) -> Vec<String> {
        let describe = |(_, term): &(usize, Term)| term.describe(def);
        self.keys.iter().map(describe).collect()
    }

    /// Reads a row, and what it is sorted by.
    pub(super) fn sorted<T>(
        &self,
        def: &'static ModelDef,
        row: &Row<'_>,
        read: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Sorted<T>> {
        let key: Result<Vec<_>> = self
            .keys
            .iter()
            .map(|(position, term)| (def.columns[term.ordinal].value)(row, *position))
            .collect();
        Ok(Sorted {
            key: SortKey(key?),
            row: read(row)?,
        })
    }
}

/// Why rows of several logical shards cannot be sorted by a column, if they cannot.
pub(super) fn refusal(def: &'static ModelDef, ordinal: usize) -> Option<Error> {
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
