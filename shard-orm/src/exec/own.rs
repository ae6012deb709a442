//! Statements on tables of the library's own, which stand in named databases.
//!
//! Sent by `id` and `lock`, by the same way as everything else.

use std::sync::Arc;

use sea_query::{Expr, QueryStatementWriter};

use super::run::{Intent, run};
use super::statement::{Label, Sink, Statement};
use super::target::Target;
use crate::backend::{Args, Sql, render};
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::topology::Namespace;

/// A statement of sea-query.
struct Built<'a, S> {
    verb: &'static str,
    table: &'a str,
    statement: &'a S,
}

impl<S: QueryStatementWriter + Sync> Statement for Built<'_, S> {
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
    let built = Built {
        verb,
        table,
        statement,
    };
    run(target, Arc::clone(handle), intent, &built, sink).await
}

/// The milliseconds since 1970 by the database's own clock.
pub(crate) fn now(dialect: Dialect) -> Expr {
    Expr::cust(match dialect {
        Dialect::Sqlite => "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
        Dialect::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)",
        // Not UNIX_TIMESTAMP(NOW()): in the hour that a time zone repeats in autumn it is ambiguous.
        Dialect::MySql => {
            "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) DIV 1000)"
        }
    })
}
