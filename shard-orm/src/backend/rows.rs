//! The texts of statements that write many rows at once.
//!
//! Called by `replicate::apply`. PostgreSQL takes one array for each column, so that one text serves any
//! number of rows; the others take a placeholder for each value.

use sea_query::{Alias, IntoTableRef as _, TableRef};

use super::{DataType, OpaqueForm, element_type, quote};
use crate::dialect::Dialect;

/// The rows of one statement.
pub(crate) struct Rows {
    dialect: Dialect,
    table: String,
    /// The quoted names of the columns.
    names: Vec<String>,
    /// The arrays of the columns, where rows are arrays.
    arrays: Vec<String>,
    /// The values of the columns in the rows `given`, in the types of the table.
    given: Vec<String>,
    rows: usize,
}

impl Rows {
    pub(crate) fn new<'c>(
        dialect: Dialect,
        table: &TableRef,
        columns: impl Iterator<Item = (&'c str, &'c DataType)>,
        rows: usize,
    ) -> Self {
        let (mut names, mut arrays, mut given) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (name, data_type)) in (1..).zip(columns) {
            let name = quote(dialect, &Alias::new(name).into_table_ref());
            let (elements, cast) = match data_type {
                DataType::Known { column_type, .. } => (element_type(*column_type), None),
                DataType::Opaque {
                    form: OpaqueForm::Binary,
                    ..
                } => ("bytea", None),
                DataType::Opaque { declared, .. } => ("text", Some(&declared.text)),
            };
            arrays.push(format!("${number}::{elements}[]"));
            given.push(match cast {
                Some(declared) if dialect.capability().array_arguments => {
                    format!("CAST(given.{name} AS {declared})")
                }
                _ => format!("given.{name}"),
            });
            names.push(name);
        }
        Self {
            dialect,
            table: quote(dialect, table),
            names,
            arrays,
            given,
            rows,
        }
    }

    /// Inserts the rows.
    pub(crate) fn insert(&self) -> String {
        let (table, columns) = (&self.table, self.names.join(", "));
        if self.dialect.capability().array_arguments {
            let arrays = self.arrays.join(", ");
            let given = self.given.join(", ");
            return format!(
                "INSERT INTO {table} ({columns}) SELECT {given} FROM UNNEST({arrays}) AS given ({columns})"
            );
        }
        let row = format!("({})", self.placeholders());
        let rows = vec![row; self.rows].join(", ");
        format!("INSERT INTO {table} ({columns}) VALUES {rows}")
    }

    /// Inserts the rows: on MySQL, MariaDB and SQLite in the place of those that have one of their unique
    /// values; on PostgreSQL also into columns that the database numbers.
    #[cfg(feature = "reshard")]
    pub(crate) fn put(&self) -> String {
        let insert = self.insert();
        match self.dialect {
            Dialect::Postgres => {
                insert.replacen(") SELECT ", ") OVERRIDING SYSTEM VALUE SELECT ", 1)
            }
            Dialect::MySql | Dialect::Sqlite => insert.replacen("INSERT INTO", "REPLACE INTO", 1),
        }
    }

    /// Updates the rows that have the primary keys of these, whose columns have these ordinals.
    pub(crate) fn update(&self, primary_key: &[usize]) -> String {
        let (mut set, mut found) = (Vec::new(), Vec::new());
        let columns = self.names.iter().zip(&self.given);
        for (ordinal, (name, given)) in columns.enumerate() {
            if primary_key.contains(&ordinal) {
                found.push(format!("own.{name} = {given}"));
            } else if self.dialect == Dialect::MySql {
                set.push(format!("own.{name} = {given}"));
            } else {
                set.push(format!("{name} = {given}"));
            }
        }
        let (set, found) = (set.join(", "), found.join(" AND "));
        let (table, columns) = (&self.table, self.names.join(", "));
        let branches = || format!(" UNION ALL SELECT {}", self.placeholders()).repeat(self.rows);
        match self.dialect {
            Dialect::Postgres => {
                let arrays = self.arrays.join(", ");
                format!(
                    "UPDATE {table} AS own SET {set} FROM UNNEST({arrays}) AS given ({columns}) \
                     WHERE {found}"
                )
            }
            // The first branch has no row: by it the others have the types and collations of the
            // table's columns.
            Dialect::MySql => format!(
                "UPDATE {table} AS own JOIN (SELECT {columns} FROM {table} WHERE 1 = 0{}) AS given \
                 ON {found} SET {set}",
                branches()
            ),
            Dialect::Sqlite => format!(
                "UPDATE {table} AS own SET {set} FROM (SELECT {columns} FROM {table} WHERE 0{}) \
                 AS given WHERE {found}",
                branches()
            ),
        }
    }

    fn placeholders(&self) -> String {
        vec!["?"; self.names.len()].join(", ")
    }
}
