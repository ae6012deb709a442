//! The mode `criterion`: rows are read in the order of a column that grows when they change.
//!
//! It needs no log, and never sees a deletion. A row must not be passed over because its transaction
//! committed late, with an older stamp than rows that were read before:
//!
//! - On PostgreSQL a trigger writes the number of the transaction into each row that is written, and
//!   the rows are read in its order. The position stays before the oldest transaction that is still
//!   open (`pg_snapshot_xmin`): all below it are decided, and no further row can come below.
//! - Elsewhere the rows are read in the order of the column itself, and each run begins an *overlap*
//!   before the last one's end. A row is missed whose transaction was open for longer than that.

mod install;

use std::time::Duration;

use sea_query::{Alias, CaseStatement, Expr, ExprTrait, Order};

use super::compare::Change;
use super::keys::{after, key_columns, key_of};
use super::position::Position;
use super::source::Cells;
use super::source::{Source, cells, select};
use crate::Field as _;
use crate::backend::{Row, earlier};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::model::{ModelDef, ModelLocation};

pub(crate) use install::statements;

/// The column that PostgreSQL's trigger writes.
const TRANSACTION: &str = "shard_orm_transaction";

/// By what rows are read.
#[derive(Debug, Clone)]
pub(super) struct Criterion {
    /// The column that grows.
    pub(super) ordinal: usize,
    /// The ordinals of the columns whose values are kept in a position.
    pub(super) ordinals: Vec<usize>,
}

/// The next rows.
#[derive(Debug)]
pub(super) struct Page {
    /// What becomes of each of them at the copy: those that it does not hold are deleted.
    pub(super) changes: Vec<Change>,
    /// The position behind the last of them before which no further row can come.
    pub(super) settled: Option<Position>,
    /// The position behind the last of them.
    pub(super) last: Position,
}

impl Criterion {
    pub(super) fn of(def: &'static ModelDef, dialect: Dialect) -> Result<Self> {
        let found = match def.location {
            ModelLocation::Static(copied) => copied.criterion,
            _ => None,
        };
        let ordinal = found.ok_or_else(|| none(def))?;
        let rest = def.primary_key.iter().copied();
        let ordinals = match dialect {
            // The transaction comes first, which is no column of the model.
            Dialect::Postgres => rest.collect(),
            Dialect::MySql | Dialect::Sqlite => std::iter::once(ordinal)
                .chain(rest.filter(|one| *one != ordinal))
                .collect(),
        };
        Ok(Self { ordinal, ordinals })
    }

    /// The position behind a row.
    fn behind(&self, transaction: u64, cells: &Cells) -> Position {
        let values = self.ordinals.iter().map(|ordinal| cells[*ordinal].clone());
        Position::Ordered {
            transaction,
            values: values.collect(),
        }
    }

    /// The next rows after a position; `None` when there is no further row.
    pub(super) async fn rows_after(
        &self,
        source: &Source,
        position: Option<&Position>,
        most: u64,
    ) -> Result<Option<Page>> {
        match source.dialect() {
            Dialect::Postgres => self.by_transaction(source, position, most).await,
            Dialect::MySql | Dialect::Sqlite => self.by_column(source, position, None, most).await,
        }
    }

