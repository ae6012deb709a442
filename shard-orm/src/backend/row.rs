//! One row of a result.

use sea_query::Value;

use super::Digits;
use crate::error::{Error, Result};
#[allow(unused_imports)]
use sqlx::{Column as _, Row as _, ValueRef as _};

/// One row of a result, read by ordinal.
///
/// Opaque: a [`Field`](crate::Field) reads its column from it.
#[derive(Clone, Copy)]
pub struct Row<'r>(pub(super) RowOf<'r>, Decimals<'r>);

/// The columns that are decimals with declared digits.
#[derive(Clone, Copy)]
enum Decimals<'r> {
    None,
    All(Digits),
    /// By their position.
    Each(&'r [Option<Digits>]),
}

#[derive(Clone, Copy)]
pub(super) enum RowOf<'r> {
    #[cfg(feature = "postgres")]
    Postgres(&'r sqlx::postgres::PgRow),
    #[cfg(feature = "mysql")]
    MySql(&'r sqlx::mysql::MySqlRow),
    #[cfg(feature = "sqlite")]
    Sqlite(&'r sqlx::sqlite::SqliteRow),
    /// Values that were merged from several responses or collected by
    /// [`Field::bind`](crate::Field::bind).
    Values(&'r [Value]),
}

/// Evaluates an expression with the row of the driver.
macro_rules! each_row {
    ($row:expr, $inner:ident => $do:expr, $values:ident => $of_values:expr) => {
        match $row.0 {
            #[cfg(feature = "postgres")]
            RowOf::Postgres($inner) => $do,
            #[cfg(feature = "mysql")]
            RowOf::MySql($inner) => $do,
            #[cfg(feature = "sqlite")]
            RowOf::Sqlite($inner) => $do,
            RowOf::Values($values) => $of_values,
        }
    };
}

impl<'r> Row<'r> {
    /// A row of these values, each of its column's type.
    pub(crate) fn of_values(values: &'r [Value]) -> Self {
        Self::of(RowOf::Values(values))
    }

    pub(super) fn of(row: RowOf<'r>) -> Self {
        Self(row, Decimals::None)
    }

    /// The same row, with these digits for its decimals.
    pub(crate) fn of_decimals(&self, digits: Digits) -> Self {
        Self(self.0, Decimals::All(digits))
    }

    /// The same row, with digits for each column by position, if it has any.
    pub(crate) fn with_decimals<'d>(&self, digits: &'d [Option<Digits>]) -> Row<'d>
    where
        'r: 'd,
    {
        Row(self.0, Decimals::Each(digits))
    }

    /// The declared digits of a column.
    #[cfg_attr(not(feature = "decimal"), allow(dead_code))]
    pub(super) fn digits(&self, ordinal: usize) -> Option<Digits> {
        match self.1 {
            Decimals::None => None,
            Decimals::All(digits) => Some(digits),
            Decimals::Each(each) => each.get(ordinal).copied().flatten(),
        }
    }

    /// The number of columns.
    #[must_use]
    pub fn len(&self) -> usize {
        each_row!(self, row => row.len(), values => values.len())
    }

    /// Returns whether the row has no columns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the column is NULL.
    ///
    /// # Errors
    /// [`Decode`](crate::ErrorKind::Decode) when the row has no such column.
    pub fn is_null(&self, ordinal: usize) -> Result<bool> {
        #[cfg(feature = "mysql")]
        if let RowOf::MySql(row) = self.0 {
            let null = row.try_get_raw(ordinal).map(super::mysql::is_null);
            return null.map_err(|source| self.not_decoded(ordinal, source));
        }
        let null: sqlx::Result<bool> = each_row!(self,
        row => row.try_get_raw(ordinal).map(|value| value.is_null()),
        values => values.get(ordinal).map(|value| *value == value.as_null()).ok_or(
            sqlx::Error::ColumnIndexOutOfBounds { index: ordinal, len: values.len() },
        ));
        null.map_err(|source| self.not_decoded(ordinal, source))
    }

    /// The error for a column whose value does not have the requested type. It names the column.
    pub(super) fn not_decoded(
        &self,
        ordinal: usize,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        let name: Option<String> = each_row!(self,
            row => row.columns().get(ordinal).map(|column| column.name().to_owned()),
            values => values.get(ordinal).map(|_| "of several answers".to_owned()));
        Error::decode(match name {
            Some(name) => format!("column `{name}` (position {ordinal}) does not fit its field"),
            None => format!("the result has no column at position {ordinal}"),
        })
        .with_source(source)
    }
}

impl std::fmt::Debug for Row<'_> {
    /// Shows no value: rows are the users' data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Row({} columns)", self.len())
    }
}
