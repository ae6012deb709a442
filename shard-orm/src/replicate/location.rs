//! A described table at one place, and the statements that are sent there.
//!
//! Both ends of a replication are one: the source reads from it, the copy is written at it.

use std::sync::Arc;

use sea_query::{Query, QueryStatementWriter, SelectStatement, TableRef};

use super::keys::{Cells, cells, selected};
use super::table::TableAt;
use crate::backend::Row;
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::{Executor as _, Intent, NoRows, Rows, Target, system_tables};
use crate::schema::TableDef;
use crate::topology::Read;
use crate::transaction::Tx;

/// A described table at one place.
#[derive(Debug, Clone)]
pub(crate) struct TableLocation {
    pub(crate) cluster: Cluster,
    pub(crate) handle: Arc<NamespaceHandle>,
    pub(crate) table: Arc<TableDef>,
}

impl TableLocation {
    pub(crate) fn def(&self) -> &TableDef {
        &self.table
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.handle.dialect()
    }

    /// The name of the table.
    pub(crate) fn name(&self) -> &str {
        &self.table.name
    }

    /// A table of this name in the same namespace.
    pub(crate) fn reference(&self, table: &str) -> TableRef {
        self.handle.namespace.table(table)
    }

    /// The table as a side of a comparison.
    pub(crate) fn table_at(&self) -> TableAt<'_> {
        let handle = Arc::clone(&self.handle);
        TableAt::new((&self.cluster).target(), handle, Arc::clone(&self.table))
    }

    /// Within a transaction, or on the primary: a replica may lack the latest rows.
    pub(crate) fn target<'t>(&'t self, tx: Option<&'t Tx>) -> Target<'t> {
        match tx {
            Some(tx) => tx.target(),
            None => self.cluster.read_from(Read::Primary).target(),
        }
    }

    /// A query of columns, by their ordinals.
    pub(crate) fn select(&self, ordinals: impl IntoIterator<Item = usize>) -> SelectStatement {
        let mut select = Query::select();
        select
            .exprs(selected(self.def(), ordinals, self.dialect()))
            .from(self.reference(self.name()));
        select
    }

    /// A query of whole rows.
    pub(crate) fn select_all(&self) -> SelectStatement {
        self.select(0..self.def().columns.len())
    }

    /// Reads rows of any table in the namespace.
    pub(crate) async fn read<T: Send>(
        &self,
        tx: Option<&Tx>,
        table: &str,
        select: &SelectStatement,
        read: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        let mut rows = Rows::new(read);
        let (intent, label) = (Intent::Read, ("select", table));
        system_tables::send(
            self.target(tx),
            &self.handle,
            intent,
            label,
            select,
            &mut rows,
        )
        .await?;
        Ok(rows.rows)
    }

    /// Reads whole rows of the table.
    pub(crate) async fn read_rows(
        &self,
        tx: Option<&Tx>,
        select: &SelectStatement,
    ) -> Result<Vec<Cells>> {
        let read = |row: &Row<'_>| cells(self.def(), row);
        self.read(tx, self.name(), select, read).await
    }

    /// Sends a write to any table in the namespace, and returns the number of rows it affected.
    pub(crate) async fn write<S: QueryStatementWriter + Sync>(
        &self,
        tx: Option<&Tx>,
        label: (&'static str, &str),
        statement: &S,
    ) -> Result<u64> {
        let (target, intent) = (self.target(tx), Intent::Write);
        system_tables::send(target, &self.handle, intent, label, statement, &mut NoRows).await
    }
}
