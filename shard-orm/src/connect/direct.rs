//! Statements on a leased connection: DDL, the records of namespaces, and the catalog.
//!
//! Used by `exec` where the namespace does not exist or is not verified yet, and by `catalog`, whose
//! statements neither follow a topology nor wait for one.

use std::sync::Arc;

use sea_query::Value;

use super::{Lease, NamespaceHandle};
use crate::backend::{Args, OnRow, Sql, render};
use crate::error::{ErrorKind, Result};

/// How often a statement is retried that collided with the same one of another client.
const ROUNDS: usize = 5;

/// Runs a statement without keeping it prepared, and returns the number of affected rows.
pub(crate) async fn ask(
    lease: &mut Lease,
    handle: &NamespaceHandle,
    text: impl Into<Arc<str>>,
    values: &[Value],
    on_row: &mut OnRow<'_>,
) -> Result<u64> {
    let mut args = Args::new(handle.dialect())?;
    for value in values {
        args.push(value)?;
    }
    let sql = Sql {
        text: text.into(),
        persistent: false,
        single: false,
    };
    let outcome = lease.conn()?.run(sql, args, on_row).await;
    lease.finish(outcome)
}

/// Runs a rendered statement, and returns the number of affected rows.
pub(crate) async fn write(
    handle: &NamespaceHandle,
    lease: &mut Lease,
    statement: &(impl sea_query::QueryStatementWriter + Sync),
) -> Result<u64> {
    let (text, values) = render(handle.dialect(), statement);
    ask(lease, handle, text, &values.0, &mut |_| Ok(())).await
}

/// Runs a DDL statement. `IF NOT EXISTS` does not serialize clients on every database: the second
/// one is refused, and succeeds when it tries again.
pub(crate) async fn send(lease: &mut Lease, statement: &str) -> Result<()> {
    let mut round = 1;
    loop {
        let sent = lease.conn()?.batch(statement).await;
        let lost = sent.as_ref().is_err_and(|failure| failure.lost);
        let Err(error) = lease.finish(sent) else {
            return Ok(());
        };
        let met = matches!(
            error.kind(),
            ErrorKind::Unique
                | ErrorKind::Database
                | ErrorKind::Deadlock
                | ErrorKind::Serialization
        );
        if lost || !met || round == ROUNDS {
            return Err(error);
        }
        round += 1;
    }
}
