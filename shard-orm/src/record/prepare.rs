//! Preparation of a row before it is sent, in a fixed order: hook, id, times, validation.

use std::sync::Arc;
use std::time::SystemTime;

use crate::connect::NamespaceHandle;
use crate::error::Result;
use crate::exec::Target;
use crate::id;
use crate::model::{Around, Model, Problems, around};

/// Prepares a row for an insert and returns its namespace.
pub(super) async fn insert<M: Model>(
    target: Target<'_>,
    row: &mut M,
    now: SystemTime,
    handle_of: impl Fn(&M) -> Result<Arc<NamespaceHandle>>,
) -> Result<Arc<NamespaceHandle>> {
    let handle = fill(target, row, now, handle_of).await?;
    validate(row)?;
    Ok(handle)
}

/// As [`insert`], without waiting: for a model without hooks whose id is set or can be generated
/// immediately. Returns `None` if [`insert`] is needed.
pub(super) fn insert_at_once<M: Model>(
    target: Target<'_>,
    row: &mut M,
    handle_of: impl Fn(&M) -> Result<Arc<NamespaceHandle>>,
) -> Result<Option<Arc<NamespaceHandle>>> {
    if M::HOOKS.is_some() {
        return Ok(None);
    }
    let mut handle = handle_of(row)?;
    if row.needs_id() {
        if !id::fill_at_once(target, row)? {
            return Ok(None);
        }
        // The id may be the shard key.
        handle = handle_of(row)?;
    }
    row.stamp(SystemTime::now());
    validate(row)?;
    Ok(Some(handle))
}

/// As [`insert`], without validation: many rows are validated together.
pub(super) async fn fill<M: Model>(
    target: Target<'_>,
    row: &mut M,
    now: SystemTime,
    handle_of: impl Fn(&M) -> Result<Arc<NamespaceHandle>>,
) -> Result<Arc<NamespaceHandle>> {
    let mut handle = handle_of(row)?;
    if let Some(around) = around::<M>(target, &handle) {
        around.hooks.before_insert(row, around.on()).await?;
        // The hook may have changed the shard key.
        handle = handle_of(row)?;
    }
    if row.needs_id() {
        id::fill(target, row).await?;
        // The id may be the shard key.
        handle = handle_of(row)?;
    }
    row.stamp(now);
    Ok(handle)
}

/// Prepares a row for an insert or update, and returns the model's hooks.
pub(super) async fn save<'e, M: Model>(
    target: Target<'e>,
    handle: &Arc<NamespaceHandle>,
    row: &M,
) -> Result<Option<Around<'e, M>>> {
    let around = around::<M>(target, handle);
    if let Some(around) = &around {
        around.hooks.before_save(row, around.on()).await?;
    }
    validate(row)?;
    Ok(around)
}

/// As [`save`], for a row that the method returns.
pub(super) async fn save_owned<'e, M: Model>(
    target: Target<'e>,
    handle: &Arc<NamespaceHandle>,
    row: &mut M,
    now: SystemTime,
) -> Result<Option<Around<'e, M>>> {
    let around = around::<M>(target, handle);
    if let Some(around) = &around {
        around.hooks.before_save(row, around.on()).await?;
    }
    if row.needs_id() {
        id::fill(target, row).await?;
    }
    row.stamp(now);
    validate(row)?;
    Ok(around)
}

/// Validates a row.
pub(super) fn validate<M: Model>(row: &M) -> Result<()> {
    let Some(validate) = M::VALIDATE else {
        return Ok(());
    };
    let mut problems = Problems::new();
    validate(row, &mut problems);
    problems.finish()
}

/// As [`validate`], for a write of some columns.
pub(super) fn validate_only<M: Model>(row: &M, ordinals: &[usize]) -> Result<()> {
    let Some(validate) = M::VALIDATE else {
        return Ok(());
    };
    let mut problems = Problems::new();
    validate(row, &mut problems);
    problems.keep(ordinals);
    problems.finish()
}

/// As [`validate`], for many rows.
pub(super) fn validate_all<M: Model>(rows: &[M]) -> Result<()> {
    let Some(validate) = M::VALIDATE else {
        return Ok(());
    };
    let mut problems = Problems::new();
    for (position, row) in rows.iter().enumerate() {
        if !problems.of_row(position) {
            break;
        }
        validate(row, &mut problems);
    }
    problems.finish()
}
