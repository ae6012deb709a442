//! Ids from a sequence in a table, reserved in blocks of one round trip each.
//!
//! The table holds the first number that has not been reserved. A process raises it before it uses
//! a block. If the process ends, the rest of its block is a gap; no number is used twice.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_query::{Alias, Expr, ExprTrait, OnConflict, Query};

use super::statement::SEQUENCES;
use crate::backend::{Args, Field, Row, Sql};
use crate::connect::{Checkout, NamespaceHandle};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::system_tables::send;
use crate::exec::{Executor as _, First, Intent, NoRows, Target};

const TABLE: (&str, &str) = ("take a block", SEQUENCES);

/// The sequence of one model.
#[derive(Debug)]
pub(super) struct Sequence {
    name: String,
    /// The rest of the last block.
    left: Mutex<Range<i64>>,
    /// Held while the next block is reserved.
    taking: tokio::sync::Mutex<()>,
}

impl Sequence {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            left: Mutex::new(0..0),
            taking: tokio::sync::Mutex::new(()),
        }
    }

    /// A number from the last block, if one is left.
    pub(super) fn try_next(&self) -> Option<i64> {
        self.left().next()
    }

    /// The next number; reserves a block if none is left.
    ///
    /// A cancelled caller loses at most the block.
    pub(super) async fn next(&self, target: Target<'_>, database: &str, block: u32) -> Result<i64> {
        let cluster = target.cluster();
        let handle = cluster.handle_of_database(database)?;
        if let Target::Tx(tx) = target
            && handle.dialect().capability().single_writer
            && tx.handle().namespace.is_same_shard(&handle.namespace)
        {
            // The transaction holds the file's only write lock, so a block cannot be reserved
            // outside it. A block reserved inside would be rolled back with it, while others use
            // its numbers. So it takes a single number, for the row that would be rolled back too.
            return Ok(self.take(target, &handle, 1).await?.start);
        }
        let _one = self.taking.lock().await;
        if let Some(next) = self.try_next() {
            return Ok(next);
        }
        let mut taken = self.take(cluster.target(), &handle, block).await;
        if matches!(&taken, Err(error) if error.kind() == ErrorKind::OutcomeUnknown) {
            // At worst this leaves a gap.
            taken = self.take(cluster.target(), &handle, block).await;
        }
        let mut block = taken?;
        let next = block.next().ok_or_else(|| bad_sequence(&self.name))?;
        *self.left() = block;
        Ok(next)
    }

    async fn take(
        &self,
        target: Target<'_>,
        handle: &Arc<NamespaceHandle>,
        block: u32,
    ) -> Result<Range<i64>> {
        let end = if handle.dialect().capability().returning {
            self.raise(target, handle, block).await?
        } else {
            self.raise_mysql(target, handle, block).await?
        };
        let start = end - i64::from(block);
        if start < 1 {
            return Err(bad_sequence(&self.name));
        }
        Ok(start..end)
    }

    /// `INSERT .. ON CONFLICT DO UPDATE SET next = next + block RETURNING next`.
    async fn raise(
        &self,
        target: Target<'_>,
        handle: &Arc<NamespaceHandle>,
        block: u32,
    ) -> Result<i64> {
        let (name, next) = (Alias::new("name"), Alias::new("next"));
        let mut raise = Query::insert();
        let mut conflict = OnConflict::column(name.clone());
        conflict.value(
            next.clone(),
            Expr::col((Alias::new(SEQUENCES), next.clone())).add(i64::from(block)),
        );
        raise
            .into_table(Alias::new(SEQUENCES))
            .columns([name, next.clone()])
            .values([
                Expr::val(self.name.as_str()),
                Expr::val(i64::from(block) + 1),
            ])
            .map_err(|source| Error::configuration("a sequence's row").with_source(source))?
            .on_conflict(conflict)
            .returning_col(next);
        let mut sink = First::new(|row: &Row<'_>| i64::read(row, 0));
        send(target, handle, Intent::Write, TABLE, &raise, &mut sink).await?;
        sink.row.ok_or_else(|| bad_sequence(&self.name))
    }

    /// MySQL has no `RETURNING`, and MariaDB has none for updates. Both return the value of
    /// `LAST_INSERT_ID(expr)` with the result of the update.
    async fn raise_mysql(
        &self,
        target: Target<'_>,
        handle: &Arc<NamespaceHandle>,
        block: u32,
    ) -> Result<i64> {
        const RAISE: &str = "UPDATE `shard_orm_sequence` SET `next` = LAST_INSERT_ID(`next` + ?) \
                             WHERE `name` = ?";
        let bind = |args: &mut Args| {
            i64::from(block).bind(args)?;
            self.name.bind(args)
        };
        let mut answer = run_for_insert_id(handle, RAISE, &bind).await?;
        if answer.0 == 0 {
            let mut first = Query::insert();
            first
                .into_table(Alias::new(SEQUENCES))
                .columns(["name", "next"].map(Alias::new))
                .values([Expr::val(self.name.as_str()), Expr::val(1_i64)])
                .map_err(|source| Error::configuration("a sequence's row").with_source(source))?;
            match send(target, handle, Intent::Write, TABLE, &first, &mut NoRows).await {
                Ok(_) => {}
                // Another process was faster.
                Err(error) if error.kind() == ErrorKind::Unique => {}
                Err(error) => return Err(error),
            }
            answer = run_for_insert_id(handle, RAISE, &bind).await?;
        }
        i64::try_from(answer.1).map_err(|_| bad_sequence(&self.name))
    }

    fn left(&self) -> MutexGuard<'_, Range<i64>> {
        // No code that can panic runs under the lock.
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs an update, and returns the number of rows found and its `LAST_INSERT_ID(expr)`, which
/// [`run`](crate::exec::run) does not return: no other database has one.
async fn run_for_insert_id(
    handle: &NamespaceHandle,
    text: &'static str,
    bind: &(dyn Fn(&mut Args) -> Result<()> + Sync),
) -> Result<(u64, u64)> {
    let mut args = Args::new(handle.dialect())?;
    bind(&mut args)?;
    let sql = Sql {
        text: text.into(),
        persistent: true,
        single: false,
    };
    let Checkout { mut lease, .. } = handle.for_write().await?;
    let outcome = lease.conn()?.run_for_insert_id(&sql, args).await;
    let lost = outcome.as_ref().is_err_and(|failure| failure.lost);
    lease.finish(outcome).map_err(|error| {
        if lost {
            lease.outcome_unknown(error)
        } else {
            error
        }
    })
}

/// The name of a model's sequence.
pub(super) fn name_of(home: &str, table: &str) -> String {
    format!("{home}.{table}")
}

#[cold]
fn bad_sequence(name: &str) -> Error {
    Error::configuration(format!(
        "the row `{name}` of the table `{SEQUENCES}` holds no positive number; set it to one above \
         the highest id in use"
    ))
}
