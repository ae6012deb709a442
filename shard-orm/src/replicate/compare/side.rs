//! One of the two tables of a comparison: its reads, and their number.

use std::collections::VecDeque;

use sea_query::{Expr, Order, SelectStatement, TableRef, Value, WindowStatement};

use super::Reading;
use crate::Field as _;
use crate::backend::Row;
use crate::error::Result;
use crate::exec::Rows;
use crate::replicate::digest::{Digest, digests, encode, is_by_server};
use crate::replicate::keys::{alias, selected, values};
use crate::replicate::range::{Key, KeyOrder, Method, Range, most_parts};
use crate::replicate::table::TableAt;

/// A row as it was read.
pub(super) struct Read {
    pub(super) key: Key,
    pub(super) values: Vec<Value>,
    pub(super) encoded: Vec<u8>,
}

/// One of the two tables.
pub(super) struct Side<'t> {
    table: &'t TableAt<'t>,
    order: KeyOrder,
    method: Method,
    pub(super) reading: Reading,
}

impl<'t> Side<'t> {
    pub(super) fn new(table: &'t TableAt<'t>, order: KeyOrder, is_indexed: bool) -> Self {
        Self {
            table,
            order,
            method: Method::of(table.dialect(), is_indexed),
            reading: Reading::default(),
        }
    }

    pub(super) fn order(&self) -> &KeyOrder {
        &self.order
    }

    pub(super) fn is_by_server(&self) -> bool {
        is_by_server(self.table)
    }

    /// The maximum number of parts that it is cut into at a time.
    pub(super) fn most_parts(&self) -> usize {
        if self.is_by_server() {
            most_parts(&self.order, self.table.dialect())
        } else {
            usize::MAX
        }
    }

    /// The number of rows.
    pub(super) async fn count(&mut self) -> Result<u64> {
        let build = |name: &TableRef| {
            let mut count = self.order.select(name, &[Range::default()], self.method);
            self.table.narrow(&mut count);
            count.expr(Expr::cust("COUNT(*)"));
            count
        };
        let mut rows = Rows::new(|row: &Row<'_>| i64::read(row, 0));
        self.table.ask("count", &build, &mut rows).await?;
        self.reading.statements += 1;
        Ok(rows.rows.first().copied().unwrap_or(0).unsigned_abs())
    }

    /// The digests of the parts of ranges; see [`digests`].
    pub(super) async fn digests(
        &mut self,
        ranges: &[Range],
        bounds: &[Key],
    ) -> Result<Vec<Digest>> {
        let (digests, read) = digests(self.table, &self.order, ranges, self.method, bounds).await?;
        self.reading.statements += 1;
        self.reading.rows += read;
        Ok(digests)
    }

    /// Every `step`-th key of ranges, all of which are counted through.
    pub(super) async fn bounds(&mut self, ranges: &[Range], step: u64) -> Result<Vec<Key>> {
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let def = self.table.def();
        let build = |name: &TableRef| {
            let mut window = WindowStatement::new();
            let mut numbered = self.order.select(name, ranges, self.method);
            self.table.narrow(&mut numbered);
            let mut bounds = SelectStatement::new();
            for ordinal in &def.primary_key {
                numbered.column(alias(def, *ordinal));
                bounds.column(alias(def, *ordinal));
            }
            for column in self.order.columns() {
                window.order_by_expr(column.clone(), Order::Asc);
            }
            numbered.expr_window_as(Expr::cust("ROW_NUMBER()"), window, "row_position");
            bounds
                .from_subquery(numbered, "numbered")
                .and_where(Expr::cust(format!("row_position % {step} = 0")))
                .order_by("row_position", Order::Asc);
            bounds
        };
        let read = |row: &Row<'_>| values(def, &def.primary_key, row, 0);
        let mut rows = Rows::new(read);
        self.table.ask("bounds", &build, &mut rows).await?;
        self.reading.statements += 1;
        Ok(rows.rows)
    }

    /// The first rows of ranges, which do not overlap.
    pub(super) async fn rows(&mut self, ranges: &[Range], limit: usize) -> Result<VecDeque<Read>> {
        let build = |name: &TableRef| {
            let mut select = self.order.select(name, ranges, self.method);
            self.table.narrow(&mut select);
            let (def, dialect) = (self.table.def(), self.table.dialect());
            select.exprs(selected(def, 0..def.columns.len(), dialect));
            for column in self.order.columns() {
                select.order_by_expr(column.clone(), Order::Asc);
            }
            select.limit(limit as u64);
            select
        };
        let mut rows = Rows::new(|row: &Row<'_>| {
            let values = self.table.cells(row)?;
            let mut encoded = Vec::new();
            encode(&values, &mut encoded)?;
            Ok(Read {
                key: self.order.key(&values),
                values,
                encoded,
            })
        });
        self.table.ask("rows", &build, &mut rows).await?;
        self.reading.statements += 1;
        self.reading.rows += rows.rows.len() as u64;
        Ok(rows.rows.into())
    }
}
