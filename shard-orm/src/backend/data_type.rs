//! The type of a described column: one that all databases have, or one of a database's own.
//!
//! Made from a model's field, or from a catalog by `inspect`; used by `schema`.

use sea_query::{Expr, ExprTrait as _, Value};

use super::field::read_value;
use super::row::RowOf;
use super::{Args, ColumnType, Digits, Field, Row, in_byte_order};
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// A piece of SQL that only one database understands: a type, an expression, a collation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlFragment {
    /// The database.
    pub dialect: Dialect,
    /// The SQL.
    pub text: String,
}

impl SqlFragment {
    /// The SQL, for a statement to a server that speaks `dialect`.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for another database; `subject` is what the
    /// message says about it.
    pub(crate) fn sql_for(&self, dialect: Dialect, subject: &str) -> Result<&str> {
        if self.dialect == dialect {
            return Ok(&self.text);
        }
        let Self { dialect: of, text } = self;
        Err(Error::unsupported(format!(
            "{subject} is `{text}` of {of}, which has no equivalent on {dialect}; change it to a \
             type or value that both databases have, or leave it out"
        )))
    }
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataType {
    /// A type that all databases have in some form.
    Known {
        /// The type.
        column_type: ColumnType,
        /// The longest text in characters, or byte string in bytes, where there is a limit.
        length: Option<u32>,
        /// The digits of a decimal, where they are declared.
        digits: Option<Digits>,
        /// The type in the SQL of the database that it was read from.
        declared: Option<SqlFragment>,
    },
    /// A type of one database. Its values are copied between databases of this kind only.
    Opaque {
        /// The type.
        declared: SqlFragment,
        /// The form in which its values are read.
        form: OpaqueForm,
    },
}

/// How the texts of a column are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collation {
    /// As the database does by itself.
    Default,
    /// By their bytes.
    Binary,
    /// By a collation of one database.
    Named(SqlFragment),
}

/// The form in which values of a type that the library does not know are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpaqueForm {
    /// As the text that the database makes of a value and reads back.
    Text,
    /// As bytes.
    Binary,
    /// As the storage class that each value of SQLite has by itself.
    Dynamic,
}

impl DataType {
    /// A type that all databases have.
    pub(crate) fn known(column_type: ColumnType) -> Self {
        Self::Known {
            column_type,
            length: None,
            digits: None,
            declared: None,
        }
    }

    /// The type that all databases have, if it is one.
    #[must_use]
    pub fn column_type(&self) -> Option<ColumnType> {
        match self {
            Self::Known { column_type, .. } => Some(*column_type),
            Self::Opaque { .. } => None,
        }
    }

    /// The longest text in characters, or byte string in bytes, where there is a limit.
    #[must_use]
    pub fn length(&self) -> Option<u32> {
        match self {
            Self::Known { length, .. } => *length,
            Self::Opaque { .. } => None,
        }
    }

    /// The digits of a decimal, where they are declared.
    #[must_use]
    pub fn digits(&self) -> Option<Digits> {
        match self {
            Self::Known { digits, .. } => *digits,
            Self::Opaque { .. } => None,
        }
    }

    /// The form in which every value of a column can be read, and written again as it is, also those that the library
    /// has no type for: an infinite time, a date of MySQL without a day, the spaces of a JSON text.
    #[cfg(feature = "reshard")]
    pub(crate) fn verbatim(self) -> Self {
        match self {
            Self::Known {
                column_type,
                declared: Some(declared),
                ..
            } if declared.dialect == Dialect::Sqlite || !column_type.has_all_values() => {
                let form = match declared.dialect {
                    // A column holds values of any type.
                    Dialect::Sqlite => OpaqueForm::Dynamic,
                    Dialect::Postgres | Dialect::MySql => OpaqueForm::Text,
                };
                Self::Opaque { declared, form }
            }
            other => other,
        }
    }

