//! The mode `incremental`: rows are read in the order of a watermark column, which grows when they
//! change.
//!
//! It needs no log, and never sees a deletion. A row must not be skipped because its transaction
//! committed late, with a lower value than rows that were read before:
//!
//! - On PostgreSQL a trigger writes the number of the transaction into each row that is written
//!   (`backend::row_stamp`), and the rows are read in its order. The position stays before the oldest
//!   open transaction: all below it are decided, and no further row can appear below.
//! - Elsewhere the rows are read in the order of the column itself, and each run begins an *overlap*
//!   before the end of the last one. It misses a row whose transaction was open for longer.

use std::time::Duration;

use sea_query::{Alias, CaseStatement, Expr, ExprTrait, Order, SelectStatement};

use super::compare::Change;
use super::keys::{Cells, after, alias, cells, key_columns, key_of, picked};
use super::position::Position;
use super::source::Source;
use crate::Field as _;
use crate::backend::change_log::{is_decided, transaction_number};
use crate::backend::row_stamp::{self, STAMP};
use crate::backend::{Row, earlier, integer_type};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::schema::{IndexPart, TableDef};

/// The column by which rows are read.
#[derive(Debug, Clone)]
pub(crate) struct Watermark {
    /// The ordinal of the column.
    ordinal: usize,
    /// The ordinals of the columns whose values a position holds.
    pub(crate) ordinals: Vec<usize>,
}

/// The next rows.
#[derive(Debug)]
pub(crate) struct Page {
    /// Their state at the copy: those that it does not hold are deleted.
    pub(crate) changes: Vec<Change>,
    /// The position behind the last of them before which no further row can appear.
    pub(crate) settled: Option<Position>,
    /// The position behind the last of them.
    pub(crate) last: Position,
}

/// The statements that prepare a source, where it is not prepared yet.
pub(crate) fn statements(table: &TableDef, dialect: Dialect) -> Vec<String> {
    let keys = table.primary_key.iter();
    let keys: Vec<&str> = keys
        .map(|ordinal| table.columns[*ordinal].name.as_str())
        .collect();
    row_stamp::statements(dialect, &table.name, &keys)
}

/// A table as its database describes it, without the column that the trigger writes: copies do not have
/// it.
pub(crate) fn without_stamp(mut table: TableDef) -> TableDef {
    let Some(stamp) = table.columns.iter().position(|one| one.name == STAMP) else {
        return table;
    };
    table.columns.remove(stamp);
    let shift = |ordinal: &mut usize| {
        if *ordinal > stamp {
            *ordinal -= 1;
        }
    };
    table.primary_key.iter_mut().for_each(shift);
    // No other index or key is of the column.
    let is_of_stamp = |part: &IndexPart| part.column() == Some(stamp);
    table
        .indexes
        .retain(|index| !index.parts.iter().any(is_of_stamp));
    for part in table.indexes.iter_mut().flat_map(|one| &mut one.parts) {
        match part {
            IndexPart::Column(ordinal)
            | IndexPart::Descending(ordinal)
            | IndexPart::Prefix(ordinal, _) => shift(ordinal),
            IndexPart::Expression(_) => {}
        }
    }
    let keys = table.foreign_keys.iter_mut();
    keys.flat_map(|key| &mut key.columns).for_each(shift);
    table
}

impl Watermark {
    pub(crate) fn new(table: &TableDef, ordinal: usize, source: Dialect) -> Self {
        let key = table.primary_key.iter().copied();
        let ordinals = if source.capability().transaction_numbers {
            // The transaction comes first, which is not a column of the definition.
            key.collect()
        } else {
            let key = key.filter(|one| *one != ordinal);
            std::iter::once(ordinal).chain(key).collect()
        };
        Self { ordinal, ordinals }
    }

    /// The position behind a row.
    fn behind(&self, transaction: u64, cells: &Cells) -> Position {
        Position::Ordered {
            transaction,
            values: picked(&self.ordinals, cells),
        }
    }

    /// The next rows after a position; `None` when there is no further row.
    pub(crate) async fn rows_after(
        &self,
        source: &Source,
        position: Option<&Position>,
        most: u64,
    ) -> Result<Option<Page>> {
        if source.dialect().capability().transaction_numbers {
            self.by_transaction(source, position, most).await
        } else {
            self.by_column(source, position, None, most).await
        }
    }

    /// The next rows after the first position and up to the second.
    pub(crate) async fn rows_between(
        &self,
        source: &Source,
        (from, to): (&Position, &Position),
        most: u64,
    ) -> Result<Option<Page>> {
        self.by_column(source, Some(from), Some(to), most).await
    }