    /// The next rows after the first position and up to the second.
    pub(super) async fn rows_between(
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
        let def = source.def;
        let keys: Vec<Alias> = key_columns(def).collect();
        let own = || Expr::col(TRANSACTION);
        let mut select = select(def, &source.handle);
        select
            .expr(held(source))
            .expr(own().cast_as("text"))
            .expr(own().lt(Expr::cust("pg_snapshot_xmin(pg_current_snapshot())")))
            .order_by(TRANSACTION, Order::Asc)
            .limit(most);
        for key in &keys {
            select.order_by(key.clone(), Order::Asc);
        }
        if let Some(Position::Ordered {
            transaction,
            values,
        }) = position
        {
            let last = || Expr::val(transaction.to_string()).cast_as("xid8");
            // As one row, by which the index is looked up: many rows can be of one transaction, as all
            // that were there before the trigger.
            let row = std::iter::once(own()).chain(keys.iter().cloned().map(Expr::col));
            let values = values.iter().cloned().map(Expr::Value);
            let last = std::iter::once(last()).chain(values);
            select.and_where(Expr::tuple(row).gt(Expr::tuple(last)));
        }
        let rows = source
            .read(def.table, &select, |row: &Row<'_>| {
                let held = i64::read(row, def.columns.len())? != 0;
                let text = String::read(row, def.columns.len() + 1)?;
                let transaction: u64 = text.parse().map_err(|_| {
                    Error::decode(format!("`{text}` is no number of a transaction"))
                })?;
                let settled = bool::read(row, def.columns.len() + 2)?;
                let cells = cells(def, row)?;
                let behind = self.behind(transaction, &cells);
                Ok((behind, settled, change(source, held, cells)?))
            })
            .await?;
        let Some((last, ..)) = rows.last() else {
            return Ok(None);
        };
        let last = last.clone();
        let settled = rows.iter().rfind(|(_, settled, _)| *settled);
        let settled = settled.map(|(behind, ..)| behind.clone());
        Ok(Some(Page {
            changes: rows.into_iter().map(|(_, _, change)| change).collect(),
            settled,
            last,
        }))
    }

    async fn by_column(
        &self,
        source: &Source,
        position: Option<&Position>,
        until: Option<&Position>,
        most: u64,
    ) -> Result<Option<Page>> {
        let names = self.ordinals.iter();
        let columns: Vec<Alias> = names
            .map(|ordinal| Alias::new(source.def.columns[*ordinal].name))
            .collect();
        let def = source.def;
        let mut select = select(def, &source.handle);
        select.expr(held(source));
        if let Some(Position::Ordered { values, .. }) = position {
            select.and_where_option(after(&columns, values));
        }
        if let Some(Position::Ordered { values, .. }) = until {
            select.and_where_option(after(&columns, values).map(ExprTrait::not));
        }
        for column in columns {
            select.order_by(column, Order::Asc);
        }
        select.limit(most);
        let rows = source
            .read(def.table, &select, |row: &Row<'_>| {
                let held = i64::read(row, def.columns.len())? != 0;
                let cells = cells(def, row)?;
                Ok((self.behind(0, &cells), change(source, held, cells)?))
            })
            .await?;
        let Some((last, _)) = rows.last() else {
            return Ok(None);
        };
        let last = last.clone();
        Ok(Some(Page {
            changes: rows.into_iter().map(|(_, change)| change).collect(),
            settled: Some(last.clone()),
            last,
        }))
    }

    /// So much before a position, from where rows are read again that may have come late; `None` on
    /// PostgreSQL, where none can, and for a criterion that is no time.
    pub(super) fn before(&self, position: &Position, overlap: Duration) -> Option<Position> {
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

/// Whether the copy holds a row, as 1 or 0. Rows that it no longer holds have to be read too.
fn held(source: &Source) -> Expr {
    let flag = |held: &'static str| match source.dialect() {
        Dialect::Postgres => Expr::cust(held).cast_as("bigint"),
        Dialect::MySql | Dialect::Sqlite => Expr::cust(held),
    };
    match source.condition() {
        None => flag("1"),
        Some(condition) => CaseStatement::new()
            .case(condition, flag("1"))
            .finally(flag("0"))
            .into(),
    }
}

/// What becomes of a row of the source at the copy.
fn change(source: &Source, held: bool, cells: Cells) -> Result<Change> {
    Ok(if held {
        Change::Put(source.at_copy(cells)?)
    } else {
        Change::Delete(key_of(source.def, &cells))
    })
}

fn none(def: &ModelDef) -> Error {
    Error::configuration(format!(
        "`{}` has no criterion: name the field that grows when a row changes, \
         `#[static_model(criterion = \"updated_at\")]`, or sync it by `capture` or `full`",
        def.name
    ))
}
