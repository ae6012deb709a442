//! Inserts that update or return an existing row.
//!
//! PostgreSQL and SQLite have a conflict target. MySQL and MariaDB do not: `ON DUPLICATE KEY`
//! reacts to a conflict on any unique index. There, the row is updated first, inserted if there was
//! none, and updated again if another client inserted it in the meantime.

use std::sync::Arc;
use std::time::SystemTime;

use super::conflict::{InsertOnConflict, bind_insert};
use super::conflicting_row::{check_hidden, contended, exists, find_by, rejection};
use super::ops::{UpdateOnly, settable};
use super::prepare;
use crate::backend::Args;
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{CrudStatement, Intent, NoRows, Operation, Statement, Target, run};
use crate::id;
use crate::model::{Model, ModelDef, around};

/// The maximum number of attempts in a race with other clients. An attempt fails only if another
/// client deletes and inserts the same row in between.
const ROUNDS: usize = 16;

/// Inserts the row, or updates the existing row with its primary key.
pub(super) async fn save<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    row: &M,
) -> Result<()> {
    let def = M::def();
    id::refuse_unset(
        row,
        "save",
        "use `insert`, which returns the row with its id",
    )?;
    let around = prepare::save(target, &handle, row).await?;
    if !handle.dialect().capability().conflict_target {
        let set = def.settable().collect();
        let now = SystemTime::now();
        update_or_insert(target, handle, row, def.primary_key.to_vec(), set, now).await?;
    } else {
        let now = SystemTime::now();
        let statement = CrudStatement {
            def,
            operation: Operation::Save,
            bind: &|args| bind_insert(row, now, args),
        };
        if run_insert(target, &handle, &statement).await? == 0 {
            return Err(rejection(target, &handle, row, def.primary_key).await);
        }
    }
    if let Some(around) = &around {
        around.hooks.after_save(row, around.on()).await?;
    }
    Ok(())
}

/// Inserts the row, or sets these columns of the existing row with equal values in the target's
/// columns.
pub(super) async fn upsert<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    row: &M,
    conflict: Vec<usize>,
    set: Option<Vec<usize>>,
) -> Result<()> {
    let def = M::def();
    check_target(def, &conflict)?;
    id::refuse_unset(
        row,
        "upsert",
        "use `update_or_create`, which returns the row",
    )?;
    let set = match set {
        Some(set) => settable(def, set)?,
        None => def
            .settable()
            .filter(|ordinal| !conflict.contains(ordinal))
            .collect(),
    };
    check_not_null(row, &conflict)?;
    let around = prepare::save(target, &handle, row).await?;
    if !handle.dialect().capability().conflict_target {
        let now = SystemTime::now();
        update_or_insert(target, handle, row, conflict, set, now).await?;
    } else {
        let statement = InsertOnConflict {
            row,
            conflict,
            set: Some(set),
            now: SystemTime::now(),
        };
        if run_insert(target, &handle, &statement).await? == 0 {
            return Err(rejection(target, &handle, row, &statement.conflict).await);
        }
    }
    if let Some(around) = &around {
        around.hooks.after_save(row, around.on()).await?;
    }
    Ok(())
}

/// Returns the existing row with equal values in the target's columns, or inserts this row; also
/// returns whether it was inserted.
pub(super) async fn get_or_create<M: Model>(
    target: Target<'_>,
    mut row: M,
    conflict: Vec<usize>,
    handle_of: impl Fn(&M) -> Result<Arc<NamespaceHandle>>,
) -> Result<(M, bool)> {
    let def = M::def();
    check_target(def, &conflict)?;
    check_not_null(&row, &conflict)?;
    id::refuse_lookup(&row, &conflict)?;
    let handle = handle_of(&row)?;
    if let Some(found) = find_by(target, &handle, &row, &conflict).await? {
        return Ok((found, false));
    }
    // An existing row is returned unchanged, so this row is prepared only now.
    let now = SystemTime::now();
    let handle = prepare::insert(target, &mut row, now, handle_of).await?;
    // A hook may have changed the target's columns.
    check_not_null(&row, &conflict)?;
    for _ in 0..ROUNDS {
        if insert_unless(target, &handle, &row, &conflict, now).await? {
            if let Some(around) = around::<M>(target, &handle) {
                around.hooks.after_insert(&row, around.on()).await?;
            }
            return Ok((row, true));
        }
        if let Some(found) = find_by(target, &handle, &row, &conflict).await? {
            return Ok((found, false));
        }
        check_hidden(target, &handle, &row, &conflict).await?;
    }
    Err(contended(def))
}

/// Updates the existing row with equal values in the target's columns, or inserts this row; returns
/// the stored row, and whether it was inserted.
pub(super) async fn update_or_create<M: Model>(
    target: Target<'_>,
    mut row: M,
    conflict: Vec<usize>,
    handle_of: impl Fn(&M) -> Result<Arc<NamespaceHandle>>,
) -> Result<(M, bool)> {
    let def = M::def();
    check_target(def, &conflict)?;
    check_not_null(&row, &conflict)?;
    id::refuse_lookup(&row, &conflict)?;
    let handle = handle_of(&row)?;
    let now = SystemTime::now();
    let around = prepare::save_owned(target, &handle, &mut row, now).await?;
    let set = def
        .settable()
        .filter(|ordinal| !conflict.contains(ordinal))
        .collect();
    let created = update_or_insert(
        target,
        Arc::clone(&handle),
        &row,
        conflict.clone(),
        set,
        now,
    )
    .await?;
    let row = if created {
        row
    } else {
        find_by(target, &handle, &row, &conflict)
            .await?
            .ok_or_else(|| super::ops::not_found(def))?
    };
    if let Some(around) = &around {
        around.hooks.after_save(&row, around.on()).await?;
    }
    Ok((row, created))
}

