//! The copy of all rows, page by page.
//!
//! Each page is a short snapshot of its own, and is committed together with the key of its last row.
//! Between two servers of PostgreSQL the rows pass as bytes (`pass`), without being decoded.

use sea_query::{Alias, Expr, ExprTrait as _, Query, Value};

use super::pass::{PassedTable, pass_page};
use super::place::Place;
use super::rows::MovedTable;
use super::throttle::Throttle;
use crate::backend::system_table::{Kind, create_table};
use crate::backend::{Field as _, Row};
use crate::connect::{PROGRESS, State, progress_table};
use crate::error::{Error, Result};
use crate::replicate::{Cells, key_of, text_of, values_from};

/// The most rows in one transaction at the target. Each page is held in memory.
pub(super) const PAGE: u64 = 5_000;
/// The most rows in one transaction at the target, where they pass as bytes or from file to file.
const PAGE_OF_BYTES: u64 = 200_000;

const TABLE: &str = PROGRESS[0];
const LAST: &str = PROGRESS[1];
const DONE: &str = PROGRESS[2];
const ROWS: &str = PROGRESS[3];

/// How far the copy of a table is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// The key of the last row that was copied, as a text.
    pub(super) last: Option<String>,
    pub(super) done: bool,
    pub(super) rows: u64,
}

/// The statement that creates it.
pub(super) fn create_progress(place: &Place) -> String {
    let columns = [
        (TABLE, Kind::Text),
        (LAST, Kind::LongText),
        (DONE, Kind::Integer),
        (ROWS, Kind::Integer),
    ];
    let name = progress_table(place.ticket().job);
    create_table(place.dialect(), Alias::new(name), &columns)
}

/// How far the copy of a table is, from one of the sources.
pub(super) async fn progress(
    target: &mut Place,
    table: &MovedTable,
    source: usize,
) -> Result<Progress> {
    let mut select = Query::select();
    select
        .columns([LAST, DONE, ROWS].map(Alias::new))
        .from(Alias::new(progress_table(target.ticket().job)))
        .and_where(Expr::col(Alias::new(TABLE)).eq(row_of(table, source)));
    let read = |row: &Row<'_>| {
        let last = String::read(row, 0)?;
        Ok(Progress {
            last: (!last.is_empty()).then_some(last),
            done: i64::read(row, 1)? != 0,
            rows: i64::read(row, 2)?.unsigned_abs(),
        })
    };
    let found = target.rows(&select, read).await?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// Is told the number of rows of a page, and says whether to go on.
pub(super) type OnPage<'a> = dyn FnMut(u64) -> bool + Send + 'a;

