//! Changes that a row of the copy is in the way of, since what it became at its source comes later.
//!
//! A value of a unique index passes from one row to another: it arrives with the change of the one,
//! and becomes free with that of the other, which may be in a later page of a log, be settled later,
//! or be read later while all rows are copied. What the other one has become is then committed along.
//!
//! So is a row of the same table that a row points to, which comes later in the order of the primary
//! key or of the log: it is read from the source and committed first (see `pointing`).
//!
//! A run commits by this alone.

mod ancestors;

use std::collections::HashSet;

use self::ancestors::bring;
use super::apply::{Applied, Copy};
use super::compare::Change;
use super::keys::{KEYS_PER_STATEMENT, bytes_of, key_of, one_of_columns};
use super::pointing::in_order;
use super::position::Position;
use super::source::{Source, read_rows, select};
use crate::error::{ErrorKind, Result};
use crate::exec::Executor as _;

/// How often rows are read anew, when they have changed between two statements again.
const ROUNDS: usize = 3;

/// As [`Copy::commit`], with what became of the rows that are in the way, after the rows of the same
/// table that these point to. What was committed is added to `done`, also when it fails.
///
/// # Errors
/// As [`Copy::commit`].
pub(super) async fn commit(
    source: &Source,
    copy: &Copy,
    changes: &[Change],
    position: Option<&Position>,
    level: bool,
    done: &mut Applied,
) -> Result<()> {
    let mut all = changes.to_vec();
    if !copy.own_keys.is_empty() {
        all = in_order(&copy.status, &copy.own_keys, all).await?;
        for _ in 0..ROUNDS {
            match copy.commit_at_once(&all, position, level).await {
                Err(error) if error.kind() == ErrorKind::ForeignKey => {}
                Err(error) if error.kind() == ErrorKind::Unique => break,
                outcome => return outcome.map(|applied| done.add(applied)),
            }
            let brought = bring(source, copy, &all, done).await?;
            if brought.ahead == 0 && brought.along.is_empty() {
                break;
            }
            // All anew: a row may point elsewhere by now, or be gone.
            let mut keys = keys_of(source, &all);
            keys.extend(brought.along);
            all = source.changes(&keys).await?;
            all = in_order(&copy.status, &copy.own_keys, all).await?;
        }
    }
    match commit_those_in_the_way(source, copy, &all, position, level).await {
        // Rows of two tables may point to each other's in turns: those that can come come now.
        Err(error) if error.kind() == ErrorKind::ForeignKey && copy.is_in_circle => {
            done.add(copy.commit_in_part(&all).await?);
            Err(error)
        }
        outcome => outcome.map(|applied| done.add(applied)),
    }
}

/// As [`Copy::commit`], with what became of the rows that have a unique value of these.
pub(super) async fn commit_those_in_the_way(
    source: &Source,
    copy: &Copy,
    changes: &[Change],
    position: Option<&Position>,
    level: bool,
) -> Result<Applied> {
    let mut outcome = copy.commit(changes, position, level).await;
    let mut all = changes.to_vec();
    for _ in 0..ROUNDS {
        match &outcome {
            Err(error) if error.kind() == ErrorKind::Unique => {}
            _ => break,
        }
        all = with_those_in_the_way(source, copy, all).await?;
        outcome = copy.commit(&all, position, level).await;
    }
    outcome
}

/// The primary keys of the rows that have changed.
fn keys_of(source: &Source, changes: &[Change]) -> Vec<Vec<sea_query::Value>> {
    let changes = changes.iter();
    changes
        .map(|change| match change {
            Change::Put(cells) => key_of(source.def, cells),
            Change::Delete(key) => key.clone(),
        })
        .collect()
}

/// Changes, with those of the rows in the way, of the rows that are in the way of these, and so on.
async fn with_those_in_the_way(
    source: &Source,
    copy: &Copy,
    changes: Vec<Change>,
) -> Result<Vec<Change>> {
    let mut keys = keys_of(source, &changes);
    let mut known = keys
        .iter()
        .map(|key| bytes_of(key))
        .collect::<Result<HashSet<_>>>()?;
    let mut last = changes;
    loop {
        let mut found = Vec::new();
        for key in in_the_way(copy, &last).await? {
            if known.insert(bytes_of(&key)?) {
                found.push(key);
            }
        }
        if found.is_empty() {
            break;
        }
        last = source.changes(&found).await?;
        keys.append(&mut found);
    }
    // All anew: two that were read at different times may have the same value.
    source.changes(&keys).await
}

/// The primary keys of the copy's rows that have a unique value of these changes.
async fn in_the_way(copy: &Copy, changes: &[Change]) -> Result<Vec<Vec<sea_query::Value>>> {
    let (def, handle) = (copy.status.def, &copy.status.handle);
    let mut keys = Vec::new();
    for index in def.indexes.iter().filter(|index| index.unique) {
        let values: Vec<Vec<_>> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Put(cells) => Some(cells),
                Change::Delete(_) => None,
            })
            .map(|cells| index.columns.iter().map(|one| cells[*one].clone()))
            .map(Iterator::collect)
            .collect();
        for values in values.chunks(KEYS_PER_STATEMENT) {
            let mut select = select(def, handle);
            select.and_where_option(one_of_columns(def, index.columns, values));
            let on = copy.status.cluster.read_from(crate::Read::Primary);
            let rows = read_rows(on.target(), handle, def, &select).await?;
            keys.extend(rows.iter().map(|cells| key_of(def, cells)));
        }
    }
    Ok(keys)
}