    async fn by_transaction(
        &self,
        source: &Source,
        position: Option<&Position>,
        most: u64,
    ) -> Result<Option<Page>> {
        let keys: Vec<Alias> = key_columns(source.def()).collect();
        let own = || Expr::col(STAMP);
        let mut select = select(source);
        select
            .expr(own().cast_as("text"))
            .expr(is_decided(STAMP))
            .order_by(STAMP, Order::Asc)
            .limit(most);
        for key in &keys {
            select.order_by(key.clone(), Order::Asc);
        }
        if let Some(Position::Ordered {
            transaction,
            values,
        }) = position
        {
            // As one row, which is looked up in the index: many rows can be of one transaction, as all
            // that existed before the trigger.
            let place = std::iter::once(own()).chain(keys.into_iter().map(Expr::col));
            let values = values.iter().cloned().map(Expr::Value);
            let last = std::iter::once(transaction_number(*transaction)).chain(values);
            select.and_where(Expr::tuple(place).gt(Expr::tuple(last)));
        }
        let first = source.def().columns.len() + 1;
        let rows = self
            .read(source, &select, |row| {
                let text = String::read(row, first)?;
                let transaction = text
                    .parse()
                    .map_err(|_| Error::decode(format!("`{text}` is not a transaction number")))?;
                Ok((transaction, bool::read(row, first + 1)?))
            })
            .await?;
        Ok(page(rows))
    }

    async fn by_column(
        &self,
        source: &Source,
        position: Option<&Position>,
        until: Option<&Position>,
        most: u64,
    ) -> Result<Option<Page>> {
        let mut select = select(source);
        if let Some(Position::Ordered { values, .. }) = position {
            select.and_where_option(after(source.def(), &self.ordinals, values));
        }
        if let Some(Position::Ordered { values, .. }) = until {
            let beyond = after(source.def(), &self.ordinals, values);
            select.and_where_option(beyond.map(ExprTrait::not));
        }
        for ordinal in &self.ordinals {
            select.order_by(alias(source.def(), *ordinal), Order::Asc);
        }
        select.limit(most);
        Ok(page(self.read(source, &select, |_| Ok((0, true))).await?))
    }

    /// Reads rows: for each the position behind it, whether that is settled, and the change.
    async fn read(
        &self,
        source: &Source,
        select: &SelectStatement,
        placed: impl Fn(&Row<'_>) -> Result<(u64, bool)> + Send + Sync,
    ) -> Result<Vec<(Position, bool, Change)>> {
        let def = source.def();
        let read = |row: &Row<'_>| {
            let is_held = i64::read(row, def.columns.len())? != 0;
            let (transaction, settled) = placed(row)?;
            let cells = cells(def, row)?;
            let behind = self.behind(transaction, &cells);
            let change = match is_held {
                true => Change::Put(source.at_copy(cells)?),
                false => Change::Delete(key_of(def, &cells)),
            };
            Ok((behind, settled, change))
        };
        source.at.read(None, source.at.name(), select, read).await
    }

    /// The position one overlap earlier, from which rows are read again that may have appeared late;
    /// `None` on PostgreSQL, where none can, and for a column that is not a time.
    pub(crate) fn before(&self, position: &Position, overlap: Duration) -> Option<Position> {
        match position {
            Position::Ordered { values, .. } if self.ordinals.first() == Some(&self.ordinal) => {
                // One value: all rows of that moment, whatever their key.
                let values = vec![earlier(values.first()?, overlap)?];
                Some(Position::Ordered {
                    transaction: 0,
                    values,
                })
            }
            _ => None,
        }
    }
}

fn page(rows: Vec<(Position, bool, Change)>) -> Option<Page> {
    let last = rows.last()?.0.clone();
    let settled = rows.iter().rfind(|(_, settled, _)| *settled);
    Some(Page {
        settled: settled.map(|(behind, ..)| behind.clone()),
        last,
        changes: rows.into_iter().map(|(_, _, change)| change).collect(),
    })
}

/// A query of whole rows, each with 1 when the copy holds it and 0 otherwise: rows that it no longer
/// holds have to be read too.
fn select(source: &Source) -> SelectStatement {
    let flag = |held: &'static str| Expr::cust(held).cast_as(integer_type(source.dialect()));
    let mut select = source.at.select_all();
    select.expr(match source.condition() {
        None => flag("1"),
        Some(condition) => CaseStatement::new()
            .case(condition, flag("1"))
            .finally(flag("0"))
            .into(),
    });
    select
}
