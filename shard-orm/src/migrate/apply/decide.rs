//! Whether a statement has run whose run was interrupted.
//!
//! Asked on a session that holds the lock of the namespace's statements, so that no statement of the
//! interrupted run is still running.

use super::{Stopped, Work};
use crate::backend::migration::About;
use crate::backend::script::ScriptStatement;
use crate::error::{Error, ErrorKind, Result};
use crate::migrate::effect::{Effect, Object, is_repeatable, transaction_control};
use crate::migrate::session::Session;

pub(super) async fn has_run(
    session: &mut Session,
    work: &Work<'_>,
    statement: &ScriptStatement,
) -> Result<bool, Stopped> {
    if let Some(begins) = transaction_control(&statement.tokens) {
        // The record of a statement inside of a transaction is seen once it is committed.
        return Ok(!begins);
    }
    if let Some(Effect { object, exists }) = Effect::of(&statement.tokens) {
        let about = match &object {
            Object::Table(name) => About::Table(name),
            Object::Column { table, column } => About::Column(table, column),
            Object::Index { table, index } => {
                if session.has(About::InvalidIndex(index)).await? {
                    return Ok(false);
                }
                About::Index(table.as_deref(), index)
            }
        };
        return Ok(session.has(about).await? == exists);
    }
    if is_repeatable(&statement.tokens) {
        return Ok(false);
    }
    let (version, line) = (work.migration.version(), statement.line);
    Err(Stopped {
        error: Error::new(
            ErrorKind::OutcomeUnknown,
            format!(
                "the run was interrupted at this statement of version {version}, and the catalog does \
                 not tell whether it has run; look at the tables, then resolve it as done or to be run \
                 again (`Migrate::resolve`, `shard-orm migrate resolve`)"
            ),
        ),
        line: Some(line),
    })
}
