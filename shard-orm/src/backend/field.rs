//! The type of a struct's field, and of the table's column that stores it.

use std::time::SystemTime;

use sea_query::Value;

use super::{Args, ColumnType, Digits, Row};
use crate::error::Result;

/// A Rust type that is stored in one column.
///
/// Implemented for integers, floats, `bool`, `String`, `Vec<u8>`, `Option` of each, and with the
/// features `chrono`, `time`, `uuid`, `decimal` and `json` for their types. Derive
/// [`ShardField`](crate::ShardField) on an enum or on a struct around one field, or implement it by
/// calling another field; see [`Args`] for an example.
///
/// A field binds the same type in every statement: PostgreSQL's prepared statements are cached by
/// their text alone, so a column that is bound as two types would be stored wrong.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a column",
    label = "not a column's type",
    note = "derive `ShardField` on an enum or on a struct around one field, or mark the field with \
            `#[shard(json)]` or `#[shard(skip)]`"
)]
pub trait Field: Sized + Send + Sync + 'static {
    /// The type without `Option`, with which the column is compared.
    type Plain: Field;

    /// The type of the column.
    const TYPE: ColumnType;

    /// Whether the column is nullable.
    const NULLABLE: bool = false;

    /// Binds the value as exactly one argument.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the database cannot hold the value.
    fn bind(&self, args: &mut Args) -> Result<()>;

    /// Binds NULL with the column's type.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    fn bind_null(args: &mut Args) -> Result<()>;

    /// Reads the value of the column at `ordinal`, counted from 0.
    ///
    /// # Errors
    /// [`Decode`](crate::ErrorKind::Decode) when the column is missing, is NULL for a type that
    /// is not an `Option`, or holds something else.
    fn read(row: &Row<'_>, ordinal: usize) -> Result<Self>;
}

impl<T: Field<Plain = T>> Field for Option<T> {
    type Plain = T;
    const TYPE: ColumnType = T::TYPE;
    const NULLABLE: bool = true;

    fn bind(&self, args: &mut Args) -> Result<()> {
        match self {
            Some(value) => value.bind(args),
            None => T::bind_null(args),
        }
    }

    fn bind_null(args: &mut Args) -> Result<()> {
        T::bind_null(args)
    }

    fn read(row: &Row<'_>, ordinal: usize) -> Result<Self> {
        if row.is_null(ordinal)? {
            Ok(None)
        } else {
            T::read(row, ordinal).map(Some)
        }
    }
}

/// A field that `created_at` and `updated_at` can fill.
///
/// Times are truncated to microseconds, which every database stores.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be filled with the time of a write",
    note = "use a timestamp of `chrono` or `time`, or an `Option` of one"
)]
pub trait Timestamp: Field {
    /// The value for this time.
    fn at(time: SystemTime) -> Self;
}

impl<T: Timestamp + Field<Plain = T>> Timestamp for Option<T> {
    fn at(time: SystemTime) -> Self {
        Some(T::at(time))
    }
}

/// A field for `soft_delete`: NULL while the row exists, then the time of its deletion.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot mark a row as deleted",
    label = "not an `Option` of a timestamp",
    note = "use an `Option` of a timestamp of `chrono` or `time`: it is `None` while the row is there"
)]
pub trait DeletionTime: Field {
    /// The value for a row that is deleted at this time.
    fn deleted(time: SystemTime) -> Self;
}

impl<T: Timestamp + Field<Plain = T>> DeletionTime for Option<T> {
    fn deleted(time: SystemTime) -> Self {
        Some(T::at(time))
    }
}

/// A value of any serde type, stored as JSON.
///
/// `#[shard(json)]` on a field wraps the field's type in it.
#[cfg(feature = "json")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Json<T>(pub T);

/// Reads a column of a result as a value of the column's type.
pub(crate) fn read_value<T: Field>(row: &Row<'_>, ordinal: usize) -> Result<Value> {
    let value = T::read(row, ordinal)?;
    Args::value(|args| value.bind(args))
}

impl Digits {
    /// The digits of a column of the field `T`; see [`new`](Self::new).
    #[doc(hidden)]
    #[must_use]
    pub const fn of<T: Field>(precision: u8, scale: u8) -> Self {
        assert!(
            matches!(T::TYPE, ColumnType::Decimal),
            "`precision` and `scale` are of a `Decimal`, and of a struct around one"
        );
        Self::new(precision, scale)
    }
}