/// Copies a table from where an earlier run stopped. `on_page` is told the number of rows of each page, and
/// says whether to go on. True once all rows were copied.
pub(super) async fn copy_table(
    source: &mut Place,
    target: &mut Place,
    table: &MovedTable,
    (throttle, on_page): (&Throttle, &mut OnPage<'_>),
) -> Result<bool> {
    let mut progress = progress(target, table, 0).await?;
    let capability = source.dialect().capability();
    let passed = PassedTable::read(source, table, false).await?;
    let passes_file = capability.file_per_namespace && !table.is_canonical;
    if passes_file {
        target.attach(source).await?;
    }
    let largest = if passed.is_some() || passes_file {
        PAGE_OF_BYTES
    } else {
        PAGE
    };
    if progress.last.is_none() {
        throttle.begin_table();
    }
    while !progress.done {
        if !throttle.turn().await {
            break;
        }
        let progress = &mut progress;
        let rows = throttle.page(largest);
        let copied = match &passed {
            Some(passed) => {
                let targets = &mut [&mut *target];
                let page = pass_page((source, targets, None), passed, rows, (0, progress));
                throttle.paced(page).await?
            }
            None if passes_file => {
                let page = take_page(source, target, table, rows, progress);
                throttle.paced(page).await?
            }
            None => {
                let page = copy_page(source, target, table, rows, progress);
                throttle.paced(page).await?
            }
        };
        if !on_page(copied) {
            break;
        }
    }
    if passes_file {
        target.detach().await?;
    }
    Ok(progress.done)
}

/// Copies a page from the attached file of the source.
async fn take_page(
    source: &mut Place,
    target: &mut Place,
    table: &MovedTable,
    most: u64,
    progress: &mut Progress,
) -> Result<u64> {
    let after = progress.key(table)?;
    let end = target
        .end_of_page_there(table, after.as_deref(), most)
        .await?;
    source.make_durable().await?;
    target.begin_as(State::Incoming).await?;
    let rows = target
        .take_rows(table, after.as_deref(), end.as_deref())
        .await?;
    progress.done = end.is_none();
    if let Some(end) = end {
        progress.last = Some(text_of(&end)?);
    }
    progress.rows += rows;
    record(target, table, 0, progress).await?;
    target.commit().await?;
    Ok(rows)
}

/// Copies a page as values.
async fn copy_page(
    source: &mut Place,
    target: &mut Place,
    table: &MovedTable,
    most: u64,
    progress: &mut Progress,
) -> Result<u64> {
    let rows = read_page(source, table, most, progress).await?;
    target.begin_as(State::Incoming).await?;
    target.put_moved(table, State::Incoming, &rows).await?;
    record(target, table, 0, progress).await?;
    target.commit().await?;
    Ok(rows.len() as u64)
}

/// The values of the page after the progress, which goes on to its end. They survive a crash of the source.
pub(super) async fn read_page(
    source: &mut Place,
    table: &MovedTable,
    most: u64,
    progress: &mut Progress,
) -> Result<Vec<Cells>> {
    let after = progress.key(table)?;
    let rows = source.page_to_move(table, after.as_deref(), most).await?;
    progress.done = (rows.len() as u64) < most;
    if let Some(last) = rows.last() {
        progress.last = Some(text_of(&key_of(&table.def, last))?);
    }
    progress.rows += rows.len() as u64;
    source.make_durable().await?;
    Ok(rows)
}

impl Progress {
    /// The key of the last row that was copied.
    pub(super) fn key(&self, table: &MovedTable) -> Result<Option<Vec<Value>>> {
        let Some(text) = &self.last else {
            return Ok(None);
        };
        let key = values_from(text, &table.def, &table.def.primary_key);
        key.map(Some).ok_or_else(|| {
            Error::decode(format!(
                "the progress of table `{}` does not hold a key of it; abort the job and begin anew",
                table.def.name
            ))
        })
    }
}

/// Which row has the progress of a table from a source.
fn row_of(table: &MovedTable, source: usize) -> String {
    match source {
        0 => table.number.to_string(),
        _ => format!("{} {source}", table.number),
    }
}

/// Records how far the copy of a table is, from one of the sources.
pub(super) async fn record(
    target: &mut Place,
    table: &MovedTable,
    source: usize,
    progress: &Progress,
) -> Result<()> {
    let name = || Alias::new(progress_table(target.ticket().job));
    let own = || Expr::col(Alias::new(TABLE)).eq(row_of(table, source));
    let last = progress.last.clone().unwrap_or_default();
    let (done, rows) = (i64::from(progress.done), progress.rows.cast_signed());
    let mut delete = Query::delete();
    delete.from_table(name()).and_where(own());
    let mut insert = Query::insert();
    insert
        .into_table(name())
        .columns([TABLE, LAST, DONE, ROWS].map(Alias::new))
        .values([
            Expr::val(row_of(table, source)),
            Expr::val(last),
            Expr::val(done),
            Expr::val(rows),
        ])
        .map_err(|source| Error::configuration("the progress of a copy").with_source(source))?;
    target.run(&delete).await?;
    target.run(&insert).await.map(drop)
}
