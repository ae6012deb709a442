//! The source of a static model, as it is read.

use std::sync::Arc;

use sea_query::{Alias, Expr, ExprTrait as _, Order, Query, SelectStatement};

use super::compare::Change;
use super::keys::{KEYS_PER_STATEMENT, bytes_of, key_columns, key_of, one_of};
use super::mode::Mode;
use super::table::TableAt;
use crate::backend::Row;
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::{Executor as _, Intent, Rows, Target, own};
use crate::model::ModelDef;
use crate::record::Collection;
use crate::topology::Read;

/// The values of a row, in the order of the model's columns.
pub(super) type Cells = Vec<sea_query::Value>;

/// The source of a static model: its primary, since a replica may lack what the log says.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) cluster: Cluster,
    pub(super) handle: Arc<NamespaceHandle>,
    pub(super) def: &'static ModelDef,
    /// What the copy holds of it; all, unless it is said.
    pub(super) collection: Option<Arc<Collection>>,
}

impl Source {
    pub(super) fn dialect(&self) -> Dialect {
        self.handle.dialect()
    }

    /// What the row of status calls a mode. A position that was reached under another condition on
    /// what the copy holds is none of it.
    pub(super) fn mode_name(&self, mode: Mode) -> String {
        let collection = self.collection.as_ref();
        match collection.and_then(|collection| collection.fingerprint(self.dialect())) {
            Some(fingerprint) => format!("{mode} {fingerprint:016x}"),
            None => mode.to_string(),
        }
    }

    /// What tells its table from others in the library's own tables there.
    pub(super) fn table(&self) -> &'static str {
        self.def.table
    }

    /// Reads rows by a statement on any of the source's tables.
    pub(super) async fn read<T: Send>(
        &self,
        table: &'static str,
        select: &SelectStatement,
        read: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        let mut rows = Rows::new(read);
        let on = self.cluster.read_from(Read::Primary);
        let label = ("select", table);
        own::send(
            on.target(),
            &self.handle,
            Intent::Read,
            label,
            select,
            &mut rows,
        )
        .await?;
        Ok(rows.rows)
    }

    /// As a side of a comparison.
    pub(super) fn table_at(&self) -> TableAt<'_> {
        let handle = Arc::clone(&self.handle);
        TableAt::new((&self.cluster).target(), handle, self.def)
            .collecting(self.collection.as_deref())
    }

    /// A query of whole rows of which the copy holds each.
    pub(super) fn select(&self) -> SelectStatement {
        let mut select = select(self.def, &self.handle);
        select.and_where_option(self.condition());
        select
    }

    /// Whether the copy holds a row, where it does not hold all.
    pub(super) fn condition(&self) -> Option<Expr> {
        self.collection.as_ref()?.condition().cloned()
    }

    /// A row as it is to be at the copy.
    pub(super) fn at_copy(&self, cells: Cells) -> Result<Cells> {
        match &self.collection {
            Some(collection) => collection.at_copy(cells),
            None => Ok(cells),
        }
    }

    /// Rows of the model, as they are to be at the copy, by a statement that selects its columns.
    pub(super) async fn rows(&self, select: &SelectStatement) -> Result<Vec<Cells>> {
        let read = |row: &Row<'_>| self.at_copy(cells(self.def, row)?);
        self.read(self.def.table, select, read).await
    }

    /// What has become of the rows of these primary keys, each named once.
    pub(super) async fn changes(&self, keys: &[Vec<sea_query::Value>]) -> Result<Vec<Change>> {
        let mut changes = Vec::with_capacity(keys.len());
        for keys in keys.chunks(KEYS_PER_STATEMENT) {
            let mut select = self.select();
            select.and_where_option(one_of(self.def, keys));
            let rows = self.rows(&select).await?;
            let found = rows
                .iter()
                .map(|cells| bytes_of(&key_of(self.def, cells)))
                .collect::<Result<std::collections::HashSet<_>>>()?;
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
    pub(super) async fn rows_after(
        &self,
        key: Option<&[sea_query::Value]>,
        most: u64,
    ) -> Result<Vec<Cells>> {
        let columns: Vec<Alias> = key_columns(self.def).collect();
        let mut select = self.select();
        if let Some(key) = key {
            if let ([first, _, ..], Some(value)) = (columns.as_slice(), key.first()) {
                // An index finds where this begins, which not every database sees of the rest.
                select.and_where(Expr::col(first.clone()).gte(Expr::Value(value.clone())));
            }
            select.and_where_option(super::keys::after(&columns, key));
        }
        for column in columns {
            select.order_by(column, Order::Asc);
        }
        select.limit(most);
        self.rows(&select).await
    }
}

/// A query of whole rows at a place.
pub(super) fn select(def: &ModelDef, handle: &NamespaceHandle) -> SelectStatement {
    let mut select = Query::select();
    select
        .exprs(
            def.columns
                .iter()
                .map(|column| Expr::col(Alias::new(column.name))),
        )
        .from(handle.namespace.table_of(def));
    select
}

/// The values of a row that holds the columns of a model.
pub(super) fn cells(def: &ModelDef, row: &Row<'_>) -> Result<Cells> {
    def.columns
        .iter()
        .enumerate()
        .map(|(ordinal, column)| column.read(row, ordinal))
        .collect()
}

/// Reads whole rows at a place.
pub(super) async fn read_rows(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    def: &'static ModelDef,
    select: &SelectStatement,
) -> Result<Vec<Cells>> {
    let mut rows = Rows::new(|row: &Row<'_>| cells(def, row));
    let label = ("select", def.table);
    own::send(target, handle, Intent::Read, label, select, &mut rows).await?;
    Ok(rows.rows)
}