/// Updates the row, inserts it if there was none, and starts again after a conflict. Returns
/// whether it inserted.
async fn update_or_insert<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    row: &M,
    conflict: Vec<usize>,
    set: Vec<usize>,
    now: SystemTime,
) -> Result<bool> {
    let def = M::def();
    let mut filter = conflict.clone();
    filter.extend(def.routing().filter(|ordinal| !conflict.contains(ordinal)));
    let update = UpdateOnly {
        row,
        // With nothing to set, the update still tells whether the row exists.
        set: if set.is_empty() {
            conflict.iter().take(1).copied().collect()
        } else {
            set
        },
        filter,
        now,
    };
    for _ in 0..ROUNDS {
        let rows = run(
            target,
            Arc::clone(&handle),
            Intent::Write,
            &update,
            &mut NoRows,
        )
        .await?;
        if rows > 0 {
            return Ok(false);
        }
        if insert_unless(target, &handle, row, &conflict, now).await? {
            return Ok(true);
        }
        if find_by(target, &handle, row, &conflict).await?.is_none() {
            // The conflicting row is gone, or hidden.
            check_hidden(target, &handle, row, &conflict).await?;
        }
    }
    Err(contended(def))
}

/// Inserts the row unless one with equal values in the target's columns exists; returns whether it
/// inserted.
async fn insert_unless<M: Model>(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    row: &M,
    conflict: &[usize],
    now: SystemTime,
) -> Result<bool> {
    let def = M::def();
    if handle.dialect().capability().conflict_target {
        let statement = InsertOnConflict {
            row,
            conflict: conflict.to_vec(),
            set: None,
            now,
        };
        let rows = run_insert(target, handle, &statement).await?;
        return Ok(rows > 0);
    }
    let statement = CrudStatement {
        def,
        operation: Operation::Insert,
        bind: &|args| bind_insert(row, now, args),
    };
    match run(
        target,
        Arc::clone(handle),
        Intent::Write,
        &statement,
        &mut NoRows,
    )
    .await
    {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Unique => {
            if exists(target, handle, row, conflict).await? {
                Ok(false)
            } else {
                // The conflict is on another unique index, which updating the target cannot
                // resolve.
                Err(error)
            }
        }
        Err(error) => Err(error),
    }
}

/// Sends an `INSERT .. ON CONFLICT`.
///
/// PostgreSQL checks the conflict target before it inserts. If another client inserts the same row
/// in between, another unique index can report the conflict first. A second attempt then finds the
/// conflict on the target. In a transaction there is no second attempt, since the error has ended
/// it.
async fn run_insert(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    statement: &dyn Statement,
) -> Result<u64> {
    let send = async || {
        let handle = Arc::clone(handle);
        run(target, handle, Intent::Write, statement, &mut NoRows).await
    };
    let again =
        handle.dialect().capability().upsert_retry && matches!(target, Target::Cluster { .. });
    match send().await {
        Err(error) if again && error.kind() == ErrorKind::Unique => send().await,
        outcome => outcome,
    }
}

/// Checks that there is a unique index over exactly the target's columns.
fn check_target(def: &'static ModelDef, conflict: &[usize]) -> Result<()> {
    let same = |index: &[usize]| {
        index.len() == conflict.len() && index.iter().all(|ordinal| conflict.contains(ordinal))
    };
    let unique = same(def.primary_key)
        || def
            .indexes
            .iter()
            .any(|index| index.unique && same(index.columns));
    if unique {
        return Ok(());
    }
    let names: Vec<&str> = conflict
        .iter()
        .map(|ordinal| def.columns[*ordinal].name)
        .collect();
    Err(Error::unsupported(format!(
        "`{}` has no unique index over ({}), so it cannot be a conflict target; add \
         `#[shard(unique({}))]` and the index, or use the primary key",
        def.name,
        names.join(", "),
        names.join(", "),
    )))
}

/// Rejects a row with NULL in the target: a unique index allows any number of NULLs, so each call
/// would insert another row.
fn check_not_null<M: Model>(row: &M, conflict: &[usize]) -> Result<()> {
    let def = M::def();
    for &ordinal in conflict {
        let column = &def.columns[ordinal];
        if !column.nullable {
            continue;
        }
        let value = Args::value(|args| row.bind(ordinal, args))?;
        if value == value.as_null() {
            return Err(null_in_target(def, column.name));
        }
    }
    Ok(())
}

#[cold]
fn null_in_target(def: &'static ModelDef, column: &str) -> Error {
    Error::unsupported(format!(
        "`{column}` is NULL in this `{}`, and a unique index allows several rows with NULL, so no \
         row can be matched; use `insert`, or a target whose columns are not NULL",
        def.name
    ))
}
