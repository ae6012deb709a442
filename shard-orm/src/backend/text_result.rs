//! Results as texts, whatever the types of their columns are, for SQL that an operator writes.
//!
//! Called by `admin`. The text is not prepared: it may hold several statements, also such as the
//! databases do not prepare. PostgreSQL, MySQL and MariaDB then send texts; values of SQLite are
//! written here.

#[allow(unused_imports)] // Those of a database that is not compiled in.
use std::fmt::Write as _;
use std::future::poll_fn;

use sqlx::{AssertSqlSafe, Column as _, Database, Either, Executor as _, Row as _};

use super::response::ResultStream;
use super::{Conn, Failure};
use crate::dialect::Dialect;
use crate::error::Result;

/// The result of one statement. The columns of a result without rows are not known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TextResult {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// The number of affected rows; on PostgreSQL, also of those that were read.
    pub(crate) affected: u64,
}

impl Conn {
    /// Runs the statements of a text, and adds their results to `results`, also those before a
    /// failure.
    pub(crate) async fn run_texts(
        &mut self,
        text: &str,
        results: &mut Vec<TextResult>,
    ) -> Result<(), Failure> {
        self.check_size(text, 0)?;
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn, _) => {
                let text = super::identifier::names_in_backticks(text.to_owned());
                let (text, kept) = super::sqlite::user_sql(text);
                let rows = super::sqlite::fetch_all(conn, text.as_str().into());
                let rows = ResultStream::<sqlx::Sqlite>::new(Dialect::Sqlite, rows);
                let rows = if kept { rows } else { rows.after_refresh() };
                let affected = |done: &sqlx::sqlite::SqliteQueryResult| done.rows_affected();
                collect(rows, Dialect::Sqlite, of_sqlite, affected, results).await
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => {
                let rows = conn.fetch_many(sqlx::raw_sql(AssertSqlSafe(text.to_owned())));
                let rows = ResultStream::<sqlx::Postgres>::new(Dialect::Postgres, rows);
                let affected = |done: &sqlx::postgres::PgQueryResult| done.rows_affected();
                collect(rows, Dialect::Postgres, of_postgres, affected, results).await
            }
            #[cfg(feature = "mysql")]
            Self::MySql(conn, _) => {
                let rows = conn.fetch_many(sqlx::raw_sql(AssertSqlSafe(text.to_owned())));
                let rows = ResultStream::<sqlx::MySql>::new(Dialect::MySql, rows);
                let affected = |done: &sqlx::mysql::MySqlQueryResult| done.rows_affected();
                collect(rows, Dialect::MySql, of_mysql, affected, results).await
            }
        }
    }
}

/// The value of a column as a text; `None` for NULL.
type Read<DB> = fn(&<DB as Database>::Row, usize) -> sqlx::Result<Option<String>>;

/// Reads all results.
async fn collect<DB: Database>(
    mut rows: ResultStream<'_, DB>,
    dialect: Dialect,
    read: Read<DB>,
    affected: impl Fn(&DB::QueryResult) -> u64,
    results: &mut Vec<TextResult>,
) -> Result<(), Failure> {
    let mut current = TextResult::default();
    while let Some(step) = poll_fn(|context| rows.poll(dialect, context)).await {
        match step? {
            Either::Right(row) => {
                if current.columns.is_empty() {
                    let columns = row.columns().iter();
                    current.columns = columns.map(|column| column.name().to_owned()).collect();
                }
                let values = (0..row.len()).map(|ordinal| read(&row, ordinal));
                let values: sqlx::Result<_> = values.collect();
                let values = values.map_err(|source| Failure::from_driver(dialect, source))?;
                current.rows.push(values);
            }
            Either::Left(done) => {
                current.affected = affected(&done);
                results.push(std::mem::take(&mut current));
            }
        }
    }
    Ok(())
}

#[cfg(feature = "postgres")]
fn of_postgres(row: &sqlx::postgres::PgRow, ordinal: usize) -> sqlx::Result<Option<String>> {
    use sqlx::ValueRef as _;

    let value = row.try_get_raw(ordinal)?;
    if value.is_null() {
        return Ok(None);
    }
    let text = value.as_str().map_err(sqlx::Error::Decode)?;
    Ok(Some(text.to_owned()))
}

#[cfg(feature = "mysql")]
fn of_mysql(row: &sqlx::mysql::MySqlRow, ordinal: usize) -> sqlx::Result<Option<String>> {
    use sqlx::{Decode, MySql, Type, TypeInfo as _, ValueRef as _};

    let value = row.try_get_raw(ordinal)?;
    let is_bytes = {
        let class = value.type_info();
        // A text is stored as bytes as well, with another collation than `binary`.
        let is_text = <str as Type<MySql>>::compatible(&class);
        <&[u8] as Type<MySql>>::compatible(&class) && !is_text
            || matches!(class.name(), "BIT" | "GEOMETRY")
    };
    if super::mysql::is_null(value) {
        return Ok(None);
    }
    let value = row.try_get_raw(ordinal)?;
    let bytes = <&[u8] as Decode<'_, MySql>>::decode(value).map_err(sqlx::Error::Decode)?;
    Ok(Some(match std::str::from_utf8(bytes) {
        Ok(text) if !is_bytes => text.to_owned(),
        _ => hexadecimal(bytes),
    }))
}

#[cfg(feature = "sqlite")]
fn of_sqlite(row: &sqlx::sqlite::SqliteRow, ordinal: usize) -> sqlx::Result<Option<String>> {
    use sea_query::Value;

    Ok(match super::sqlite::of_storage_class(row, ordinal)? {
        Value::BigInt(Some(number)) => Some(number.to_string()),
        // The shortest text that is read back as the same number, always with a point.
        Value::Double(Some(number)) => Some(format!("{number:?}")),
        Value::Bytes(Some(bytes)) => Some(hexadecimal(&bytes)),
        Value::String(text) => text,
        _ => None,
    })
}

/// Bytes in the form of PostgreSQL: `\x00ff`.
#[allow(dead_code)] // PostgreSQL writes them itself.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for byte in bytes {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
