//! Changes that conflict with a row of the copy whose own change comes later.
//!
//! A unique value passes from one row to another: it arrives with the change of the one, and becomes
//! free with that of the other, which may be in a later page of a feed, or later in the order of an
//! initial copy. The current state of the other row is then committed along.
//!
//! A row may also refer to a row of the same table that comes later: that one is read from the source
//! and committed first (see `self_references`).
//!
//! A run commits only through this module.

mod ancestors;

use std::collections::HashSet;

use self::ancestors::bring;
use super::apply::{Applied, CopyWriter, sorted};
use super::compare::Change;
use super::keys::{KEYS_PER_STATEMENT, bytes_of, key_of, one_of_columns, picked, unique_indexes};
use super::position::Position;
use super::self_references::in_order;
use super::source::Source;
use crate::error::{ErrorKind, Result};

/// The number of times that rows are read again, when they have changed between two statements.
const ROUNDS: usize = 3;

/// As [`CopyWriter::commit`], together with the current state of conflicting rows, after the rows of the
/// same table that these refer to. Committed rows are added to `done`, also when it fails.
///
/// # Errors
/// As [`CopyWriter::commit`].
pub(crate) async fn commit(
    source: &Source,
    copy: &CopyWriter,
    changes: &[Change],
    position: Option<&Position>,
    caught_up: bool,
    done: &mut Applied,
) -> Result<()> {
    let mut all = changes.to_vec();
    if !copy.self_references.is_empty() {
        all = in_order(copy.at(), &copy.self_references, all).await?;
        for _ in 0..ROUNDS {
            match copy.commit_at_once(&all, position, caught_up).await {
                Err(error) if error.kind() == ErrorKind::ForeignKey => {}
                Err(error) if error.kind() == ErrorKind::Unique => break,
                outcome => return outcome.map(|applied| done.add(applied)),
            }
            let brought = bring(source, copy, &all, done).await?;
            if brought.ahead == 0 && brought.along.is_empty() {
                break;
            }
            // All again: a row may refer to another one by now, or be deleted.
            let mut keys = keys_of(source, &all);
            keys.extend(brought.along);
            all = source.changes(&keys).await?;
            all = in_order(copy.at(), &copy.self_references, all).await?;
        }
    }
    match commit_with_conflicting(source, copy, &all, position, caught_up).await {
        // Rows of two tables may refer to each other in turns: those without a conflict are written now.
        Err(error) if error.kind() == ErrorKind::ForeignKey && copy.is_cyclic => {
            done.add(copy.commit_in_part(&all).await?);
            Err(error)
        }
        outcome => outcome.map(|applied| done.add(applied)),
    }
}

/// As [`CopyWriter::commit`], together with the current state of the rows that hold a unique value of these.
pub(crate) async fn commit_with_conflicting(
    source: &Source,
    copy: &CopyWriter,
    changes: &[Change],
    position: Option<&Position>,
    caught_up: bool,
) -> Result<Applied> {
    let mut outcome = copy.commit(changes, position, caught_up).await;
    let mut all = changes.to_vec();
    for _ in 0..ROUNDS {
        match &outcome {
            Err(error) if error.kind() == ErrorKind::Unique => {}
            _ => break,
        }
        all = with_conflicting(source, copy, all).await?;
        outcome = copy.commit(&all, position, caught_up).await;
    }
    outcome
}

/// The primary keys of changed rows.
fn keys_of(source: &Source, changes: &[Change]) -> Vec<Vec<sea_query::Value>> {
    let changes = changes.iter();
    changes
        .map(|change| match change {
            Change::Put(cells) => key_of(source.def(), cells),
            Change::Delete(key) => key.clone(),
        })
        .collect()
}

/// Changes, with those of conflicting rows, of the rows that conflict with these, and so on.
async fn with_conflicting(
    source: &Source,
    copy: &CopyWriter,
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
        for key in conflicting(copy, &last).await? {
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
    // All again: two rows that were read at different times may have the same value.
    source.changes(&keys).await
}

/// The primary keys of the copy's rows that hold a unique value of these changes.
async fn conflicting(copy: &CopyWriter, changes: &[Change]) -> Result<Vec<Vec<sea_query::Value>>> {
    let (copy, def) = (copy.at(), copy.at().def());
    let (put, _) = sorted(changes);
    let mut keys = Vec::new();
    for index in unique_indexes(def) {
        let values: Vec<_> = put.iter().map(|cells| picked(&index, cells)).collect();
        for values in values.chunks(KEYS_PER_STATEMENT) {
            let mut select = copy.select_all();
            select.and_where_option(one_of_columns(def, &index, values));
            let rows = copy.read_rows(None, &select).await?;
            keys.extend(rows.iter().map(|cells| key_of(def, cells)));
        }
    }
    Ok(keys)
}
