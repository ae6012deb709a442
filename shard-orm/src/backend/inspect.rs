//! What a table really looks like in its database: columns, keys, foreign keys.
//!
//! Three questions for each database, which give rows of one form. Asked by `replicate::compatibility`.

mod catalog;
mod fit;
mod loss;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
mod types;

pub(crate) use self::catalog::{Catalog, IndexRow, PartRow};
#[cfg(feature = "reshard")]
pub(crate) use self::fit::is_held_by_affinity;
pub(crate) use self::fit::{base, expected, unfit, unfit_number};
pub(crate) use self::loss::{Described, Stored, loss};

use sea_query::{Alias, IntoTableRef as _, TableName, TableRef, Value};

use super::args::not_compiled;
use super::{Field, Row, quote};
use crate::dialect::Dialect;
use crate::error::Result;

/// How texts of a column are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Equality {
    /// Texts are equal when their bytes are.
    Bytes,
    /// Spaces at the end do not count.
    Padded,
    /// Capitals or accents do not count.
    Folded,
}

/// A column as it is in its database.
#[derive(Debug, Clone)]
pub(crate) struct ColumnShape {
    pub(crate) name: String,
    /// The database's own name of the type, in lower case.
    pub(crate) type_name: String,
    pub(crate) nullable: bool,
    /// Whether a row may be inserted without it.
    pub(crate) has_default: bool,
    /// Whether it is computed from others, and cannot be written.
    pub(crate) generated: bool,
    pub(crate) collation: Option<String>,
    pub(crate) charset: Option<String>,
    /// The longest text in characters, or bytes.
    pub(crate) length: Option<i64>,
    pub(crate) precision: Option<i64>,
    pub(crate) scale: Option<i64>,
    /// The digits of a second's fraction.
    pub(crate) fraction: Option<i64>,
    pub(crate) equality: Equality,
    /// Whether its texts are ordered by their bytes.
    pub(crate) by_bytes: bool,
}

/// A primary key or unique index.
#[derive(Debug, Clone)]
pub(crate) struct KeyShape {
    pub(crate) name: String,
    pub(crate) primary: bool,
    /// The columns, in order; an expression has no name.
    pub(crate) columns: Vec<Option<String>>,
}

/// Which of the two tables of a foreign key refers to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// The table to another one.
    Outgoing,
    /// Another one to the table.
    Incoming,
    /// The table to itself.
    Own,
}

/// A foreign key between the table and another one, or itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForeignKey {
    pub(crate) name: String,
    /// The schema or database of the other table, when it is not that of the table.
    pub(crate) schema: Option<String>,
    /// The other table.
    pub(crate) table: String,
    pub(crate) direction: Direction,
    /// The columns that refer, and those that they refer to, in order. The latter are missing when
    /// a table of SQLite that is referred to is not there.
    pub(crate) columns: Vec<(String, Option<String>)>,
}

/// What a table looks like.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) columns: Vec<ColumnShape>,
    pub(crate) keys: Vec<KeyShape>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// The encoding of texts, where the database has but one.
    pub(crate) encoding: Option<String>,
}

impl Shape {
    pub(crate) fn column(&self, name: &str) -> Option<&ColumnShape> {
        // MySQL, MariaDB and SQLite do not tell capitals apart in names of columns.
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| {
            let mut columns = self.columns.iter();
            columns.find(|column| column.name.eq_ignore_ascii_case(name))
        })
    }

    pub(crate) fn primary_key(&self) -> Option<&KeyShape> {
        self.keys.iter().find(|key| key.primary)
    }

    /// Whether the texts of a column are ordered by their bytes.
    pub(crate) fn is_ordered_by_bytes(&self, column: &str) -> bool {
        self.column(column).is_some_and(|column| column.by_bytes)
    }
}

/// A question and its arguments.
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

/// The subject of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// Gives rows for [`column`].
    Columns,
    /// Unique keys; gives rows for [`key`].
    Keys,
    /// The foreign keys from and to a table; gives rows for [`foreign_key`].
    ForeignKeys,
    /// All indexes, for [`Catalog`].
    Indexes,
    /// The foreign keys of a table itself, for [`Catalog`].
    OwnForeignKeys,
    /// The checks, for [`Catalog`].
    Checks,
}

/// The question about a table, in the SQL of its database.
pub(crate) fn question(dialect: Dialect, table: &TableRef, about: About) -> Result<Question> {
    let (schema, name) = names(table);
    match dialect {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => Ok(sqlite::question(Some(name), about)),
        #[cfg(feature = "postgres")]
        Dialect::Postgres => Ok(postgres::question(Some(quote(dialect, table)), true, about)),
        #[cfg(feature = "mysql")]
        Dialect::MySql => Ok(mysql::question(schema, Some(name), about)),
        #[allow(unreachable_patterns)]
        other => {
            let _ = (schema, name);
            Err(not_compiled(other))
        }
    }
}

