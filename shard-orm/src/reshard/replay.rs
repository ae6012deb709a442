//! Applies the changes that the capture has logged, and consumes the log by deleting.
//!
//! The rows of a batch are read after its entries, on the primary, so they are as new as the entries or
//! newer. Entries are deleted by their own numbers, after the rows were committed at the other end: a run
//! that is interrupted applies them again.

use std::collections::HashSet;
use std::sync::Arc;

use sea_query::{Alias, Expr, ExprTrait as _, Order, Query, Value};

use super::divider::Divider;
use super::failure::Misfit;
use super::place::Place;
use super::rows::{MovedTable, each_once};
use crate::backend::move_log::{ID, WHOLE, key, log_name};
use crate::backend::{Field as _, Row};
use crate::connect::State;
use crate::error::{Error, ErrorKind, Result};
use crate::replicate::{Cells, bytes_of, values};

/// The number of entries in a batch.
pub(super) const BATCH: u64 = 1_000;
/// The number of rows that are read at a time, where any may have changed.
const REFILLED: u64 = 5_000;

/// How often rows of several parts are read until none is seen twice.
const LOOKS: usize = 4;

/// An entry of a log.
struct Entry {
    id: i64,
    /// `None` if any row may have changed.
    key: Option<Vec<Value>>,
}

/// A namespace of a replay, and the table under the name that it has there.
pub(super) struct Side<'p> {
    pub(super) place: &'p mut Place,
    pub(super) table: MovedTable,
}

impl Side<'_> {
    async fn rows_of(&mut self, keys: &[Vec<Value>]) -> Result<Vec<Cells>> {
        match self.place.rows_of(&self.table, keys).await {
            Err(error) => Err(self.place.unread_rows(&self.table, keys, error).await),
            read => read,
        }
    }
}

/// The two ends of a replay: where the rows are read, and where they are applied.
pub(super) struct Ends<'p> {
    pub(super) from: Vec<Side<'p>>,
    pub(super) to: Vec<Side<'p>>,
    /// The one of `from` whose log is applied.
    pub(super) log: usize,
    /// The state that the record has where the changes are applied.
    pub(super) into: State,
    /// Which of `to` owns a row; none if there is but one.
    pub(super) divider: Option<Arc<Divider>>,
}

impl Ends<'_> {
    /// Applies the next batch of a table's log, and returns the number of its last entry, and how many they
    /// were.
    pub(super) async fn replay(&mut self, after: i64) -> Result<Option<(i64, u64)>> {
        let entries = self.entries(after, Some(BATCH)).await?;
        let Some(last) = entries.last().map(|entry| entry.id) else {
            return Ok(None);
        };
        let count = entries.len() as u64;
        if entries.iter().any(|entry| entry.key.is_none()) {
            self.refill().await?;
            self.consume(&entries).await?;
            return Ok(Some((last, count)));
        }
        match self.copy_again(&distinct(&entries)?).await {
            Ok(()) => self.consume(&entries).await?,
            // A row stands in another's way. One of them has an entry that was not read yet: all entries,
            // in one snapshot with their rows, have no conflict.
            Err(error) if error.kind() == ErrorKind::Unique => {
                for to in &mut self.to {
                    to.place.rollback().await;
                }
                self.apply_all().await?;
            }
            Err(error) => return Err(error),
        }
        Ok(Some((last, count)))
    }

    /// Brings the rows with these keys to the state that they have at the other end.
    pub(super) async fn copy_again(&mut self, keys: &[Vec<Value>]) -> Result<()> {
        let rows = self.rows_of(keys).await?;
        self.write(keys, rows).await
    }

    async fn apply_all(&mut self) -> Result<()> {
        for from in &mut self.from {
            from.place.begin_snapshot().await?;
        }
        let entries = self.entries(0, None).await?;
        let keys = distinct(&entries)?;
        let rows = self.rows_of(&keys).await?;
        for from in &mut self.from {
            from.place.commit().await?;
        }
        match self.write(&keys, rows).await {
            Err(error) if error.kind() == ErrorKind::Unique && self.from.len() > 1 => {
                return Err(twice(&self.from[self.log].table, &error));
            }
            written => written?,
        }
        self.consume(&entries).await
    }

    /// The rows that exist of those with these keys, wherever they are read.
    async fn rows_of(&mut self, keys: &[Vec<Value>]) -> Result<Vec<Cells>> {
        let [only] = self.from.as_mut_slice() else {
            // A row that goes from one part to another meanwhile is seen twice, but not again.
            for _ in 0..LOOKS {
                let mut found: Vec<Cells> = Vec::new();
                for from in &mut self.from {
                    found.extend(from.rows_of(keys).await?);
                }
                if each_once(self.from[self.log].table.keys(&found))?.len() == found.len() {
                    return Ok(found);
                }
            }
            let error = Error::new(ErrorKind::Unique, "a primary key exists twice");
            return Err(twice(&self.from[self.log].table, &error));
        };
        only.rows_of(keys).await
    }

    /// Writes rows with these keys where they belong; those that are not among them are deleted.
    async fn write(&mut self, keys: &[Vec<Value>], rows: Vec<Cells>) -> Result<()> {
        for from in &mut self.from {
            from.place.make_durable().await?;
        }
        let rows = match &self.divider {
            Some(divider) if self.to.len() > 1 => divider.divide(&self.from[0].table, rows)?,
            _ => vec![rows],
        };
        let is_gathered = self.from.len() > 1;
        for (to, rows) in self.to.iter_mut().zip(rows) {
            to.place.begin_as(self.into).await?;
            let written = if is_gathered {
                // A row of another part that has one of its unique values is not replaced.
                to.place.delete_rows(&to.table, keys).await?;
                to.place.insert_rows(&to.table, &rows).await
            } else {
                to.place.write_rows(&to.table, keys, &rows).await
            };
            if let Err(error) = written {
                return Err(to.place.unwritten(&to.table, self.into, &rows, error).await);
            }
            to.place.commit().await?;
        }
        Ok(())
    }

    async fn entries(&mut self, after: i64, most: Option<u64>) -> Result<Vec<Entry>> {
        let from = &mut self.from[self.log];
        entries(from.place, &from.table, after, most).await
    }

    /// Deletes entries that were applied.
    async fn consume(&mut self, entries: &[Entry]) -> Result<()> {
        let from = &mut self.from[self.log];
        let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
        from.place.begin_in_any_state().await?;
        for ids in ids.chunks(500) {
            let mut delete = Query::delete();
            delete
                .from_table(Alias::new(log_name(&from.place.job(), from.table.number)))
                .and_where(Expr::col(Alias::new(ID)).is_in(ids.iter().copied()));
            from.place.run(&delete).await?;
        }
        from.place.commit().await
    }

    /// Replaces all rows of a table, from one snapshot of each place where they are read.
    async fn refill(&mut self) -> Result<()> {
        let is_gathered = self.from.len() > 1;
        for to in &mut self.to {
            to.place.begin_as(self.into).await?;
            let mut delete = Query::delete();
            delete.from_table(Alias::new(&to.table.name));
            to.place.run(&delete).await?;
        }
        for from in &mut self.from {
            from.place.begin_snapshot().await?;
            let mut after = None;
            loop {
                let rows = from
                    .place
                    .page_to_move(&from.table, after.as_deref(), REFILLED)
                    .await?;
                let is_last = (rows.len() as u64) < REFILLED;
                after = from.table.keys(&rows).pop();
                let rows = match &self.divider {
                    Some(divider) if self.to.len() > 1 => divider.divide(&from.table, rows)?,
                    _ => vec![rows],
                };
                for (to, rows) in self.to.iter_mut().zip(rows) {
                    match is_gathered {
                        true => to.place.insert_rows(&to.table, &rows).await?,
                        false => to.place.put_rows(&to.table, &rows).await?,
                    }
                }
                if is_last {
                    break;
                }
            }
            from.place.commit().await?;
            from.place.make_durable().await?;
        }
        for to in &mut self.to {
            to.place.commit().await?;
        }
        Ok(())
    }
}

