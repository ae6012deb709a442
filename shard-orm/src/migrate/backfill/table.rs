//! The table of a backfill, and the order of the key by which its batches are made.

use std::sync::Arc;

use sea_query::{Alias, Condition, Expr, ExprTrait as _, Order, Query, SelectStatement, TableRef};

use super::Backfill;
use crate::backend::{Row, continues_after};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::replicate::{Key, KeyOrder, Range, selected, text_of, values, values_from};
use crate::schema::{IndexPart, TableDef};

/// The table of a backfill in a namespace.
pub(in crate::migrate) struct BackfillTable {
    /// With the key of the backfill for its primary key.
    table: Arc<TableDef>,
    /// The key in the statement of the backfill.
    order: KeyOrder,
}

impl BackfillTable {
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) with the file and the line, if there is no
    /// such table or column, or if batches cannot be made by the key.
    pub(in crate::migrate) fn of(
        backfill: &Backfill,
        tables: &[TableDef],
        dialect: Dialect,
    ) -> Result<Self> {
        let head = &backfill.head;
        let mut found = tables.iter();
        let exact = found.find(|table| table.name == head.table);
        let found = exact.or_else(|| {
            let mut folded = tables.iter();
            folded.find(|table| table.name.eq_ignore_ascii_case(&head.table))
        });
        let Some(found) = found else {
            let what = format!("there is no table `{}`", head.table);
            return Err(backfill.wrong_head(&what));
        };
        let mut key = Vec::new();
        for column in &head.key {
            key.push(found.ordinal(column).ok_or_else(|| {
                let what = format!("table `{}` has no column `{column}`", head.table);
                backfill.wrong_head(&what)
            })?);
        }
        if key.is_empty() {
            key.clone_from(&found.primary_key);
        }
        if key.is_empty() {
            let what = format!(
                "table `{}` has no primary key; name the columns of an index with `key=`",
                head.table
            );
            return Err(backfill.wrong_head(&what));
        }
        for ordinal in &key {
            let column = &found.columns[*ordinal];
            if !continues_after(dialect, &column.data_type) {
                let what = format!(
                    "batches cannot be made by column `{}` of table `{}`, whose type has no exact order \
                     here; name another key with `key=`",
                    column.name, head.table
                );
                return Err(backfill.wrong_head(&what));
            }
        }
        if !begins_an_index(found, &key) {
            let what = format!(
                "no index of table `{}` begins with the key of the backfill, so that each batch would \
                 read the whole table; name the primary key, or create an index first",
                head.table
            );
            return Err(backfill.wrong_head(&what));
        }
        let mut table = found.clone();
        table.primary_key = key;
        let table = Arc::new(table);
        let name = head.alias.as_ref().unwrap_or(&table.name);
        Ok(Self {
            order: KeyOrder::named(&table, name),
            table,
        })
    }

    /// The condition for the rows of a range.
    pub(in crate::migrate) fn within(&self, range: &Range) -> Condition {
        self.order.within(range)
    }

    /// The query for the last key of all.
    pub(in crate::migrate) fn select_last(
        &self,
        at: TableRef,
        dialect: Dialect,
    ) -> SelectStatement {
        self.select_key(at, dialect, &Order::Desc)
    }

    /// The query for the last key of a batch, up to the last one of all. It has no row if fewer rows are
    /// left.
    pub(in crate::migrate) fn select_end(
        &self,
        at: TableRef,
        dialect: Dialect,
        range: &Range,
        batch: u64,
    ) -> SelectStatement {
        let mut select = self.select_key(at, dialect, &Order::Asc);
        select
            .cond_where(KeyOrder::of(&self.table).within(range))
            .offset(batch - 1);
        select
    }

    fn select_key(&self, at: TableRef, dialect: Dialect, direction: &Order) -> SelectStatement {
        let mut select = Query::select();
        for column in selected(&self.table, self.table.primary_key.iter().copied(), dialect) {
            select.expr(column);
        }
        for column in KeyOrder::of(&self.table).columns() {
            select.order_by_expr(column.clone(), direction.clone());
        }
        select.from(at).limit(1);
        select
    }

    /// The query for a row without a value in the key, which would be in no batch; `None` if no column
    /// of the key takes NULL.
    pub(in crate::migrate) fn select_null(&self, at: TableRef) -> Option<SelectStatement> {
        let columns = self.table.primary_key.iter();
        let columns = columns.map(|ordinal| &self.table.columns[*ordinal]);
        let nulls = columns
            .filter(|column| column.nullable)
            .map(|column| Expr::col(Alias::new(&column.name)).is_null());
        let condition = nulls.reduce(Expr::or)?;
        let mut select = Query::select();
        select
            .expr(Expr::cust("1"))
            .from(at)
            .and_where(condition)
            .limit(1);
        Some(select)
    }

    /// The key in a row of these queries.
    pub(in crate::migrate) fn key(&self, row: &Row<'_>) -> Result<Key> {
        values(&self.table, &self.table.primary_key, row, 0)
    }

    /// The stored form of a key.
    pub(in crate::migrate) fn text(key: &Key) -> Result<String> {
        text_of(key)
    }

    /// A key from its stored form; `None` when it is one of other columns.
    pub(in crate::migrate) fn parse(&self, text: &str) -> Option<Key> {
        values_from(text, &self.table, &self.table.primary_key)
    }

    pub(in crate::migrate) fn name(&self) -> &str {
        &self.table.name
    }
}

/// Whether the primary key or an index begins with these columns.
fn begins_an_index(table: &TableDef, key: &[usize]) -> bool {
    let is_plain = |part: &IndexPart, ordinal: &usize| *part == IndexPart::Column(*ordinal);
    table.primary_key.starts_with(key)
        || table.indexes.iter().any(|index| {
            index.condition.is_none()
                && index.parts.len() >= key.len()
                && index
                    .parts
                    .iter()
                    .zip(key)
                    .all(|(part, key)| is_plain(part, key))
        })
}