/// The question about all tables of the namespace that this one is in.
pub(crate) fn question_about_all(
    dialect: Dialect,
    table: &TableRef,
    about: About,
) -> Result<Question> {
    let (namespace, _) = names(table);
    match dialect {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => Ok(sqlite::question(None, about)),
        #[cfg(feature = "postgres")]
        Dialect::Postgres => {
            let quoted = |name: String| quote(dialect, &Alias::new(name).into_table_ref());
            let name = namespace.map(quoted);
            Ok(postgres::question(name, false, about))
        }
        #[cfg(feature = "mysql")]
        Dialect::MySql => Ok(mysql::question(namespace, None, about)),
        #[allow(unreachable_patterns)]
        other => {
            let _ = namespace;
            Err(not_compiled(other))
        }
    }
}

fn names(table: &TableRef) -> (Option<String>, String) {
    match table {
        TableRef::Table(TableName(schema, name), _) => (
            schema.as_ref().map(|schema| schema.1.to_string()),
            name.to_string(),
        ),
        _ => (None, String::new()),
    }
}

/// One column, and the encoding of the database.
pub(crate) fn column(dialect: Dialect, row: &Row<'_>) -> Result<(ColumnShape, Option<String>)> {
    let flag = |ordinal| i64::read(row, ordinal).map(|flag| flag != 0);
    let collation = Option::<String>::read(row, 5)?;
    let deterministic = flag(11)?;
    let name = String::read(row, 0)?;
    let (equality, by_bytes) = match dialect {
        Dialect::Postgres => {
            let by_bytes = matches!(collation.as_deref(), Some("C" | "POSIX"));
            let equality = if deterministic {
                Equality::Bytes
            } else {
                Equality::Folded
            };
            (equality, by_bytes)
        }
        Dialect::MySql => of_mysql(collation.as_deref()),
        Dialect::Sqlite => match collation.as_deref() {
            Some("NOCASE") => (Equality::Folded, false),
            Some("RTRIM") => (Equality::Padded, false),
            _ => (Equality::Bytes, true),
        },
    };
    let shape = ColumnShape {
        name,
        type_name: String::read(row, 1)?.to_lowercase(),
        nullable: flag(2)?,
        has_default: flag(3)?,
        generated: flag(4)?,
        collation,
        charset: Option::read(row, 6)?,
        length: Option::read(row, 7)?,
        precision: Option::read(row, 8)?,
        scale: Option::read(row, 9)?,
        fraction: Option::read(row, 10)?,
        equality,
        by_bytes,
    };
    Ok((shape, Option::read(row, 12)?))
}

/// The collations of MySQL and MariaDB tell by their names what they fold.
fn of_mysql(collation: Option<&str>) -> (Equality, bool) {
    match collation {
        None | Some("binary" | "utf8mb4_nopad_bin" | "utf8mb4_0900_bin") => (Equality::Bytes, true),
        Some(name) if name.ends_with("_nopad_bin") || name.ends_with("_0900_bin") => {
            (Equality::Bytes, false)
        }
        Some(name) if name.ends_with("_bin") => (Equality::Padded, false),
        Some(_) => (Equality::Folded, false),
    }
}

/// One column of a primary key or unique index: its name, whether it is primary, the column.
pub(crate) fn key(row: &Row<'_>) -> Result<(String, bool, Option<String>)> {
    let primary = i64::read(row, 1)? != 0;
    Ok((String::read(row, 0)?, primary, Option::read(row, 2)?))
}

/// One column of a foreign key, as a key of that column alone.
pub(crate) fn foreign_key(row: &Row<'_>) -> Result<ForeignKey> {
    Ok(ForeignKey {
        name: String::read(row, 0)?,
        schema: Option::read(row, 1)?,
        table: String::read(row, 2)?,
        direction: match i64::read(row, 3)? {
            0 => Direction::Outgoing,
            1 => Direction::Incoming,
            _ => Direction::Own,
        },
        columns: vec![(String::read(row, 4)?, Option::read(row, 5)?)],
    })
}

/// Foreign keys of all their columns, of such of one column each in their order.
pub(crate) fn foreign_keys(parts: Vec<ForeignKey>) -> Vec<ForeignKey> {
    let mut keys: Vec<ForeignKey> = Vec::new();
    for mut part in parts {
        match keys.last_mut() {
            Some(key)
                if key.direction == part.direction
                    && key.name == part.name
                    && key.table == part.table
                    && key.schema == part.schema =>
            {
                key.columns.append(&mut part.columns);
            }
            _ => keys.push(part),
        }
    }
    keys
}
