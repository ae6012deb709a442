//! The copy of all rows, page by page.
//!
//! Each page is a short snapshot of its own, and is committed together with the key of its last row.
//! Between two servers of PostgreSQL the rows pass as bytes, without being decoded.

use sea_query::{Alias, Expr, ExprTrait as _, Query, Value};

use super::place::{Place, quoted};
use super::rows::MovedTable;
use super::throttle::Throttle;
use crate::backend::system_table::{Kind, create_table};
use crate::backend::{Field as _, Row, Transfer, transfer};
use crate::connect::State;
use crate::error::{Error, Result};
use crate::replicate::{key_of, text_of, values_from};

/// The most rows in one transaction at the target. Each page is held in memory.
pub(super) const PAGE: u64 = 5_000;
/// The most rows in one transaction at the target, where they pass as bytes or from file to file.
const PAGE_OF_BYTES: u64 = 200_000;

const TABLE: &str = "number";
const LAST: &str = "last_key";
const DONE: &str = "done";
const ROWS: &str = "copied";

/// How far the copy of a table is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// The key of the last row that was copied, as a text.
    pub(super) last: Option<String>,
    pub(super) done: bool,
    pub(super) rows: u64,
}

/// The table in the target's namespace that holds the progress.
pub(super) fn progress_table(job: u64) -> String {
    format!("so_{job}_progress")
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
    let passes_bytes = capability.binary_transfer && !table.is_canonical;
    let passes_file = capability.file_per_namespace && !table.is_canonical;
    let key = if passes_bytes {
        Some(Key::read(source, table).await?)
    } else {
        None
    };
    if passes_file {
        target.attach(source).await?;
    }
    let largest = if passes_bytes || passes_file {
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
        let copied = match &key {
            Some(key) => {
                let page = pass_page(source, target, table, (key, rows), progress);
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
    let after = progress.key(table)?;
    let rows = source.page_to_move(table, after.as_deref(), most).await?;
    progress.done = (rows.len() as u64) < most;
    if let Some(last) = rows.last() {
        progress.last = Some(text_of(&key_of(&table.def, last))?);
    }
    progress.rows += rows.len() as u64;
    source.make_durable().await?;
    target.begin_as(State::Incoming).await?;
    target.put_moved(table, State::Incoming, &rows).await?;
    record(target, table, 0, progress).await?;
    target.commit().await?;
    Ok(rows.len() as u64)
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

/// The primary key of a table of PostgreSQL.
struct Key {
    /// The types of its columns.
    types: Vec<String>,
    /// Whether both ends order its values alike, whatever their collations.
    is_plain: bool,
}

impl Key {
    async fn read(source: &mut Place, table: &MovedTable) -> Result<Self> {
        // Numbers, times, bits, addresses and bytes. Others are ordered by collations, or by labels that were added.
        const TYPES: &str = "SELECT format_type(a.atttypid, a.atttypmod), t.typtype = 'b' AND \
             (t.typcategory IN ('B', 'D', 'I', 'N', 'T', 'V') OR t.typname IN ('bytea', 'uuid')) \
             FROM pg_index i \
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
             JOIN pg_type t ON t.oid = a.atttypid \
             WHERE i.indrelid = to_regclass($1) AND i.indisprimary \
             ORDER BY array_position(i.indkey::int2[], a.attnum)";
        let name = quoted(source.dialect(), &table.name);
        let mut key = Self {
            types: Vec::new(),
            is_plain: true,
        };
        let on_row = &mut |row: &Row<'_>| {
            key.types.push(String::read(row, 0)?);
            key.is_plain &= bool::read(row, 1)?;
            Ok(())
        };
        source.ask_text(TYPES, &[name.into()], on_row).await?;
        Ok(key)
    }
}

/// Passes a page as bytes. The bounds are settings of a transaction, since `COPY` takes no arguments.
///
/// The key of the page's last row is that of the target's last row, where both ends order keys alike: before the copy ends,
/// nothing else is written there. Elsewhere the source is asked before, which costs as much as to read the page.
async fn pass_page(
    source: &mut Place,
    target: &mut Place,
    table: &MovedTable,
    (key, most): (&Key, u64),
    progress: &mut Progress,
) -> Result<u64> {
    let dialect = source.dialect();
    let columns = |ordinals: &mut dyn Iterator<Item = usize>| {
        let names = ordinals.map(|ordinal| quoted(dialect, &table.def.columns[ordinal].name));
        names.collect::<Vec<_>>()
    };
    let keys = columns(&mut table.def.primary_key.iter().copied());
    let own = quoted(dialect, &table.name);
    // Named with the table, a column is not the text of the result that has its name.
    let order = |table: &str, direction: &str| {
        let order = keys.iter().map(|key| format!("{table}.{key}{direction}"));
        order.collect::<Vec<_>>().join(", ")
    };
    let texts = keys.iter().map(|key| format!("CAST({key} AS text)"));
    let texts = texts.collect::<Vec<_>>().join(", ");
    source.begin_snapshot().await?;
    let mut conditions = Vec::new();
    let after = progress.last.as_deref().map(parse_texts).transpose()?;
    if let Some(after) = &after {
        set_bound(source, "after", after).await?;
        conditions.push(beyond(&keys, ">", "after", &key.types));
    }
    let mut end = None;
    if !key.is_plain {
        let skipped = most - 1;
        let (from, order) = (whose(&conditions), order(&own, ""));
        let last =
            format!("SELECT {texts} FROM {own}{from} ORDER BY {order} OFFSET {skipped} LIMIT 1");
        end = key_in(source, &last, keys.len()).await?;
        if let Some(end) = &end {
            set_bound(source, "to", end).await?;
            conditions.push(beyond(&keys, "<=", "to", &key.types));
        }
    }
    let limit = if key.is_plain {
        format!(" LIMIT {most}")
    } else {
        String::new()
    };
    let all = columns(&mut (0..table.def.columns.len())).join(", ");
    let out = format!(
        "COPY (SELECT {all} FROM {own}{} ORDER BY {}{limit}) TO STDOUT (FORMAT binary)",
        whose(&conditions),
        order(&own, "")
    );
    let there = quoted(dialect, &table.def.name);
    let into = format!("COPY {there} ({all}) FROM STDIN (FORMAT binary)");
    target.begin_as(State::Incoming).await?;
    let rows = match transfer(&mut source.conn, &out, &mut target.conn, &into).await {
        Transfer::Done(rows) => rows,
        Transfer::Rejected(failure) | Transfer::TargetLost(failure) => {
            return Err(target.named(failure));
        }
        Transfer::SourceFailed(failure) => return Err(source.named(failure)),
    };
    if key.is_plain && rows == most {
        let order = order(&there, " DESC");
        let last = format!("SELECT {texts} FROM {there} ORDER BY {order} LIMIT 1");
        end = key_in(target, &last, keys.len()).await?;
    }
    progress.done = end.is_none();
    if let Some(end) = end {
        progress.last = Some(text_of_texts(&end));
    }
    progress.rows += rows;
    record(target, table, 0, progress).await?;
    source.commit().await?;
    source.make_durable().await?;
    target.commit().await?;
    Ok(rows)
}

/// That a key is beyond a bound.
fn beyond(keys: &[String], operator: &str, bound: &str, types: &[String]) -> String {
    let values = types.iter().enumerate().map(|(position, as_type)| {
        format!("CAST(current_setting('shard_orm.{bound}_{position}') AS {as_type})")
    });
    let values = values.collect::<Vec<_>>().join(", ");
    format!("({}) {operator} ({values})", keys.join(", "))
}

fn whose(conditions: &[String]) -> String {
    if conditions.is_empty() {
        return String::new();
    }
    format!(" WHERE {}", conditions.join(" AND "))
}

/// The key in the first row of a result, as texts.
async fn key_in(place: &mut Place, text: &str, columns: usize) -> Result<Option<Vec<String>>> {
    let mut found = None;
    let on_row = &mut |row: &Row<'_>| {
        let texts = (0..columns).map(|ordinal| String::read(row, ordinal));
        found = Some(texts.collect::<Result<_>>()?);
        Ok(())
    };
    place.ask_text(text, &[], on_row).await?;
    Ok(found)
}

async fn set_bound(source: &mut Place, which: &str, key: &[String]) -> Result<()> {
    let settings = (1..=key.len()).map(|number| {
        format!(
            "set_config('shard_orm.{which}_{}', ${number}, true)",
            number - 1
        )
    });
    let text = format!("SELECT {}", settings.collect::<Vec<_>>().join(", "));
    let values: Vec<Value> = key.iter().cloned().map(Value::from).collect();
    source
        .ask_text(&text, &values, &mut |_| Ok(()))
        .await
        .map(drop)
}

/// A key of texts as one text.
fn text_of_texts(key: &[String]) -> String {
    let key = key.iter().cloned().map(toml::Value::String).collect();
    toml::Value::Array(key).to_string()
}

fn parse_texts(text: &str) -> Result<Vec<String>> {
    let unreadable =
        || Error::decode("the progress of a copy cannot be read; abort the job and begin anew");
    let table: toml::Table = format!("key = {text}").parse().map_err(|_| unreadable())?;
    let key = table.get("key").and_then(toml::Value::as_array);
    let texts = key
        .into_iter()
        .flatten()
        .map(|text| text.as_str().map(str::to_owned));
    texts.collect::<Option<Vec<_>>>().ok_or_else(unreadable)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_texts_are_read_as_they_were_written() {
        for key in [
            vec!["1".to_owned()],
            vec!["a\"b\n,".to_owned(), "'é".to_owned()],
        ] {
            assert_eq!(parse_texts(&text_of_texts(&key)).unwrap(), key);
        }
    }
}
