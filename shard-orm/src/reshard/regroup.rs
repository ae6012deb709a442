//! The copy of rows that change their logical shard: from one to several, or from several to one.

use futures_util::future::try_join_all;

use super::copy::{OnPage, PAGE, Progress, progress, read_page, record};
use super::divider::Divider;
use super::failure::is_misfit;
use super::pass::{PassedTable, pass_page};
use super::place::Place;
use super::replay::twice;
use super::rows::{MovedTable, each_once};
use super::throttle::Throttle;
use crate::connect::State;
use crate::error::{Error, ErrorKind, Result};

/// The most rows in one transaction at the targets, where they pass as bytes. They are held in memory if an earlier run
/// stopped between the commits of the targets.
const PAGE_OF_PARTS: u64 = 50_000;

/// As [`copy_table`](super::copy::copy_table), each row to the target that owns it.
pub(super) async fn divide_table(
    (source, targets, divider): (&mut Place, &mut [&mut Place], &Divider),
    table: &MovedTable,
    (throttle, on_page): (&Throttle, &mut OnPage<'_>),
) -> Result<bool> {
    let mut all = Vec::new();
    for target in &mut *targets {
        all.push(progress(target, table, 0).await?);
    }
    let mut ends = (source, targets, divider);
    catch_up(&mut ends, table, &mut all).await?;
    let mut progress = all.pop().unwrap_or_default();
    if progress.last.is_none() {
        throttle.begin_table();
    }
    let mut passed = match divider.divides_packed(table)? {
        true => PassedTable::read(ends.0, table, false).await?,
        false => None,
    };
    while !progress.done {
        if !throttle.turn().await {
            break;
        }
        let (source, targets, _) = &mut ends;
        let rows = match &passed {
            Some(of) => {
                let (most, own) = (throttle.page(PAGE_OF_PARTS), (0, &mut progress));
                let page = pass_page((source, targets, Some(divider)), of, most, own);
                match throttle.paced(page).await {
                    // By their values, it can be told which rows belong to no target.
                    Err(error) if is_misfit(&error) => {
                        roll_back(source, targets).await;
                        passed = None;
                        continue;
                    }
                    rows => rows?,
                }
            }
            None => {
                let page = divide_page(&mut ends, table, throttle.page(PAGE), &mut progress);
                throttle.paced(page).await?
            }
        };
        if !on_page(rows) {
            break;
        }
    }
    Ok(progress.done)
}

/// Ends the transactions of a page that was not passed.
async fn roll_back(source: &mut Place, targets: &mut [&mut Place]) {
    source.rollback().await;
    for target in targets {
        target.rollback().await;
    }
}

/// Gives the last page to the targets that did not get it, if an earlier run stopped between them.
async fn catch_up(
    (source, targets, divider): &mut (&mut Place, &mut [&mut Place], &Divider),
    table: &MovedTable,
    all: &mut [Progress],
) -> Result<()> {
    let Some(latest) = all
        .iter()
        .max_by_key(|progress| (progress.rows, progress.done))
    else {
        return Ok(());
    };
    let latest = latest.clone();
    let Some(behind) = all.iter().find(|progress| **progress != latest) else {
        return Ok(());
    };
    // The last page of a table ends with its last row, whose key is not recorded.
    let end = if latest.done {
        None
    } else {
        latest.key(table)?
    };
    let after = behind.key(table)?;
    let rows = source
        .range(table, after.as_deref(), end.as_deref())
        .await?;
    let keys = table.keys(&rows);
    source.make_durable().await?;
    let divided = divider.divide(table, rows)?;
    for ((target, rows), own) in targets.iter_mut().zip(divided).zip(all) {
        if *own == latest {
            continue;
        }
        target.begin_as(State::Incoming).await?;
        target.write_rows(table, &keys, &rows).await?;
        record(target, table, 0, &latest).await?;
        target.commit().await?;
        own.clone_from(&latest);
    }
    Ok(())
}

/// Copies a page as values, each row to its target. The progress counts the rows of the source.
async fn divide_page(
    (source, targets, divider): &mut (&mut Place, &mut [&mut Place], &Divider),
    table: &MovedTable,
    most: u64,
    progress: &mut Progress,
) -> Result<u64> {
    let rows = read_page(source, table, most, progress).await?;
    let count = rows.len() as u64;
    let divided = divider.divide(table, rows)?;
    let progress = &*progress;
    let written = targets.iter_mut().zip(divided);
    let written = written.map(async |(target, rows)| {
        target.begin_as(State::Incoming).await?;
        target.put_moved(table, State::Incoming, &rows).await?;
        record(target, table, 0, progress).await?;
        target.commit().await
    });
    try_join_all(written).await?;
    Ok(count)
}

/// As [`copy_table`](super::copy::copy_table), from several sources, one after the other.
///
/// # Errors
/// `Unique` if a row has a unique value of another one that was copied: of another source, or of a row that has another
/// one by now.
pub(super) async fn gather_table(
    sources: &mut [&mut Place],
    target: &mut Place,
    table: &MovedTable,
    (throttle, on_page): (&Throttle, &mut OnPage<'_>),
) -> Result<bool> {
    for number in 0..sources.len() {
        let mut progress = progress(target, table, number).await?;
        if progress.last.is_none() && number == 0 {
            throttle.begin_table();
        }
        let mut passed = PassedTable::read(sources[number], table, true).await?;
        while !progress.done {
            if !throttle.turn().await {
                return Ok(false);
            }
            let progress = &mut progress;
            let rows = match &passed {
                Some(of) => {
                    let (source, targets) = (&mut *sources[number], &mut [&mut *target]);
                    let most = throttle.page(PAGE_OF_PARTS);
                    let page = pass_page((source, targets, None), of, most, (number, progress));
                    match throttle.paced(page).await {
                        // By their values, it can be told why.
                        Err(error) if error.kind() == ErrorKind::Unique => {
                            roll_back(sources[number], &mut [&mut *target]).await;
                            passed = None;
                            continue;
                        }
                        rows => rows?,
                    }
                }
                None => {
                    let most = throttle.page(PAGE);
                    let page = gather_page(sources, number, target, (table, most), progress);
                    throttle.paced(page).await?
                }
            };
            if !on_page(rows) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Copies a page of one source as values.
async fn gather_page(
    sources: &mut [&mut Place],
    number: usize,
    target: &mut Place,
    (table, most): (&MovedTable, u64),
    progress: &mut Progress,
) -> Result<u64> {
    let rows = read_page(sources[number], table, most, progress).await?;
    let count = rows.len() as u64;
    target.begin_as(State::Incoming).await?;
    let written = target.insert_rows(table, &rows).await;
    if written
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::Unique)
    {
        // A change of one of these rows was applied already, or another source has a row of its key.
        target.rollback().await;
        let keys = table.keys(&rows);
        let mut found = Vec::new();
        for source in sources.iter_mut() {
            found.extend(source.rows_of(table, &keys).await?);
            source.make_durable().await?;
        }
        if each_once(table.keys(&found))?.len() < found.len() {
            let error = Error::new(ErrorKind::Unique, "a primary key exists twice");
            return Err(twice(table, &error));
        }
        target.begin_as(State::Incoming).await?;
        target.delete_rows(table, &keys).await?;
        target.insert_rows(table, &found).await?;
    } else if let Err(error) = written {
        return Err(target.unwritten(table, State::Incoming, &rows, error).await);
    }
    record(target, table, number, progress).await?;
    target.commit().await?;
    Ok(count)
}
