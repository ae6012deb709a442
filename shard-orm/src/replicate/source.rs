//! The source of a copy, as it is read.

use std::collections::HashSet;
use std::sync::Arc;

use sea_query::{Expr, SelectStatement, Value};

use super::compare::Change;
use super::keys::{Cells, KEYS_PER_STATEMENT, bytes_of, cells, key_of, limit_to_page, one_of};
use super::location::TableLocation;
use super::mode::Mode;
use super::subset::Subset;
use super::table::TableAt;
use crate::backend::Row;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::schema::TableDef;

/// The source of a copy. It is read on the primary, since a replica may lack what the feed names.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) at: TableLocation,
    /// The part of it that the copy holds; `None` for all of it.
    pub(crate) subset: Option<Arc<Subset>>,
}

impl Source {
    pub(crate) fn def(&self) -> &TableDef {
        self.at.def()
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.at.dialect()
    }

    /// The name of a mode in the row of progress. A position that was reached under another condition
    /// on the rows is invalid.
    pub(crate) fn mode_name(&self, mode: Mode) -> String {
        let mode = mode.stored_name();
        let subset = self.subset.as_ref();
        match subset.and_then(|subset| subset.fingerprint(self.dialect())) {
            Some(fingerprint) => format!("{mode} {fingerprint:016x}"),
            None => mode.to_owned(),
        }
    }

    /// As a side of a comparison.
    pub(crate) fn table_at(&self) -> TableAt<'_> {
        self.at.table_at().holding(self.subset.as_deref())
    }

    /// A query of whole rows that the copy holds.
    pub(crate) fn select(&self) -> SelectStatement {
        let mut select = self.at.select_all();
        select.and_where_option(self.condition());
        select
    }

    /// The condition on the rows that the copy holds, where it does not hold all.
    pub(crate) fn condition(&self) -> Option<Expr> {
        self.subset.as_ref()?.condition().cloned()
    }

    /// The form of a row at the copy.
    pub(crate) fn at_copy(&self, cells: Cells) -> Result<Cells> {
        match &self.subset {
            Some(subset) => subset.at_copy(cells),
            None => Ok(cells),
        }
    }

    /// Reads rows by a statement that begins with all columns, in their form at the copy.
    pub(crate) async fn rows(&self, select: &SelectStatement) -> Result<Vec<Cells>> {
        let read = |row: &Row<'_>| self.at_copy(cells(self.def(), row)?);
        self.at.read(None, self.at.name(), select, read).await
    }

    /// The current state of the rows with these primary keys, each named once.
    pub(crate) async fn changes(&self, keys: &[Vec<Value>]) -> Result<Vec<Change>> {
        let mut changes = Vec::with_capacity(keys.len());
        for keys in keys.chunks(KEYS_PER_STATEMENT) {
            let mut select = self.select();
            select.and_where_option(one_of(self.def(), keys));
            let rows = self.rows(&select).await?;
            let found = rows
                .iter()
                .map(|cells| bytes_of(&key_of(self.def(), cells)))
                .collect::<Result<HashSet<_>>>()?;
            for key in keys {
                if !found.contains(&bytes_of(key)?) {
                    changes.push(Change::Delete(key.clone()));
                }
            }
            changes.extend(rows.into_iter().map(Change::Put));
        }
        Ok(changes)
    }

    /// The next rows in the order of their primary key, after this one.
    pub(crate) async fn rows_after(&self, key: Option<&[Value]>, most: u64) -> Result<Vec<Cells>> {
        let mut select = self.select();
        limit_to_page(&mut select, self.def(), key, most);
        self.rows(&select).await
    }
}