    /// The type in the SQL of the database that it was read from.
    #[must_use]
    pub fn declared(&self) -> Option<&SqlFragment> {
        match self {
            Self::Known { declared, .. } => declared.as_ref(),
            Self::Opaque { declared, .. } => Some(declared),
        }
    }
}

impl OpaqueForm {
    /// Reads the column of a result that [`selected`](Self::selected) asked for.
    pub(crate) fn read(self, row: &Row<'_>, ordinal: usize) -> Result<Value> {
        match self {
            Self::Text => read_value::<Option<String>>(row, ordinal),
            Self::Binary => read_value::<Option<Vec<u8>>>(row, ordinal),
            Self::Dynamic => of_storage_class(row, ordinal),
        }
    }

    /// NULL in this form.
    pub(crate) fn null(self) -> Result<Value> {
        Args::value(match self {
            Self::Text | Self::Dynamic => String::bind_null,
            Self::Binary => Vec::<u8>::bind_null,
        })
    }

    /// A column as it is selected in this form.
    pub(crate) fn selected(self, dialect: Dialect, column: Expr) -> Expr {
        match (self, dialect) {
            // `COALESCE` takes the column's name from the result: `ORDER BY` would mean the text, by its name.
            (Self::Text, Dialect::Postgres) => {
                Expr::cust_with_expr("COALESCE(CAST($1 AS text))", column)
            }
            (Self::Binary, Dialect::Postgres) | (_, Dialect::Sqlite) => column,
            (Self::Binary, Dialect::MySql) => column.cast_as("BINARY"),
            (Self::Text | Self::Dynamic, Dialect::MySql) => column.cast_as("CHAR"),
            (Self::Dynamic, Dialect::Postgres) => column,
        }
    }

    /// A column of the declared type as it is ordered, and compared with what [`bound`](Self::bound) makes of its
    /// values: in one order for both.
    pub(crate) fn ordered(self, declared: &SqlFragment, column: Expr) -> Expr {
        let base = declared.text.split('(').next().unwrap_or_default();
        match (self, declared.dialect) {
            // They are ordered by their numbers, and compared with texts by their texts.
            (Self::Text, Dialect::MySql)
                if base.eq_ignore_ascii_case("enum") || base.eq_ignore_ascii_case("set") =>
            {
                in_byte_order(Dialect::MySql, column)
            }
            // They are compared as numbers.
            (Self::Binary, Dialect::MySql) => column.cast_as("BINARY"),
            _ => column,
        }
    }

    /// A value in this form as it is written to a column of the declared type.
    pub(crate) fn bound(self, declared: &SqlFragment, value: Value) -> Expr {
        match (self, declared.dialect) {
            // A decimal is compared with a text as a floating-point number.
            (Self::Text, Dialect::MySql) if declared.text.starts_with("decimal(") => {
                let name = declared
                    .text
                    .split_inclusive(')')
                    .next()
                    .unwrap_or_default();
                Expr::cust_with_expr(format!("CAST(? AS {name})"), Expr::Value(value))
            }
            // A parameter of a text has to be cast; `$$` stands for one dollar in the template.
            (Self::Text, Dialect::Postgres) => {
                let name = declared.text.replace('$', "$$").replace('?', "??");
                Expr::cust_with_expr(format!("CAST($1 AS {name})"), Expr::Value(value))
            }
            _ => Expr::Value(value),
        }
    }
}

/// Reads a value of SQLite in its storage class; a text of another database.
fn of_storage_class(row: &Row<'_>, ordinal: usize) -> Result<Value> {
    match row.0 {
        #[cfg(feature = "sqlite")]
        RowOf::Sqlite(of) => super::sqlite::of_storage_class(of, ordinal)
            .map_err(|source| row.not_decoded(ordinal, source)),
        RowOf::Values(values) if ordinal < values.len() => Ok(values[ordinal].clone()),
        _ => read_value::<Option<String>>(row, ordinal),
    }
}