/// The error for rows of several logical shards that cannot be in one namespace.
pub(super) fn twice(table: &MovedTable, error: &Error) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "table `{}` has rows with the same primary key or unique value in several logical shards ({}), which cannot \
             be in one: a merge can be aborted, and a split not be reversed but finished, unless the values are changed",
            table.def.name,
            error.message()
        ),
    )
    .with_source(Misfit)
}

/// The entries of a table's log after a number, in their order.
async fn entries(
    place: &mut Place,
    table: &MovedTable,
    after: i64,
    most: Option<u64>,
) -> Result<Vec<Entry>> {
    let keys = &table.def.primary_key;
    let mut select = Query::select();
    select.columns([ID, WHOLE].map(Alias::new));
    for (position, ordinal) in keys.iter().enumerate() {
        let column = Expr::col(Alias::new(key(position)));
        select.expr(table.def.columns[*ordinal].selected(place.dialect(), column));
    }
    select
        .from(Alias::new(log_name(&place.job(), table.number)))
        .and_where(Expr::col(Alias::new(ID)).gt(after))
        .order_by(Alias::new(ID), Order::Asc);
    if let Some(most) = most {
        select.limit(most);
    }
    let read = |row: &Row<'_>| {
        let id = i64::read(row, 0)?;
        let key = match i32::read(row, 1)? {
            0 => Some(values(&table.def, keys, row, 2)?),
            _ => None,
        };
        Ok(Entry { id, key })
    };
    place.rows(&select, read).await
}

/// The number of entries in the logs of tables.
pub(super) async fn backlog(place: &mut Place, tables: &[MovedTable]) -> Result<u64> {
    let mut count = 0;
    for table in tables {
        let mut select = Query::select();
        select
            .expr(Expr::cust("COUNT(*)"))
            .from(Alias::new(log_name(&place.job(), table.number)));
        let found = place.rows(&select, |row| i64::read(row, 0)).await?;
        count += found.into_iter().sum::<i64>().unsigned_abs();
    }
    Ok(count)
}

/// Whether the log of a table has changes of any of these rows.
pub(super) async fn has_entries_of(
    place: &mut Place,
    table: &MovedTable,
    keys: &[Vec<Value>],
) -> Result<bool> {
    let keys = keys.iter().map(|key| bytes_of(key));
    let keys: HashSet<Vec<u8>> = keys.collect::<Result<_>>()?;
    for entry in entries(place, table, 0, None).await? {
        match &entry.key {
            None => return Ok(true),
            Some(key) if keys.contains(&bytes_of(key)?) => return Ok(true),
            Some(_) => {}
        }
    }
    Ok(false)
}

/// The keys that entries name, each once.
fn distinct(entries: &[Entry]) -> Result<Vec<Vec<Value>>> {
    each_once(entries.iter().filter_map(|entry| entry.key.clone()))
}
