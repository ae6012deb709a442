//! The rows of a moved table, read and written by their primary keys.

use std::collections::HashSet;
use std::sync::Arc;

use sea_query::{Alias, Expr, IntoTableRef as _, Query, SelectStatement, TableRef, Value};

use super::place::Place;
use crate::backend::ddl::text;
use crate::backend::{Args, Field as _, Row, RowHash, Rows, Sql, row_sum};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::replicate::{
    Cells, Digest, bytes_of, cells, encode, key_of, limit_to_page, limit_to_range, one_of,
    selected, values,
};
use crate::replicate::{KEYS_PER_STATEMENT, rows_per_statement};
use crate::schema::TableDef;

/// A table of a namespace that moves.
#[derive(Debug, Clone)]
pub(super) struct MovedTable {
    /// Its position among the tables of the job, by which what belongs to it is named.
    pub(super) number: usize,
    /// Its columns, but for those that are computed from others.
    pub(super) def: Arc<TableDef>,
    /// The name that it has now.
    pub(super) name: String,
    /// Whether its values pass between kinds of databases, as values that all of them have, rather than in the form of one
    /// database.
    pub(super) is_canonical: bool,
    /// Which of its rows move; all of them without it.
    pub(super) whose: Option<Expr>,
}

impl MovedTable {
    /// Leaves out generated columns, which no statement may write.
    pub(super) fn new(number: usize, def: &TableDef) -> Self {
        let kept: Vec<usize> = (0..def.columns.len())
            .filter(|ordinal| def.columns[*ordinal].generated.is_none())
            .collect();
        let moved = |ordinal: &usize| kept.iter().position(|own| own == ordinal);
        let mut own = TableDef::new(
            def.name.clone(),
            kept.iter()
                .map(|ordinal| {
                    let mut column = def.columns[*ordinal].clone();
                    column.data_type = column.data_type.verbatim();
                    column
                })
                .collect(),
        );
        own.primary_key = def.primary_key.iter().filter_map(moved).collect();
        Self {
            number,
            name: def.name.clone(),
            def: Arc::new(own),
            is_canonical: false,
            whose: None,
        }
    }

    /// A table between kinds of databases: the counterpart of the source's.
    pub(super) fn canonical(number: usize, def: Arc<TableDef>) -> Self {
        Self {
            number,
            name: def.name.clone(),
            def,
            is_canonical: true,
            whose: None,
        }
    }

    /// The same table under the name that it has now.
    pub(super) fn named(&self, name: String) -> Self {
        Self {
            name,
            ..self.clone()
        }
    }

    /// A query of whole rows.
    pub(super) fn select(&self, place: &Place) -> SelectStatement {
        let all = 0..self.def.columns.len();
        let mut select = Query::select();
        match self.is_canonical {
            true => select.exprs(self.canonical_columns(place.dialect())),
            false => select.exprs(selected(&self.def, all, place.dialect())),
        };
        select.from(Alias::new(&self.name));
        self.limit(&mut select);
        select
    }

    /// Leaves out the rows that do not move.
    pub(super) fn limit(&self, select: &mut SelectStatement) {
        select.and_where_option(self.whose.clone());
    }

    /// The same, as the text of a condition.
    pub(super) fn limit_text(&self, dialect: Dialect) -> Option<String> {
        let whose = self.whose.as_ref()?;
        Some(format!("({})", text(dialect, whose)))
    }

    /// The values of a row that [`select`](Self::select) asked for.
    fn cells(&self, dialect: Dialect, row: &Row<'_>) -> Result<Cells> {
        match self.is_canonical {
            true => self.canonical_cells(dialect, row),
            false => cells(&self.def, row),
        }
    }

    /// The primary keys of rows.
    pub(super) fn keys(&self, rows: &[Cells]) -> Vec<Vec<Value>> {
        rows.iter().map(|cells| key_of(&self.def, cells)).collect()
    }
}

impl Place {
    /// Whether a table has a row.
    pub(super) async fn has_rows(&mut self, table: &str) -> Result<bool> {
        let mut select = Query::select();
        select
            .expr(Expr::cust("1"))
            .from(Alias::new(table))
            .limit(1);
        let found = self.rows(&select, |_| Ok(())).await?;
        Ok(!found.is_empty())
    }

