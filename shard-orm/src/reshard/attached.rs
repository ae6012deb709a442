//! Copy and comparison between two files: the source's is attached to the target's connection, so that rows pass from one
//! to the other without leaving the database.

use sea_query::{
    Alias, Expr, ExprTrait, IntoTableRef as _, Order, Query, SelectStatement, TableRef, Value,
};

use super::place::Place;
use super::rows::MovedTable;
use crate::backend::{Row, attach_for_reading};
use crate::error::{Error, Result};
use crate::replicate::{limit_to_range, values};

/// The name under which the source's file is attached.
const SOURCE: &str = "so_source";

/// The number of rows that are compared at a time.
const PAGE: u64 = 20_000;

impl Place {
    /// Attaches the source's file, for reading: its writers do not wait. Tables that are not in the own file are then found
    /// in the other one, so it is detached soon.
    pub(super) async fn attach(&mut self, source: &Self) -> Result<()> {
        let file = source.handle.file();
        let attach = file.and_then(|file| attach_for_reading(SOURCE, file));
        let attach = attach.ok_or_else(|| {
            Error::unsupported(
                "the path of the source's file is no text, so that it cannot be attached",
            )
        })?;
        self.batch(&attach).await
    }

    pub(super) async fn detach(&mut self) -> Result<()> {
        self.batch(&format!("DETACH {SOURCE}")).await
    }

    /// The key of the last row of the next page of the source, if a full page is left.
    pub(super) async fn end_of_page_there(
        &mut self,
        table: &MovedTable,
        after: Option<&[Value]>,
        most: u64,
    ) -> Result<Option<Vec<Value>>> {
        self.end_of_page(table, of_source(table), after, most).await
    }

    /// Copies the rows after one key, up to another one and with it, in a transaction that was begun, and returns their
    /// number. Each takes the place of the rows that have one of its unique values.
    pub(super) async fn take_rows(
        &mut self,
        table: &MovedTable,
        after: Option<&[Value]>,
        end: Option<&[Value]>,
    ) -> Result<u64> {
        let mut select = rows_of(table, of_source(table));
        limit_to_range(&mut select, &table.def, after, end);
        let mut insert = Query::insert();
        insert
            .replace()
            .into_table(Alias::new(&table.def.name))
            .columns(columns(table))
            .select_from(select)
            .map_err(|source| Error::configuration("a page of rows").with_source(source))?;
        self.run(&insert).await
    }

    /// The keys of the rows that differ from the source's, as far as they were seen.
    pub(super) async fn differences_of_files(
        &mut self,
        there: &MovedTable,
        here: &MovedTable,
    ) -> Result<Vec<Vec<Value>>> {
        let mut differing = Vec::new();
        let mut after: Option<Vec<Value>> = None;
        loop {
            let end = self
                .end_of_page_there(there, after.as_deref(), PAGE)
                .await?;
            let bounds = (after.as_deref(), end.as_deref());
            for (select, of) in [
                (differing_rows(there, here, bounds), there),
                (further_rows(there, here, bounds), here),
            ] {
                let read = |row: &Row<'_>| values(&of.def, &of.def.primary_key, row, 0);
                differing.extend(self.rows(&select, read).await?);
            }
            if end.is_none() {
                return Ok(differing);
            }
            after = end;
        }
    }
}

type Bounds<'a> = (Option<&'a [Value]>, Option<&'a [Value]>);

/// Rows of the source that the target has not, or not so: of equal types and bytes, whatever the collations.
fn differing_rows(there: &MovedTable, here: &MovedTable, bounds: Bounds<'_>) -> SelectStatement {
    let mut select = joined(there, of_source(there), here, in_file(here), bounds);
    let mut differs = absent(here);
    for column in columns(there) {
        let (one, two) = (own(column.clone()), other(column));
        differs = differs.or(Expr::cust_with_exprs(
            "(? COLLATE BINARY IS NOT ? OR typeof(?) <> typeof(?))",
            [one.clone(), two.clone(), one, two],
        ));
    }
    select.and_where(differs);
    select
}

/// Rows of the target that the source has not.
fn further_rows(there: &MovedTable, here: &MovedTable, bounds: Bounds<'_>) -> SelectStatement {
    let mut select = joined(here, in_file(here), there, of_source(there), bounds);
    select.and_where(absent(there));
    select
}

/// The keys of a table's rows within bounds, joined with the row of the same key in another table, if there is one.
fn joined(
    table: &MovedTable,
    place: TableRef,
    with: &MovedTable,
    at: TableRef,
    (after, end): Bounds<'_>,
) -> SelectStatement {
    let mut rows = rows_of(table, place);
    limit_to_range(&mut rows, &table.def, after, end);
    let mut theirs = rows_of(with, at);
    theirs.clear_order_by();
    let same = key(table)
        .into_iter()
        .map(|column| own(column.clone()).eq(other(column)))
        .reduce(ExprTrait::and)
        .unwrap_or_else(|| Expr::val(true));
    let mut select = Query::select();
    select
        .exprs(key(table).into_iter().map(own))
        .from_subquery(rows, Alias::new("own"))
        .join_subquery(
            sea_query::JoinType::LeftJoin,
            theirs,
            Alias::new("other"),
            same,
        );
    for column in key(table) {
        select.order_by((Alias::new("own"), column), Order::Asc);
    }
    select
}

/// No row of the other table was found.
fn absent(table: &MovedTable) -> Expr {
    let first = key(table).into_iter().next();
    first.map_or_else(|| Expr::val(false), |first| other(first).is_null())
}

fn own(column: Alias) -> Expr {
    Expr::col((Alias::new("own"), column))
}

fn other(column: Alias) -> Expr {
    Expr::col((Alias::new("other"), column))
}

fn rows_of(table: &MovedTable, place: TableRef) -> SelectStatement {
    let mut select = Query::select();
    select.columns(columns(table)).from(place);
    select
}

fn of_source(table: &MovedTable) -> TableRef {
    (Alias::new(SOURCE), Alias::new(&table.name)).into_table_ref()
}

fn in_file(table: &MovedTable) -> TableRef {
    (Alias::new("main"), Alias::new(&table.name)).into_table_ref()
}

fn columns(table: &MovedTable) -> Vec<Alias> {
    let columns = table.def.columns.iter();
    columns.map(|column| Alias::new(&column.name)).collect()
}

fn key(table: &MovedTable) -> Vec<Alias> {
    let key = table.def.primary_key.iter();
    key.map(|ordinal| Alias::new(&table.def.columns[*ordinal].name))
        .collect()
}
