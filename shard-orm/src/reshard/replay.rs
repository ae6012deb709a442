//! Applies the changes that the capture has logged, and consumes the log by deleting.
//!
//! The rows of a batch are read after its entries, on the primary, so they are as new as the entries or
//! newer. Entries are deleted by their own numbers, after the rows were committed at the other end: a run
//! that is interrupted applies them again.

use sea_query::{Alias, Expr, ExprTrait as _, Order, Query, Value};

use super::place::Place;
use super::rows::{MovedTable, each_once};
use crate::backend::move_log::{ID, WHOLE, key, log_name};
use crate::backend::{Field as _, Row};
use crate::connect::State;
use crate::error::{ErrorKind, Result};
use crate::replicate::values;

/// The number of entries in a batch.
pub(super) const BATCH: u64 = 1_000;
/// The number of rows that are read at a time, where any may have changed.
const REFILLED: u64 = 5_000;

/// An entry of a log.
struct Entry {
    id: i64,
    /// `None` if any row may have changed.
    key: Option<Vec<Value>>,
}

/// The two ends of a replay: where the changes are logged, and where they are applied.
pub(super) struct Ends<'p> {
    pub(super) from: &'p mut Place,
    pub(super) to: &'p mut Place,
    /// The state that the record has where the changes are applied.
    pub(super) into: State,
}

impl Ends<'_> {
    /// Applies the next batch of a table's log, and returns the number of its entries. `logged` is the
    /// table where changes are logged, `applied` where they are applied.
    pub(super) async fn replay(
        &mut self,
        logged: &MovedTable,
        applied: &MovedTable,
        after: i64,
    ) -> Result<Option<(i64, u64)>> {
        let entries = entries(self.from, logged, after, Some(BATCH)).await?;
        let Some(last) = entries.last().map(|entry| entry.id) else {
            return Ok(None);
        };
        let count = entries.len() as u64;
        if entries.iter().any(|entry| entry.key.is_none()) {
            self.refill(logged, applied).await?;
            self.consume(logged, &entries).await?;
            return Ok(Some((last, count)));
        }
        match self.apply(logged, applied, &entries).await {
            Ok(()) => self.consume(logged, &entries).await?,
            // A row stands in another's way. One of them has an entry that was not read yet: all entries,
            // in one snapshot with their rows, have no conflict.
            Err(error) if error.kind() == ErrorKind::Unique => {
                self.to.rollback().await;
                self.apply_all(logged, applied).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(Some((last, count)))
    }

    async fn apply(
        &mut self,
        logged: &MovedTable,
        applied: &MovedTable,
        entries: &[Entry],
    ) -> Result<()> {
        self.copy_again(logged, applied, &distinct(entries)?).await
    }

    /// Brings the rows with these keys to the state that they have at the other end.
    pub(super) async fn copy_again(
        &mut self,
        logged: &MovedTable,
        applied: &MovedTable,
        keys: &[Vec<Value>],
    ) -> Result<()> {
        let rows = self.from.rows_of(logged, keys).await?;
        self.from.make_durable().await?;
        self.to.begin_as(self.into).await?;
        self.to.write_rows(applied, keys, &rows).await?;
        self.to.commit().await
    }

    async fn apply_all(&mut self, logged: &MovedTable, applied: &MovedTable) -> Result<()> {
        self.from.begin_snapshot().await?;
        let entries = entries(self.from, logged, 0, None).await?;
        let keys = distinct(&entries)?;
        let rows = self.from.rows_of(logged, &keys).await?;
        self.from.commit().await?;
        self.from.make_durable().await?;
        self.to.begin_as(self.into).await?;
        self.to.write_rows(applied, &keys, &rows).await?;
        self.to.commit().await?;
        self.consume(logged, &entries).await
    }

    /// Deletes entries that were applied.
    async fn consume(&mut self, logged: &MovedTable, entries: &[Entry]) -> Result<()> {
        let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
        self.from.begin_in_any_state().await?;
        for ids in ids.chunks(500) {
            let mut delete = Query::delete();
            delete
                .from_table(Alias::new(log_name(&self.from.job(), logged.number)))
                .and_where(Expr::col(Alias::new(ID)).is_in(ids.iter().copied()));
            self.from.run(&delete).await?;
        }
        self.from.commit().await
    }

    /// Replaces all rows of a table, from one snapshot.
    async fn refill(&mut self, logged: &MovedTable, applied: &MovedTable) -> Result<()> {
        self.from.begin_snapshot().await?;
        self.to.begin_as(self.into).await?;
        let mut delete = Query::delete();
        delete.from_table(Alias::new(&applied.name));
        self.to.run(&delete).await?;
        let mut after = None;
        loop {
            let rows = self.from.page(logged, after.as_deref(), REFILLED).await?;
            self.to.put_rows(applied, &rows).await?;
            if (rows.len() as u64) < REFILLED {
                break;
            }
            after = logged.keys(&rows).pop();
        }
        self.from.commit().await?;
        self.from.make_durable().await?;
        self.to.commit().await
    }
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

/// The keys that entries name, each once.
fn distinct(entries: &[Entry]) -> Result<Vec<Vec<Value>>> {
    each_once(entries.iter().filter_map(|entry| entry.key.clone()))
}
