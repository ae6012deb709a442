//! Compares source and target while writes go on.
//!
//! Both tables are read page by page: the next rows of the source, and what the target has up to the last of
//! them. A row that differs is compared again after the next replay: it counts only if it differs while no
//! change of it waits in the log.

use std::collections::HashMap;

use futures_util::future::join;
use sea_query::Value;

use super::place::Place;
use super::rows::{MovedTable, each_once};
use crate::error::{Error, ErrorKind, Result};
use crate::replicate::{Cells, bytes_of, encode, key_of};

/// The number of rows that are compared at a time.
const PAGE: u64 = 2_000;

/// The keys of the rows that differ, as far as they were seen.
pub(super) async fn differences(
    source: &mut Place,
    target: &mut Place,
    there: &MovedTable,
    here: &MovedTable,
) -> Result<Vec<Vec<Value>>> {
    if source.dialect().capability().file_per_namespace {
        target.attach(source).await?;
        let differing = target.differences_of_files(there, here).await?;
        target.detach().await?;
        return Ok(differing);
    }
    let mut differing = Vec::new();
    let mut after: Option<Vec<Value>> = None;
    let mut rows = source.page(there, None, PAGE).await?;
    loop {
        let is_last = (rows.len() as u64) < PAGE;
        let end = rows.last().filter(|_| !is_last);
        let end = end.map(|row| key_of(&there.def, row));
        // The next page is read meanwhile.
        let next = async {
            match &end {
                Some(end) => source.page(there, Some(end), PAGE).await,
                None => Ok(Vec::new()),
            }
        };
        let own = target.range(here, after.as_deref(), end.as_deref());
        let (own, next) = join(own, next).await;
        let own = own?;
        if encoded(&rows)? != encoded(&own)? {
            let mut keys = there.keys(&rows);
            keys.extend(here.keys(&own));
            differing.extend(differing_keys(there, &each_once(keys)?, &rows, &own)?);
        }
        if end.is_none() {
            return Ok(differing);
        }
        (after, rows) = (end, next?);
    }
}

/// Rows as bytes.
fn encoded(rows: &[Cells]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for row in rows {
        encode(row, &mut bytes)?;
    }
    Ok(bytes)
}

/// The keys among these whose rows still differ.
pub(super) async fn still_differing(
    source: &mut Place,
    target: &mut Place,
    there: &MovedTable,
    here: &MovedTable,
    keys: &[Vec<Value>],
) -> Result<Vec<Vec<Value>>> {
    let rows = source.rows_of(there, keys).await?;
    let own = target.rows_of(here, keys).await?;
    differing_keys(there, keys, &rows, &own)
}

/// The error for rows that differ while no change of them waits.
pub(super) fn mismatch(table: &MovedTable, keys: &[Vec<Value>]) -> Error {
    Error::new(
        ErrorKind::Database,
        format!(
            "{} rows of table `{}` differ between source and target although all changes were applied; \
             something else writes to the target, or a trigger changes rows there: abort the job, look \
             for it, and begin anew",
            keys.len(),
            table.def.name
        ),
    )
}

fn differing_keys(
    table: &MovedTable,
    keys: &[Vec<Value>],
    one: &[Cells],
    two: &[Cells],
) -> Result<Vec<Vec<Value>>> {
    let (one, two) = (by_key(table, one)?, by_key(table, two)?);
    let mut differing = Vec::new();
    for key in keys {
        let bytes = bytes_of(key)?;
        if one.get(&bytes) != two.get(&bytes) {
            differing.push(key.clone());
        }
    }
    Ok(differing)
}

/// The encoded rows by their keys.
fn by_key(table: &MovedTable, rows: &[Cells]) -> Result<HashMap<Vec<u8>, Vec<u8>>> {
    let rows = rows.iter().map(|cells| {
        let mut encoded = Vec::new();
        encode(cells, &mut encoded)?;
        Ok((bytes_of(&key_of(&table.def, cells))?, encoded))
    });
    rows.collect()
}
