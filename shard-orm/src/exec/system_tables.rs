//! Statements on tables of the library's own, which stand in named databases.
//!
//! Sent by `id` and `lock`, by the same way as everything else.

use std::sync::Arc;

use sea_query::{Alias, ColumnDef, IntoTableRef, QueryStatementWriter, Table};

use super::run::{Intent, run};
use super::statement::{Label, Sink, Statement};
use super::target::Target;
use crate::backend::ddl::exact_table;
pub(crate) use crate::backend::now;
use crate::backend::{Args, Sql, big_integer, render, render_table, short_text};
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::topology::Namespace;

/// A statement of sea-query.
struct SystemStatement<'a, S> {
    verb: &'static str,
    table: &'a str,
    statement: &'a S,
}

impl<S: QueryStatementWriter + Sync> Statement for SystemStatement<'_, S> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let (text, values) = render(namespace.dialect(), self.statement);
        for value in &values.0 {
            args.push(value)?;
        }
        Ok(Sql {
            text: text.into(),
            persistent: true,
            single: false,
        })
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: self.verb,
            table: self.table,
        }
    }
}

/// Sends a statement to a named database and gives the rows affected.
pub(crate) async fn send<S: QueryStatementWriter + Sync>(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    intent: Intent,
    (verb, table): (&'static str, &str),
    statement: &S,
    sink: &mut dyn Sink,
) -> Result<u64> {
    let statement_of = SystemStatement {
        verb,
        table,
        statement,
    };
    run(target, Arc::clone(handle), intent, &statement_of, sink).await
}

/// The type of a column of such a table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Integer,
    /// Up to 255 characters.
    Text,
}

/// The statement that creates such a table unless it exists. The first column is its primary key.
pub(crate) fn create_table(
    dialect: Dialect,
    table: impl IntoTableRef,
    columns: &[(&str, Kind)],
) -> String {
    let mut create = Table::create();
    create.table(table).if_not_exists();
    for (position, (name, kind)) in columns.iter().enumerate() {
        let column_type = match kind {
            Kind::Integer => big_integer(dialect),
            Kind::Text => short_text(dialect),
        };
        let mut column = ColumnDef::new_with_type(Alias::new(*name), column_type);
        column.not_null();
        if position == 0 {
            column.primary_key();
        }
        create.col(column);
    }
    exact_table(dialect, &mut create, true);
    render_table(dialect, &create)
}
