//! The existing row that an insert conflicts with.
//!
//! Called by `upsert` after a statement that changed no row.

use std::sync::Arc;

use super::conflict::SelectBy;
use crate::backend::{Args, Row};
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{First, Intent, Target, run};
use crate::model::{Model, ModelDef};

/// Finds the row with equal values in the target's columns and the same shard key.
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

/// Fails if the conflicting row is hidden: it has another shard key, or is soft-deleted.
pub(super) async fn check_hidden<M: Model>(
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
    // The row was read after the conflict, so another client may have inserted one with this key.
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

/// Returns the error of an `INSERT .. ON CONFLICT DO UPDATE` that changed nothing. Without soft
/// delete there is only one reason, and no statement is sent.
pub(super) async fn rejection<M: Model>(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    row: &M,
    conflict: &[usize],
) -> Error {
    let def = M::def();
    if def.soft_delete.is_none() {
        return other_key(def);
    }
    match check_hidden(target, handle, row, conflict).await {
        Err(error) => error,
        Ok(()) => contended(def),
    }
}

/// Returns whether a row has equal values in the target's columns, regardless of its shard key.
pub(super) async fn exists<M: Model>(
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
        // A plain read uses the snapshot of the transaction's first read, which may not contain the
        // conflicting row.
        lock: target.can_lock() && handle.dialect().capability().repeatable_reads,
    };
    let mut sink = First::new(|row: &Row<'_>| M::read(row, 0));
    // Read from the primary: a replica may not have the conflicting row yet.
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
            "a row of `{}` with the same unique columns has another shard key; it was not changed",
            def.table
        ),
    )
}

#[cold]
fn is_deleted(def: &'static ModelDef) -> Error {
    Error::new(
        ErrorKind::Unique,
        format!(
            "a row of `{}` with the same unique columns is soft-deleted; it was not changed: find \
             it with `with_deleted`, then `restore` or `force_delete` it",
            def.table
        ),
    )
}

#[cold]
pub(super) fn contended(def: &'static ModelDef) -> Error {
    Error::new(
        ErrorKind::Serialization,
        format!(
            "other clients are concurrently inserting, deleting or restoring the same row of \
             `{}`; try again",
            def.table
        ),
    )
}
