//! `CREATE TABLE` from the description of a table.
//!
//! Used by [`Setup`](crate::setup::Setup), and by whoever wants to read or keep the statements.

use std::fmt;
use std::sync::Arc;

use sea_query::{Alias, ColumnDef as SeaColumn, Expr, Index, Table, TableCreateStatement};

use super::{ColumnDef, TableDef, clause};
use crate::backend::{DataType, ddl, render_table};
use crate::dialect::Dialect;
use crate::error::Result;

/// The statements that create a table and its indexes, where they do not exist yet.
///
/// Shows itself as SQL.
///
/// ```
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key, index)]
/// #     user_id: i64,
/// #     item: String,
/// # }
/// let table = Order::create_table(Dialect::Postgres)?;
/// assert_eq!(
///     table.to_string(),
///     r#"CREATE TABLE IF NOT EXISTS "orders" ( "id" bigint NOT NULL, "user_id" bigint NOT NULL, "item" text NOT NULL, PRIMARY KEY ("id") );
/// CREATE INDEX IF NOT EXISTS "orders_user_id_index" ON "orders" ("user_id");"#
/// );
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CreateTable {
    dialect: Dialect,
    def: Arc<TableDef>,
    namespace: Option<String>,
    /// The columns, in the types of the database and with their defaults.
    columns: Vec<SeaColumn>,
}

impl CreateTable {
    /// The statements for a table.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the table was read from another kind of
    /// database and has types or expressions that this one does not have.
    pub fn new(def: &Arc<TableDef>, dialect: Dialect) -> Result<Self> {
        def.check_sql(dialect)?;
        def.check_references(dialect)?;
        let columns = (0..def.columns.len())
            .map(|ordinal| {
                let mut column = clause::column(def, ordinal, dialect)?;
                let ColumnDef {
                    name, data_type, ..
                } = &def.columns[ordinal];
                if let Some(check) = ddl::type_check(dialect, name, data_type) {
                    column.check(check);
                }
                Ok(column)
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            dialect,
            def: Arc::clone(def),
            namespace: None,
            columns,
        })
    }

    /// The same in a namespace: a schema on PostgreSQL, a database on MySQL and MariaDB. SQLite's
    /// files are namespaces by themselves.
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace =
            Some(namespace.into()).filter(|_| !self.dialect.capability().file_per_namespace);
        self
    }

    /// The statements, one by one.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        let mut statements = vec![render_table(self.dialect, &self.table())];
        let beside = self.def.indexes.iter();
        let beside = beside.filter(|index| !ddl::is_index_inside(self.dialect, &index.definition));
        let namespace = self.namespace.as_deref();
        statements.extend(
            beside.map(|index| {
                clause::create_index(&self.def, index, self.dialect, namespace, false)
            }),
        );
        statements
    }

    fn table(&self) -> TableCreateStatement {
        let mut table = Table::create();
        let namespace = self.namespace.as_deref();
        table
            .table(clause::qualified(namespace, &self.def.name))
            .if_not_exists();
        for column in &self.columns {
            table.col(column.clone());
        }
        let is_declared = ddl::identity_is_primary_key(self.dialect)
            && self.def.columns.iter().any(|column| column.identity);
        if !is_declared && !self.def.primary_key.is_empty() {
            let mut primary_key = Index::create();
            for ordinal in &self.def.primary_key {
                primary_key.col(Alias::new(&self.def.columns[*ordinal].name));
            }
            table.primary_key(&mut primary_key);
        }
        for index in &self.def.indexes {
            if ddl::is_index_inside(self.dialect, &index.definition) {
                table.index(&mut clause::index(&self.def, index));
            }
        }
        for key in &self.def.foreign_keys {
            let mut key = clause::foreign_key(&self.def, key, self.dialect, namespace, None);
            table.foreign_key(&mut key);
        }
        for check in &self.def.checks {
            let expression = Expr::cust(check.expression.text.clone());
            match &check.name {
                Some(name) => table.check((Alias::new(name), expression)),
                None => table.check(expression),
            };
        }
        let is_known = |column: &ColumnDef| matches!(column.data_type, DataType::Known { .. });
        ddl::exact_table(
            self.dialect,
            &mut table,
            self.def.columns.iter().all(is_known),
        );
        table
    }
}

impl fmt::Display for CreateTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, statement) in self.statements().iter().enumerate() {
            let line = if position == 0 { "" } else { "\n" };
            write!(f, "{line}{statement};")?;
        }
        Ok(())
    }
}
