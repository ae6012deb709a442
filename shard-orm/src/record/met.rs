//! The row that an insert has met: found, or the reason why it is left as it is.
//!
//! Called by `upsert` where an insert or update says that it changed nothing.

use std::sync::Arc;

use super::conflict::SelectBy;
use crate::backend::{Args, Row};
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{First, Intent, Target, run};
use crate::model::{Model, ModelDef};

/// The row with equal values in the target's columns and the same shard key.
pub(super) async fn find_by<M: Model>(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    row: &M,
    conflict: &[usize],
) -> Result<Option<M>> {
    let def = M::def();
    let mut filter = conflict.to_vec();
    filter.extend(def.routing().filter(|ordinal| !conflict.contains(ordinal)));
    select_by(target, handle, row, filter, false).await
}

/// Fails when a row that is out of reach has equal values in the target's columns: one of another
/// shard key, or one that is marked as deleted.
pub(super) async fn refuse_hidden<M: Model>(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    row: &M,
    conflict: &[usize],
) -> Result<()> {
    let def = M::def();
    let routing = |row: &M| {
        Args::values(|args| {
            def.routing()
                .try_for_each(|ordinal| row.bind(ordinal, args))
        })
    };
    let Some(found) = select_by(target, handle, row, conflict.to_vec(), true).await? else {
        return Ok(());
    };
    // Read after the conflict was met, it may be one of this key that came in between.
    if routing(&found)? != routing(row)? {
        return Err(other_key(def));
    }
    if let Some(mark) = def.soft_delete {
        let value = Args::value(|args| found.bind(mark, args))?;
        if value != value.as_null() {
            return Err(is_deleted(def));
        }
    }
    Ok(())
}

/// Why an `INSERT .. ON CONFLICT DO UPDATE` changed nothing. Where rows are not marked as deleted,
/// there is but one reason, and nothing is asked.
pub(super) async fn why_refused<M: Model>(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    row: &M,
    conflict: &[usize],
) -> Error {
    let def = M::def();
    if def.soft_delete.is_none() {
        return other_key(def);
    }
    match refuse_hidden(target, handle, row, conflict).await {
        Err(error) => error,
        Ok(()) => contended(def),
    }
}

/// Whether a row has equal values in the target's columns, whatever its shard key.
pub(super) async fn exists_elsewhere<M: Model>(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    row: &M,
    conflict: &[usize],
) -> Result<bool> {
    Ok(select_by(target, handle, row, conflict.to_vec(), true)
        .await?
        .is_some())
}

async fn select_by<M: Model>(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    row: &M,
    filter: Vec<usize>,
    deleted: bool,
) -> Result<Option<M>> {
    let statement = SelectBy {
        row,
        filter,
        deleted,
        // Inside a transaction of MySQL a plain read sees the state of its first read, and not
        // the row that an insert has just met.
        lock: target.can_lock() && handle.dialect() == Dialect::MySql,
    };
    let mut sink = First::new(|row: &Row<'_>| M::read(row, 0));
    // To the primary: a replica may not have what an insert met.
    run(
        target,
        Arc::clone(handle),
        Intent::Write,
        &statement,
        &mut sink,
    )
    .await?;
    Ok(sink.row)
}

#[cold]
fn other_key(def: &'static ModelDef) -> Error {
    Error::new(
        ErrorKind::Unique,
        format!(
            "a row of `{}` with the same unique columns belongs to another shard key, and is left \
             as it is",
            def.table
        ),
    )
}

#[cold]
fn is_deleted(def: &'static ModelDef) -> Error {
    Error::new(
        ErrorKind::Unique,
        format!(
            "a row of `{}` with the same unique columns is marked as deleted, and is left as it is: \
             find it with `with_deleted`, then `restore` or `force_delete` it",
            def.table
        ),
    )
}

#[cold]
pub(super) fn contended(def: &'static ModelDef) -> Error {
    Error::new(
        ErrorKind::Serialization,
        format!(
            "other clients insert, delete or restore the same row of `{}` at the same time",
            def.table
        ),
    )
}