    /// The rows after a key, in the order of the primary key.
    pub(super) async fn page(
        &mut self,
        table: &MovedTable,
        key: Option<&[Value]>,
        most: u64,
    ) -> Result<Vec<Cells>> {
        let (select, dialect) = (
            page_of(table, table.select(self), key, most),
            self.dialect(),
        );
        self.rows(&select, |row| table.cells(dialect, row)).await
    }

    /// The rows after a key, up to another one and with it, in the order of the primary key.
    pub(super) async fn range(
        &mut self,
        table: &MovedTable,
        after: Option<&[Value]>,
        end: Option<&[Value]>,
    ) -> Result<Vec<Cells>> {
        let mut select = table.select(self);
        limit_to_range(&mut select, &table.def, after, end);
        let dialect = self.dialect();
        self.rows(&select, |row| table.cells(dialect, row)).await
    }

    /// The key of the last row of the next page of a table, whose name here is given, if a full page is left.
    pub(super) async fn end_of_page(
        &mut self,
        table: &MovedTable,
        name: TableRef,
        after: Option<&[Value]>,
        most: u64,
    ) -> Result<Option<Vec<Value>>> {
        let keys = table.def.primary_key.iter().copied();
        let mut select = Query::select();
        select
            .exprs(selected(&table.def, keys, self.dialect()))
            .from(name);
        table.limit(&mut select);
        limit_to_range(&mut select, &table.def, after, None);
        select.limit(1).offset(most.saturating_sub(1));
        let read = |row: &Row<'_>| values(&table.def, &table.def.primary_key, row, 0);
        Ok(self.rows(&select, read).await?.pop())
    }

    /// The number of rows after a key, up to another one and with it, and a sum of their hashes; `None` where the
    /// database has none.
    pub(super) async fn sum(
        &mut self,
        table: &MovedTable,
        after: Option<&[Value]>,
        end: Option<&[Value]>,
    ) -> Result<Option<(i64, Option<String>)>> {
        if table.is_canonical {
            return self.canonical_sum(table, after, end).await.map(Some);
        }
        let columns = table.def.columns.iter();
        let columns = columns.map(|one| (one.name.as_str(), one.data_type.column_type()));
        let Some(sum) = row_sum(self.dialect(), columns) else {
            return Ok(None);
        };
        let mut select = Query::select();
        table.limit(&mut select);
        limit_to_range(&mut select, &table.def, after, end);
        select
            .clear_order_by()
            .expr(Expr::cust("COUNT(*)"))
            .expr(sum)
            .from(Alias::new(&table.name));
        let read = |row: &Row<'_>| Ok((i64::read(row, 0)?, Option::<String>::read(row, 1)?));
        Ok(self.rows(&select, read).await?.pop())
    }

