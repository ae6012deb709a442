//! Many rows in one statement: inserts, and updates in place.
//!
//! An update finds each row by its primary key alone. An upsert would not do: MySQL and MariaDB take any
//! unique index for the key, and every database inserts rows that do not exist.

use std::sync::Arc;

use crate::backend::{Args, Rows, Sql};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Intent, Label, NoRows, Statement, run};
use crate::replicate::keys::Cells;
use crate::replicate::location::TableLocation;
use crate::topology::Namespace;
use crate::transaction::Tx;

/// The numbers of rows in one statement where each number has a text of its own: few texts, which are
/// prepared once.
const SIZES: [usize; 4] = [1_000, 100, 10, 1];
/// The maximum number of rows in a statement with one array for each column.
const ROWS_PER_ARRAY: usize = 5_000;

/// The kind of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Batch {
    Insert,
    /// Fails when a row does not exist.
    Update,
}

impl Batch {
    /// Writes rows in as many statements as needed, and returns their number.
    pub(super) async fn send(self, copy: &TableLocation, tx: &Tx, rows: &[Cells]) -> Result<u64> {
        let mut left = rows;
        while !left.is_empty() {
            let sizes = left.iter().map(|row| weight(row));
            let count = self.size(copy.dialect(), copy.def().columns.len(), sizes);
            let (rows, rest) = left.split_at(count);
            left = rest;
            let statement = Write {
                batch: self,
                copy,
                rows,
            };
            let (handle, intent) = (Arc::clone(&copy.handle), Intent::Write);
            let found = run(
                copy.target(Some(tx)),
                handle,
                intent,
                &statement,
                &mut NoRows,
            )
            .await?;
            if self == Self::Update && found != count as u64 {
                return Err(Error::new(
                    ErrorKind::Database,
                    format!(
                        "an update of {count} rows of table `{}` on server `{}` found {found}",
                        copy.name(),
                        copy.handle.server
                    ),
                ));
            }
        }
        Ok(rows.len() as u64)
    }

    /// The number of rows, whose sizes are given, in the next statement.
    fn size(self, dialect: Dialect, columns: usize, sizes: impl Iterator<Item = usize>) -> usize {
        let mut bytes = 0;
        let fit = sizes
            .take(ROWS_PER_ARRAY)
            .take_while(|size| {
                bytes += size + columns * 16;
                bytes <= dialect.capability().statement_bytes
            })
            .count()
            .max(1);
        if dialect.capability().array_arguments {
            return fit;
        }
        let largest = match self {
            Self::Insert => SIZES[0],
            Self::Update => SIZES[1],
        };
        let fits = |count: &usize| {
            *count <= fit.min(largest) && count * columns <= dialect.capability().arguments
        };
        SIZES.into_iter().find(fits).unwrap_or(1)
    }
}

/// The number of rows in the next statement that inserts these.
#[cfg(feature = "reshard")]
pub(crate) fn rows_per_statement(dialect: Dialect, columns: usize, rows: &[Cells]) -> usize {
    Batch::Insert.size(dialect, columns, rows.iter().map(|row| weight(row)))
}

/// The approximate number of bytes that a row has in a statement.
fn weight(cells: &[sea_query::Value]) -> usize {
    let weight = |value: &sea_query::Value| match value {
        sea_query::Value::String(Some(text)) => text.len(),
        sea_query::Value::Bytes(Some(bytes)) => bytes.len(),
        #[cfg(feature = "json")]
        sea_query::Value::Json(Some(json)) => json.to_string().len(),
        // The longest decimals and times are a little longer than the overhead of a column.
        _ => 16,
    };
    cells.iter().map(weight).sum()
}

/// A statement that writes rows, each of which has all columns.
struct Write<'a> {
    batch: Batch,
    copy: &'a TableLocation,
    rows: &'a [Cells],
}

impl Statement for Write<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let (def, dialect) = (self.copy.def(), namespace.dialect());
        let columns = def.columns.iter();
        let columns = columns.map(|column| (column.name.as_str(), &column.data_type));
        if dialect.capability().array_arguments {
            (0..def.columns.len()).try_for_each(|ordinal| {
                args.array(|column| {
                    let mut rows = self.rows.iter();
                    rows.try_for_each(|row| column.push(&row[ordinal]))
                })
            })?;
        } else {
            let mut values = self.rows.iter().flatten();
            values.try_for_each(|value| args.push(value))?;
        }
        let table = namespace.table(self.copy.name());
        let rows = Rows::new(dialect, &table, columns, self.rows.len());
        let text = match self.batch {
            Batch::Insert => rows.insert(),
            Batch::Update => rows.update(&def.primary_key),
        };
        Ok(Sql {
            text: text.into(),
            persistent: true,
            single: false,
        })
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: match self.batch {
                Batch::Insert => "insert",
                Batch::Update => "update",
            },
            table: self.copy.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_in_few_sizes_that_the_database_takes() {
        let size = |batch: Batch, dialect, columns, rows, size| {
            batch.size(dialect, columns, vec![size; rows].into_iter())
        };
        assert_eq!(size(Batch::Update, Dialect::Sqlite, 6, 1_000, 8), 100);
        assert_eq!(size(Batch::Insert, Dialect::Sqlite, 6, 1_000, 8), 1_000);
        assert_eq!(size(Batch::Update, Dialect::MySql, 6, 99, 8), 10);
        assert_eq!(size(Batch::Update, Dialect::Sqlite, 400, 1_000, 8), 10);
        assert_eq!(size(Batch::Insert, Dialect::Sqlite, 6, 9, 8), 1);
        assert_eq!(size(Batch::Update, Dialect::Postgres, 400, 999, 8), 999);
        assert_eq!(size(Batch::Insert, Dialect::MySql, 6, 1_000, 400_000), 1);
    }
}
