//! Compares source and target while writes go on.
//!
//! Range by range both servers sum up their rows, each by itself and both at a time. Where the sums differ, the rows are
//! read and compared; a file of SQLite is compared with the other one by the database. A row that differs is compared again after the next replay: it counts only if it differs while no
//! change of it waits in the log.

use std::collections::HashMap;

use futures_util::future::{join, try_join_all};
use sea_query::{Alias, IntoTableRef as _, Value};

use super::divider::Divider;
use super::replay::Side;
use super::rows::{MovedTable, each_once};
use crate::error::{Error, ErrorKind, Result};
use crate::replicate::{Cells, bytes_of, encode, key_of};

/// The number of rows that are compared at a time.
const RANGE: u64 = 5_000;

/// A range of the source's rows.
struct Range {
    after: Option<Vec<Value>>,
    end: Option<Vec<Value>>,
    sum: Option<Sum>,
}

/// The number of some rows, and the sum of their hashes.
type Sum = (i64, Option<String>);

/// The end that has one namespace, and the other one, which may have several.
pub(super) fn single_and_several<'a, 'p>(
    sources: &'a mut [Side<'p>],
    targets: &'a mut [Side<'p>],
) -> Result<(&'a mut Side<'p>, &'a mut [Side<'p>])> {
    match (sources, targets) {
        ([source], targets) => Ok((source, targets)),
        (sources, [target]) => Ok((target, sources)),
        _ => Err(Error::decode("a job with several sources and targets")),
    }
}

/// The keys of the rows that differ, as far as they were seen, between one namespace and others that have the same
/// rows together.
pub(super) async fn differences(
    source: &mut Side<'_>,
    targets: &mut [Side<'_>],
    divider: Option<&Divider>,
) -> Result<Vec<Vec<Value>>> {
    if let [target] = &mut *targets
        && source.place.dialect().capability().file_per_namespace
        && !source.table.is_canonical
    {
        target.place.attach(source.place).await?;
        let differing = target
            .place
            .differences_of_files(&source.table, &target.table);
        let differing = differing.await?;
        target.place.detach().await?;
        return Ok(differing);
    }
    let mut differing = Vec::new();
    let mut range = next_range(source, None).await?;
    loop {
        let (after, end) = (range.after.as_deref(), range.end.as_deref());
        // The next range of the source is summed up meanwhile.
        let next = async {
            match &range.end {
                Some(end) => next_range(source, Some(end.clone())).await.map(Some),
                None => Ok(None),
            }
        };
        let (own, next) = join(sum_of_all(targets, after, end), next).await;
        let own = own?;
        if own.is_none() || own != range.sum {
            let rows = source.place.range(&source.table, after, end);
            let own = targets
                .iter_mut()
                .map(|target| target.place.range(&target.table, after, end));
            let (rows, own) = join(rows, try_join_all(own)).await;
            let (rows, own) = (rows?, own?);
            let mut keys = source.table.keys(&rows);
            keys.extend(own.iter().flat_map(|own| source.table.keys(own)));
            differing.extend(differing_keys(
                &source.table,
                &each_once(keys)?,
                rows,
                &own,
                divider,
            )?);
        }
        match next? {
            Some(next) => range = next,
            None => return Ok(differing),
        }
    }
}

/// The number of rows in a range of all targets, and the sum of their hashes; `None` where the database has none.
async fn sum_of_all(
    targets: &mut [Side<'_>],
    after: Option<&[Value]>,
    end: Option<&[Value]>,
) -> Result<Option<Sum>> {
    if let [target] = targets {
        return target.place.sum(&target.table, after, end).await;
    }
    let sums = targets
        .iter_mut()
        .map(|target| target.place.sum(&target.table, after, end));
    let sums = try_join_all(sums).await?;
    Ok(sums.into_iter().try_fold((0, None), added))
}

/// Two sums as one. Without rows, there is no sum of hashes.
fn added(one: Sum, other: Option<Sum>) -> Option<Sum> {
    let (count, hashes) = other?;
    let hashes = match (one.1, hashes) {
        (one, None) => one,
        (None, other) => other,
        (Some(one), Some(other)) => {
            let sum = one.parse::<i128>().ok()?.checked_add(other.parse().ok()?)?;
            Some(sum.to_string())
        }
    };
    Some((one.0 + count, hashes))
}

async fn next_range(source: &mut Side<'_>, after: Option<Vec<Value>>) -> Result<Range> {
    let Side { place, table } = source;
    let name = Alias::new(&table.name).into_table_ref();
    let end = place.end_of_page(table, name, after.as_deref(), RANGE);
    let end = end.await?;
    let sum = place.sum(table, after.as_deref(), end.as_deref()).await?;
    Ok(Range { after, end, sum })
}

/// The keys among these whose rows still differ.
pub(super) async fn still_differing(
    source: &mut Side<'_>,
    targets: &mut [Side<'_>],
    divider: Option<&Divider>,
    keys: &[Vec<Value>],
) -> Result<Vec<Vec<Value>>> {
    let rows = source.place.rows_of(&source.table, keys).await?;
    let mut own = Vec::new();
    for target in &mut *targets {
        own.push(target.place.rows_of(&target.table, keys).await?);
    }
    differing_keys(&source.table, keys, rows, &own, divider)
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

/// The keys among these whose row is not at its target, and there alone, as it is at the source.
fn differing_keys(
    table: &MovedTable,
    keys: &[Vec<Value>],
    rows: Vec<Cells>,
    targets: &[Vec<Cells>],
    divider: Option<&Divider>,
) -> Result<Vec<Vec<Value>>> {
    let expected = match divider {
        Some(divider) => divider.divide(table, rows)?,
        None => vec![rows],
    };
    let expected = expected.iter().map(|rows| by_key(table, rows));
    let expected = expected.collect::<Result<Vec<_>>>()?;
    let found = targets.iter().map(|rows| by_key(table, rows));
    let found = found.collect::<Result<Vec<_>>>()?;
    let mut differing = Vec::new();
    for key in keys {
        let bytes = bytes_of(key)?;
        let mut both = expected.iter().zip(&found);
        if both.any(|(expected, found)| expected.get(&bytes) != found.get(&bytes)) {
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
