//! The tables that the models of a process read: one row for each process, beside its heartbeat.

use std::fmt;

use sea_query::{Alias, Expr, OnConflict, Query};

use super::process::Heartbeat;
use super::session::Store;
use super::tables::{CLUSTER, TABLE_USE, TABLE_USE_COLUMNS};
use crate::backend::{Field as _, Row};
use crate::error::{Error, ErrorKind, Result};

/// A table that a process reads and writes, with the columns that it names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TableUse {
    /// Where the table is: the name of a group, `<group>.static` for its static tables, or the name of
    /// a database; as the folders of migrations are named.
    pub place: String,
    /// The table.
    pub table: String,
    /// The columns.
    pub columns: Vec<String>,
}

impl TableUse {
    pub(crate) fn new<'a>(
        place: impl Into<String>,
        table: &str,
        columns: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            place: place.into(),
            table: table.to_owned(),
            columns: columns.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Whether it is of this table, and names the column if there is one. Capitals do not count: names
    /// without quotes have none.
    #[must_use]
    pub fn names(&self, place: &str, table: &str, column: Option<&str>) -> bool {
        let names = |column: &str| {
            let mut columns = self.columns.iter();
            columns.any(|own| own.eq_ignore_ascii_case(column))
        };
        self.place == place && self.table.eq_ignore_ascii_case(table) && column.is_none_or(names)
    }
}

impl fmt::Display for TableUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            table,
            columns,
        } = self;
        write!(f, "{place}: {table} ({})", columns.join(", "))
    }
}

/// The stored form: a line for each table, its parts between tabs.
fn text_of(uses: &[TableUse]) -> String {
    let lines = uses.iter().map(|one| {
        let parts = [&one.place, &one.table].into_iter().chain(&one.columns);
        // A name with such a character would be read as several.
        let parts = parts.map(|name| name.replace(['\t', '\n'], " "));
        parts.collect::<Vec<String>>().join("\t")
    });
    lines.collect::<Vec<String>>().join("\n")
}

/// Reads the stored form. Lines that have no table are left out.
fn parse(text: &str) -> Vec<TableUse> {
    let lines = text.lines().filter_map(|line| {
        let mut parts = line.split('\t');
        let (place, table) = (parts.next()?, parts.next()?);
        Some(TableUse::new(place, table, parts))
    });
    lines.collect()
}

impl Store<'_> {
    /// Reports the tables of this process.
    pub(crate) async fn report_tables(self, process: &Heartbeat, uses: &[TableUse]) -> Result<()> {
        let handle = self.handle();
        let [_, process_id, tables] = TABLE_USE_COLUMNS;
        let mut conflict = OnConflict::columns([CLUSTER, process_id].map(Alias::new));
        conflict.update_column(Alias::new(tables));
        let mut insert = Query::insert();
        insert
            .into_table(handle.namespace.own_table(TABLE_USE))
            .columns(TABLE_USE_COLUMNS.map(Alias::new))
            .values([
                Expr::val(&*handle.cluster),
                Expr::val(process.id()),
                Expr::val(text_of(uses)),
            ])
            .map_err(|source| Error::configuration("the tables of a process").with_source(source))?
            .on_conflict(conflict);
        self.write_upgrading(&insert).await.map(drop)
    }

    /// The tables of all processes, by the id of each.
    pub(super) async fn table_uses(self) -> Result<Vec<(String, Vec<TableUse>)>> {
        let select = self.select(TABLE_USE, &TABLE_USE_COLUMNS);
        let read = |row: &Row<'_>| Ok((String::read(row, 1)?, parse(&String::read(row, 2)?)));
        match self.rows(&select, read).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(Vec::new()),
            rows => rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_they_were_written() {
        let uses = [
            TableUse::new("shop", "orders", ["id", "user_id"]),
            TableUse::new("shop.static", "airlines", []),
        ];
        assert_eq!(parse(&text_of(&uses)), uses);
        assert_eq!(parse(""), []);
        assert_eq!(parse("shop"), []);
    }

    #[test]
    fn names_are_found_without_their_capitals() {
        let orders = TableUse::new("shop", "orders", ["id"]);
        assert!(orders.names("shop", "Orders", None));
        assert!(orders.names("shop", "orders", Some("ID")));
        assert!(!orders.names("shop", "orders", Some("item")));
        assert!(!orders.names("shop.static", "orders", None));
    }
}
