//! Rendering of sea-query's statements: text, values and identifiers.
//!
//! Called by every module that builds SQL.

use std::sync::Arc;

use sea_query::{
    Expr, IntoTableRef as _, MysqlQueryBuilder, PostgresQueryBuilder, Query, QueryStatementWriter,
    SqliteQueryBuilder, TableRef, Value, Values,
};

use super::identifier::names_in_backticks;
use super::{Args, Field};
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// Renders a statement for a database, and returns its text with placeholders and its values in
/// order.
pub(crate) fn render(dialect: Dialect, statement: &impl QueryStatementWriter) -> (String, Values) {
    match dialect {
        Dialect::Sqlite => {
            let (text, values) = statement.build(SqliteQueryBuilder);
            (names_in_backticks(text), values)
        }
        Dialect::Postgres => statement.build(PostgresQueryBuilder),
        Dialect::MySql => statement.build(MysqlQueryBuilder),
    }
}

impl Args {
    /// Binds a value of a rendered statement by the type of the value.
    pub(crate) fn push(&mut self, value: &Value) -> Result<()> {
        macro_rules! bind {
            ($($variant:ident => $rust:ty,)*) => {
                match value {
                    $(
                        Value::$variant(Some(value)) => <$rust as Field>::bind(value, self),
                        Value::$variant(None) => <$rust as Field>::bind_null(self),
                    )*
                    #[cfg(feature = "json")]
                    Value::Json(Some(value)) => Field::bind(&**value, self),
                    #[cfg(feature = "json")]
                    Value::Json(None) => serde_json::Value::bind_null(self),
                    #[cfg(feature = "chrono")]
                    Value::ChronoDateTimeUtc(value) => value.bind(self),
                    #[cfg(feature = "chrono")]
                    Value::ChronoDateTime(value) => value.bind(self),
                    #[cfg(feature = "chrono")]
                    Value::ChronoDate(value) => value.bind(self),
                    #[cfg(feature = "chrono")]
                    Value::ChronoTime(value) => value.bind(self),
                    #[cfg(feature = "time")]
                    Value::TimeDateTimeWithTimeZone(value) => value.bind(self),
                    #[cfg(feature = "time")]
                    Value::TimeDateTime(value) => value.bind(self),
                    #[cfg(feature = "time")]
                    Value::TimeDate(value) => value.bind(self),
                    #[cfg(feature = "time")]
                    Value::TimeTime(value) => value.bind(self),
                    #[cfg(feature = "uuid")]
                    Value::Uuid(value) => value.bind(self),
                    #[cfg(feature = "decimal")]
                    Value::Decimal(value) => value.bind(self),
                    #[cfg(feature = "decimal")]
                    Value::Array(sea_query::ArrayType::Decimal, _) => match super::decimal::scaled_of(value) {
                        Some(decimal) => super::decimal::bind_scaled(decimal, self),
                        None => rust_decimal::Decimal::bind_null(self),
                    },
                    Value::Char(value) => value.map(String::from).bind(self),
                    _ => Err(Error::unsupported(
                        "an expression contains a value of a type that no column can have",
                    )),
                }
            };
        }
        bind! {
            Bool => bool,
            TinyInt => i8,
            SmallInt => i16,
            Int => i32,
            BigInt => i64,
            TinyUnsigned => u8,
            SmallUnsigned => u16,
            Unsigned => u32,
            BigUnsigned => u64,
            Float => f32,
            Double => f64,
            String => String,
            Bytes => Vec<u8>,
        }
    }
}

/// The user's own SQL as it is sent, and whether its plan may be cached on the connection.
pub(crate) fn user_sql(dialect: Dialect, text: String) -> (Arc<str>, bool) {
    #[cfg(feature = "sqlite")]
    if dialect == Dialect::Sqlite {
        let (text, kept) = super::sqlite::user_sql(text);
        return (text.into(), kept);
    }
    let _ = dialect;
    (text.into(), true)
}

