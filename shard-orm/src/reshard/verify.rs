//! Compares source and target while writes go on.
//!
//! Range by range both servers sum up their rows, each by itself and both at a time. Where the sums differ, the rows are
//! read and compared; a file of SQLite is compared with the other one by the database. A row that differs is compared again after the next replay: it counts only if it differs while no
//! change of it waits in the log.

use std::collections::HashMap;

use futures_util::future::join;
use sea_query::{Alias, IntoTableRef as _, Value};

use super::place::Place;
use super::rows::{MovedTable, each_once};
use crate::error::{Error, ErrorKind, Result};
use crate::replicate::{Cells, bytes_of, encode, key_of};

/// The number of rows that are compared at a time.
const RANGE: u64 = 5_000;

/// A range of the source's rows.
struct Range {
    after: Option<Vec<Value>>,
    end: Option<Vec<Value>>,
    sum: Option<(i64, Option<String>)>,
}

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
    let mut range = next_range(source, there, None).await?;
    loop {
        let (after, end) = (range.after.as_deref(), range.end.as_deref());
        // The next range of the source is summed up meanwhile.
        let next = async {
            match &range.end {
                Some(end) => next_range(source, there, Some(end.clone())).await.map(Some),
                None => Ok(None),
            }
        };
        let (own, next) = join(target.sum(here, after, end), next).await;
        let own = own?;
        if own.is_none() || own != range.sum {
            let rows = source.range(there, after, end);
            let (rows, own) = join(rows, target.range(here, after, end)).await;
            let (rows, own) = (rows?, own?);
            let mut keys = there.keys(&rows);
            keys.extend(here.keys(&own));
            differing.extend(differing_keys(there, &each_once(keys)?, &rows, &own)?);
        }
        match next? {
            Some(next) => range = next,
            None => return Ok(differing),
        }
    }
}

async fn next_range(
    source: &mut Place,
    there: &MovedTable,
    after: Option<Vec<Value>>,
) -> Result<Range> {
    let name = Alias::new(&there.name).into_table_ref();
    let end = source.end_of_page(there, name, after.as_deref(), RANGE);
    let end = end.await?;
    let sum = source.sum(there, after.as_deref(), end.as_deref()).await?;
    Ok(Range { after, end, sum })
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
