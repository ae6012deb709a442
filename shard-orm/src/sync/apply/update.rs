//! Rows that are updated in place, many by one statement.
//!
//! Each is found by its primary key alone. An upsert would do on no database: that of MySQL and
//! MariaDB takes any unique index for the key, and any of them inserts rows that are not there.

use std::sync::Arc;

use sea_query::{Alias, IntoTableRef as _};

use super::{Copy, weight};
use crate::backend::{Args, Sql, element_type, quote};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor as _, Intent, Label, NoRows, Statement, run};
use crate::model::ModelDef;
use crate::sync::source::Cells;
use crate::topology::Namespace;
use crate::transaction::Tx;

/// The rows of one statement where each number of them has a text of its own: few texts, which are
/// prepared once.
const BATCHES: [usize; 3] = [100, 10, 1];
/// The rows of one statement that has an array for each column.
const ROWS_PER_ARRAY: usize = 5_000;

impl Copy {
    /// Updates rows that are there, and gives their number.
    ///
    /// # Errors
    /// When one is not there, and whatever the database says of them.
    pub(super) async fn update(&self, tx: &Tx, rows: &[Cells]) -> Result<u64> {
        let (def, handle) = (self.status.def, &self.status.handle);
        if def.columns.len() == def.primary_key.len() {
            // Of one primary key there are no two different rows.
            return Ok(0);
        }
        let mut left = rows;
        let mut updated = 0;
        while !left.is_empty() {
            let count = batch(
                handle.dialect(),
                def.columns.len(),
                left.iter().map(|row| weight(row)),
            );
            let (batch, rest) = left.split_at(count);
            left = rest;
            let statement = Updates { def, rows: batch };
            let (handle, intent) = (Arc::clone(handle), Intent::Write);
            let found = run(tx.target(), handle, intent, &statement, &mut NoRows).await?;
            if found != count as u64 {
                return Err(Error::new(
                    ErrorKind::Database,
                    format!(
                        "an update of {count} rows of table `{}` on server `{}` found {found}",
                        def.table, self.status.handle.server
                    ),
                ));
            }
            updated += found;
        }
        Ok(updated)
    }
}

/// How many rows, whose sizes are given, the next statement updates.
fn batch(dialect: Dialect, columns: usize, sizes: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0;
    let fit = sizes
        .take(ROWS_PER_ARRAY)
        .take_while(|size| {
            bytes += size + columns * 16;
            bytes <= dialect.capability().statement_bytes
        })
        .count()
        .max(1);
    if dialect == Dialect::Postgres {
        return fit;
    }
    let fits = |count: &usize| *count <= fit && count * columns <= dialect.capability().arguments;
    BATCHES.into_iter().find(fits).unwrap_or(1)
}

/// An update of rows, each of which has all columns of the model.
struct Updates<'a> {
    def: &'static ModelDef,
    rows: &'a [Cells],
}

impl Statement for Updates<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let dialect = namespace.dialect();
        if dialect == Dialect::Postgres {
            (0..self.def.columns.len()).try_for_each(|ordinal| {
                args.array(|column| {
                    let mut rows = self.rows.iter();
                    rows.try_for_each(|row| column.push(&row[ordinal]))
                })
            })?;
        } else {
            let mut values = self.rows.iter().flatten();
            values.try_for_each(|value| args.push(value))?;
        }
        Ok(Sql {
            text: self.text(namespace).into(),
            persistent: true,
            single: false,
        })
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "update",
            table: self.def.table,
        }
    }
}

impl Updates<'_> {
    fn text(&self, namespace: &Namespace) -> String {
        let (def, dialect) = (self.def, namespace.dialect());
        let table = quote(dialect, &namespace.table_of(def));
        let names: Vec<String> = def
            .columns
            .iter()
            .map(|column| quote(dialect, &Alias::new(column.name).into_table_ref()))
            .collect();
        let (mut set, mut found) = (Vec::new(), Vec::new());
        for (ordinal, name) in names.iter().enumerate() {
            if def.primary_key.contains(&ordinal) {
                found.push(format!("own.{name} = given.{name}"));
            } else if dialect == Dialect::MySql {
                set.push(format!("own.{name} = given.{name}"));
            } else {
                set.push(format!("{name} = given.{name}"));
            }
        }
        let (set, found, columns) = (set.join(", "), found.join(" AND "), names.join(", "));
        match dialect {
            Dialect::Postgres => {
                let arrays: Vec<String> = (1..)
                    .zip(def.columns)
                    .map(|(number, column)| {
                        format!("${number}::{}[]", element_type(column.column_type))
                    })
                    .collect();
                let arrays = arrays.join(", ");
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
                self.branches(" UNION ALL ")
            ),
            Dialect::Sqlite => format!(
                "UPDATE {table} AS own SET {set} FROM (SELECT {columns} FROM {table} WHERE 0{}) \
                 AS given WHERE {found}",
                self.branches(" UNION ALL ")
            ),
        }
    }

    /// The rows as queries of their values, each with this before it.
    fn branches(&self, before: &str) -> String {
        let values = vec!["?"; self.def.columns.len()].join(", ");
        format!("{before}SELECT {values}").repeat(self.rows.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_in_few_sizes_that_the_database_takes() {
        let batch =
            |dialect, columns, rows, size| batch(dialect, columns, vec![size; rows].into_iter());
        assert_eq!(batch(Dialect::Sqlite, 6, 1_000, 8), 100);
        assert_eq!(batch(Dialect::MySql, 6, 99, 8), 10);
        assert_eq!(batch(Dialect::Sqlite, 400, 1_000, 8), 10);
        assert_eq!(batch(Dialect::Sqlite, 6, 9, 8), 1);
        assert_eq!(batch(Dialect::Postgres, 400, 999, 8), 999);
        assert_eq!(batch(Dialect::MySql, 6, 1_000, 400_000), 1);
    }
}