    /// The number of such rows, and a sum of their canonical digests, which all databases have.
    async fn canonical_sum(
        &mut self,
        table: &MovedTable,
        after: Option<&[Value]>,
        end: Option<&[Value]>,
    ) -> Result<(i64, Option<String>)> {
        let columns = table.def.columns.iter();
        let columns = columns.map(|one| (one.name.as_str(), one.data_type.column_type()));
        if let Some(hash) = RowHash::new(self.dialect(), columns) {
            let mut rows = Query::select();
            limit_to_range(&mut rows, &table.def, after, end);
            rows.clear_order_by().from(Alias::new(&table.name));
            let sums = hash.sums(rows, Expr::val(0));
            let read = |row: &Row<'_>| {
                let (count, hashed) = (i64::read(row, 1)?, i64::read(row, 2)?);
                let words = [String::read(row, 3)?, String::read(row, 4)?];
                let digest = Digest::of_words(count.unsigned_abs(), &words)?;
                Ok((count == hashed).then_some((count, digest.folded())))
            };
            match self.rows(&sums, read).await?.pop() {
                None => return Ok((0, None)),
                Some(Some(sum)) => return Ok(sum),
                // A row that the server cannot encode, such as one that is very long.
                Some(None) => {}
            }
        }
        let mut digest = Digest::default();
        let mut encoded = Vec::new();
        for row in self.range(table, after, end).await? {
            encoded.clear();
            encode(&row, &mut encoded)?;
            digest.add_row(&encoded);
        }
        let count = i64::try_from(digest.rows()).unwrap_or(i64::MAX);
        Ok((count, digest.folded()))
    }

    /// The rows that exist of those with these primary keys.
    pub(super) async fn rows_of(
        &mut self,
        table: &MovedTable,
        keys: &[Vec<Value>],
    ) -> Result<Vec<Cells>> {
        let mut found = Vec::new();
        for keys in keys.chunks(KEYS_PER_STATEMENT) {
            let mut select = table.select(self);
            select.and_where_option(one_of(&table.def, keys));
            let dialect = self.dialect();
            let rows = self.rows(&select, |row| table.cells(dialect, row));
            found.extend(rows.await?);
        }
        Ok(found)
    }

    /// Deletes the rows that exist of those with these primary keys.
    pub(super) async fn delete_rows(
        &mut self,
        table: &MovedTable,
        keys: &[Vec<Value>],
    ) -> Result<()> {
        for keys in keys.chunks(KEYS_PER_STATEMENT) {
            let mut delete = Query::delete();
            delete
                .from_table(Alias::new(&table.name))
                .and_where_option(one_of(&table.def, keys));
            self.run(&delete).await?;
        }
        Ok(())
    }

    /// Inserts rows. On MySQL, MariaDB and SQLite each takes the place of the rows that have one of its
    /// unique values.
    pub(super) async fn put_rows(&mut self, table: &MovedTable, rows: &[Cells]) -> Result<()> {
        self.send_rows(table, rows, Rows::put).await
    }

    /// Inserts rows. One of whose unique values there is another row is an error.
    pub(super) async fn insert_rows(&mut self, table: &MovedTable, rows: &[Cells]) -> Result<()> {
        let puts_plainly = self.dialect().capability().array_arguments;
        let text = if puts_plainly {
            Rows::put
        } else {
            Rows::insert
        };
        self.send_rows(table, rows, text).await
    }

    async fn send_rows(
        &mut self,
        table: &MovedTable,
        rows: &[Cells],
        text_of: fn(&Rows) -> String,
    ) -> Result<()> {
        let dialect = self.dialect();
        table.check_lengths(dialect, rows)?;
        let reference = Alias::new(&table.name).into_table_ref();
        let mut left = rows;
        while !left.is_empty() {
            let count = rows_per_statement(dialect, table.def.columns.len(), left);
            let (some, rest) = left.split_at(count);
            left = rest;
            let columns = table.def.columns.iter();
            let columns = columns.map(|column| (column.name.as_str(), &column.data_type));
            let text = text_of(&Rows::new(dialect, &reference, columns, some.len()));
            let mut args = Args::new(dialect)?;
            if dialect.capability().array_arguments {
                for ordinal in 0..table.def.columns.len() {
                    args.array(|column| {
                        some.iter().try_for_each(|row| column.push(&row[ordinal]))
                    })?;
                }
            } else {
                some.iter()
                    .flatten()
                    .try_for_each(|value| args.push(value))?;
            }
            let sql = Sql {
                text: text.into(),
                persistent: true,
                single: false,
            };
            let done = self.conn.run(sql, args, &mut |_| Ok(())).await;
            done.map_err(|failure| self.named(failure))?;
        }
        Ok(())
    }

    /// Brings the rows with these primary keys to the state in `rows`; those that are not there are
    /// deleted.
    pub(super) async fn write_rows(
        &mut self,
        table: &MovedTable,
        keys: &[Vec<Value>],
        rows: &[Cells],
    ) -> Result<()> {
        if self.dialect().capability().conflict_target
            && self.dialect().capability().servers.is_supported()
        {
            // No row may stand in another's way.
            self.delete_rows(table, keys).await?;
            return self.put_rows(table, rows).await;
        }
        let present: HashSet<Vec<u8>> = table
            .keys(rows)
            .iter()
            .map(|key| bytes_of(key))
            .collect::<Result<_>>()?;
        let mut absent = Vec::new();
        for key in keys {
            if !present.contains(&bytes_of(key)?) {
                absent.push(key.clone());
            }
        }
        self.delete_rows(table, &absent).await?;
        self.put_rows(table, rows).await
    }
}

/// Keys in their order, each once.
pub(super) fn each_once(keys: impl IntoIterator<Item = Vec<Value>>) -> Result<Vec<Vec<Value>>> {
    let mut seen = HashSet::new();
    let mut once = Vec::new();
    for key in keys {
        if seen.insert(bytes_of(&key)?) {
            once.push(key);
        }
    }
    Ok(once)
}

fn page_of(
    table: &MovedTable,
    mut select: SelectStatement,
    key: Option<&[Value]>,
    most: u64,
) -> SelectStatement {
    limit_to_page(&mut select, &table.def, key, most);
    select
}