/// The quoted identifiers of a table or column, joined by dots.
pub(crate) fn quote(dialect: Dialect, name: &TableRef) -> String {
    // sea-query quotes identifiers within statements alone: this is the text after FROM.
    let mut select = Query::select();
    select.expr(Expr::cust("1")).from(name.clone());
    let (text, _) = render(dialect, &select);
    match text.split_once(" FROM ") {
        Some((_, quoted)) => quoted.to_owned(),
        None => text,
    }
}

/// A comment that distinguishes statements with equal texts and values of different types.
///
/// PostgreSQL's driver caches a prepared statement by its text alone, and would send a value of one
/// type as another.
pub(crate) fn signature(dialect: Dialect, values: &[Value]) -> String {
    if dialect != Dialect::Postgres || values.is_empty() {
        return String::new();
    }
    let mut comment = " /*".to_owned();
    for value in values {
        let debug = format!("{:?}", value.as_null());
        comment.push(' ');
        comment.extend(debug.chars().take_while(|character| *character != '('));
    }
    comment.push_str(" */");
    comment
}

/// Renders a `CREATE TABLE`.
pub(crate) fn render_table(dialect: Dialect, table: &sea_query::TableCreateStatement) -> String {
    match dialect {
        Dialect::Sqlite => names_in_backticks(table.to_string(SqliteQueryBuilder)),
        Dialect::Postgres => table.to_string(PostgresQueryBuilder),
        Dialect::MySql => table.to_string(MysqlQueryBuilder),
    }
}

/// Renders an `ALTER TABLE`.
pub(crate) fn render_alter(dialect: Dialect, table: &sea_query::TableAlterStatement) -> String {
    match dialect {
        Dialect::Sqlite => table.to_string(SqliteQueryBuilder),
        Dialect::Postgres => table.to_string(PostgresQueryBuilder),
        Dialect::MySql => table.to_string(MysqlQueryBuilder),
    }
}

/// The type of a column for long texts.
pub(crate) fn long_text(dialect: Dialect) -> sea_query::ColumnType {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => sea_query::ColumnType::Text,
        // TEXT holds 65,535 bytes.
        Dialect::MySql => sea_query::ColumnType::custom("mediumtext"),
    }
}

/// The type of a column for texts of up to 255 characters, which can be indexed.
pub(crate) fn short_text(dialect: Dialect) -> sea_query::ColumnType {
    match dialect {
        Dialect::Sqlite => sea_query::ColumnType::Text,
        Dialect::Postgres | Dialect::MySql => {
            sea_query::ColumnType::String(sea_query::StringLen::N(255))
        }
    }
}

/// The type of a column of integers of 64 bits.
pub(crate) fn big_integer(dialect: Dialect) -> sea_query::ColumnType {
    match dialect {
        // The only integer of a strict table.
        Dialect::Sqlite => sea_query::ColumnType::Integer,
        Dialect::Postgres | Dialect::MySql => sea_query::ColumnType::BigInteger,
    }
}

/// Renders a `CREATE INDEX`. MySQL has no `IF NOT EXISTS` for it, so that a `CREATE TABLE` contains
/// its indexes.
pub(crate) fn render_index(dialect: Dialect, index: &sea_query::IndexCreateStatement) -> String {
    match dialect {
        Dialect::Sqlite => names_in_backticks(index.to_string(SqliteQueryBuilder)),
        Dialect::Postgres => index.to_string(PostgresQueryBuilder),
        Dialect::MySql => index.to_string(MysqlQueryBuilder),
    }
}

/// The statement that creates a namespace; `None` for SQLite, where it is a file.
pub(crate) fn create_namespace(dialect: Dialect, name: &str) -> Option<String> {
    let quoted = quote(dialect, &sea_query::Alias::new(name).into_table_ref());
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(format!("CREATE SCHEMA IF NOT EXISTS {quoted}")),
        Dialect::MySql => Some(format!(
            "CREATE DATABASE IF NOT EXISTS {quoted} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        )),
    }
}
