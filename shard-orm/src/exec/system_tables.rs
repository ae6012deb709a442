//! Statements on tables of the library's own, which stand in named databases.
//!
//! Sent by `id` and `lock`, by the same way as everything else.

use std::sync::Arc;

use sea_query::QueryStatementWriter;

use super::run::{Intent, run};
use super::statement::{Label, Sink, Statement};
use super::target::Target;
pub(crate) use crate::backend::now;
pub(crate) use crate::backend::system_table::{Kind, create_table};
use crate::backend::{Args, Sql, render};
use crate::connect::NamespaceHandle;
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

    /// It may hold [`now`].
    fn is_of_one_kind(&self) -> bool {
        true
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
