//! Inserts that meet a row which is there already.
//!
//! PostgreSQL and SQLite name the conflict that an insert is to survive. MySQL and MariaDB do
//! not: there, `ON DUPLICATE KEY` takes a conflict on any index for the one that was meant. So
//! with them a row is updated first, inserted when there was none, and updated again when another
//! client inserted it meanwhile.

use std::sync::Arc;
use std::time::SystemTime;

use super::conflict::{InsertOr, bind_insert};
use super::hooks::around;
use super::met::{contended, exists_elsewhere, find_by, refuse_hidden, why_refused};
use super::ops::{UpdateOnly, settable};
use super::prepare;
use crate::backend::Args;
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Fixed, Intent, NoRows, Operation, Statement, Target, run};
use crate::id;
use crate::model::{Model, ModelDef};

/// How often a race with other clients is run again. Each round is lost only to a client that
/// deletes and inserts the same row in between.
const ROUNDS: usize = 16;

/// Inserts the row, or updates the one with its primary key.
pub(super) async fn save<M: Model>(
    target: Target<'_>,
    handle: Arc<NamespaceHandle>,
    row: &M,
) -> Result<()> {
    let def = M::def();
    id::refuse_unset(
        row,
        "save",
        "use `insert`, which gives the row back with its id",
    )?;
    let around = prepare::save(target, &handle, row).await?;
    if handle.dialect() == Dialect::MySql {
        let set = def.settable().collect();
        let now = SystemTime::now();
        update_or_insert(target, handle, row, def.primary_key.to_vec(), set, now).await?;
    } else {
        let now = SystemTime::now();
        let statement = Fixed {
            def,
            operation: Operation::Save,
            bind: &|args| bind_insert(row, now, args),
        };
        if run_insert(target, &handle, &statement).await? == 0 {
            return Err(why_refused(target, &handle, row, def.primary_key).await);
        }
    }
    if let Some(around) = &around {
        around.hooks.after_save(row, around.on()).await?;
    }
    Ok(())
}

/// Inserts the row, or sets these columns of the one with equal values in the target's columns.
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
        "use `update_or_create`, which gives the row back",
    )?;
    let set = match set {
        Some(set) => settable(def, set)?,
        None => def
            .settable()
            .filter(|ordinal| !conflict.contains(ordinal))
            .collect(),
    };
    refuse_null(row, &conflict)?;
    let around = prepare::save(target, &handle, row).await?;
    if handle.dialect() == Dialect::MySql {
        let now = SystemTime::now();
        update_or_insert(target, handle, row, conflict, set, now).await?;
    } else {
        let statement = InsertOr {
            row,
            conflict,
            set: Some(set),
            now: SystemTime::now(),
        };
        if run_insert(target, &handle, &statement).await? == 0 {
            return Err(why_refused(target, &handle, row, &statement.conflict).await);
        }
    }
    if let Some(around) = &around {
        around.hooks.after_save(row, around.on()).await?;
    }
    Ok(())
}

/// Gives the row with equal values in the target's columns, and inserts this one when there is
/// none; also whether it did.
pub(super) async fn get_or_create<M: Model>(
    target: Target<'_>,
    mut row: M,
    conflict: Vec<usize>,
    handle_of: impl Fn(&M) -> Result<Arc<NamespaceHandle>>,
) -> Result<(M, bool)> {
    let def = M::def();
    check_target(def, &conflict)?;
    refuse_null(&row, &conflict)?;
    id::refuse_lookup(&row, &conflict)?;
    let handle = handle_of(&row)?;
    if let Some(found) = find_by(target, &handle, &row, &conflict).await? {
        return Ok((found, false));
    }
    // A row that is there already is given as it is, so this one is made ready only now.
    let now = SystemTime::now();
    let handle = prepare::insert(target, &mut row, now, handle_of).await?;
    // A hook may have changed what the target holds.
    refuse_null(&row, &conflict)?;
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
        refuse_hidden(target, &handle, &row, &conflict).await?;
    }
    Err(contended(def))
}

/// Updates the row with equal values in the target's columns, or inserts this one; gives the row
/// as it is then, and whether it was inserted.
pub(super) async fn update_or_create<M: Model>(
    target: Target<'_>,
    mut row: M,
    conflict: Vec<usize>,
    handle_of: impl Fn(&M) -> Result<Arc<NamespaceHandle>>,
) -> Result<(M, bool)> {
    let def = M::def();
    check_target(def, &conflict)?;
    refuse_null(&row, &conflict)?;
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

/// Updates, inserts when there was no row, and begins again when there was one after all. Says
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
        // Nothing to set, and still an answer to whether the row is there.
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
            // The row that was in the way is gone, or out of reach.
            refuse_hidden(target, &handle, row, &conflict).await?;
        }
    }
    Err(contended(def))
}

/// Inserts the row unless one has equal values in the target's columns; says whether it did.
async fn insert_unless<M: Model>(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    row: &M,
    conflict: &[usize],
    now: SystemTime,
) -> Result<bool> {
    let def = M::def();
    if handle.dialect() != Dialect::MySql {
        let statement = InsertOr {
            row,
            conflict: conflict.to_vec(),
            set: None,
            now,
        };
        let rows = run_insert(target, handle, &statement).await?;
        return Ok(rows > 0);
    }
    let statement = Fixed {
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
            if exists_elsewhere(target, handle, row, conflict).await? {
                Ok(false)
            } else {
                // Another unique index refused it, which no update of the target mends.
                Err(error)
            }
        }
        Err(error) => Err(error),
    }
}

/// Sends an `INSERT .. ON CONFLICT`.
///
/// PostgreSQL looks for the conflict that is named before it inserts. When another client inserts
/// the same row in between, the next unique index can be the one that refuses it: asked again, it
/// finds the conflict. Within a transaction that error has ended the transaction.
async fn run_insert(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    statement: &dyn Statement,
) -> Result<u64> {
    let send = async || {
        let handle = Arc::clone(handle);
        run(target, handle, Intent::Write, statement, &mut NoRows).await
    };
    let again = handle.dialect() == Dialect::Postgres && matches!(target, Target::Cluster { .. });
    match send().await {
        Err(error) if again && error.kind() == ErrorKind::Unique => send().await,
        outcome => outcome,
    }
}

/// A conflict needs a unique index over exactly the target's columns.
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
        "`{}` has no unique index over ({}), so nothing keeps two such rows apart; add \
         `#[shard(unique({}))]` and the index, or name the primary key",
        def.name,
        names.join(", "),
        names.join(", "),
    )))
}

/// Refuses a row with NULL in the target: a unique index takes any number of those, so that each
/// call would insert one more.
fn refuse_null<M: Model>(row: &M, conflict: &[usize]) -> Result<()> {
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
        "`{column}` is NULL in this `{}`, and a unique index keeps no two rows with NULL apart, so \
         there is none to find or to update; use `insert`, or name a target whose columns have \
         values",
        def.name
    ))
}
