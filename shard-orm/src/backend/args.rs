//! The arguments of one statement.

use sea_query::Value;

use super::Digits;
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// The arguments of one statement, in the order of its placeholders.
///
/// Opaque: a [`Field`](crate::Field) binds its value, usually by calling the field that it
/// contains.
///
/// ```
/// use shard_orm::{Field, Result, field::{Args, ColumnType, Row}};
///
/// /// An amount in cents, stored as a big integer.
/// struct Cents(i64);
///
/// impl Field for Cents {
///     type Plain = Self;
///     const TYPE: ColumnType = ColumnType::I64;
///     fn bind(&self, args: &mut Args) -> Result<()> {
///         self.0.bind(args)
///     }
///     fn bind_null(args: &mut Args) -> Result<()> {
///         i64::bind_null(args)
///     }
///     fn read(row: &Row<'_>, ordinal: usize) -> Result<Self> {
///         Ok(Self(i64::read(row, ordinal)?))
///     }
/// }
/// ```
pub struct Args {
    pub(super) buffer: Buffer,
    /// The approximate size of the arguments in a message to the server.
    pub(super) bytes: usize,
    /// The declaration of the column that the next value is bound to.
    pub(super) declared: Option<Declared>,
}

/// The declaration of a column that a value is bound to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declared {
    #[cfg_attr(not(feature = "decimal"), allow(dead_code))]
    pub(crate) column: &'static str,
    #[cfg_attr(not(feature = "decimal"), allow(dead_code))]
    pub(crate) digits: Digits,
}

/// The arguments in the form that their driver takes.
pub(super) enum Buffer {
    /// Collected values, for a statement whose database is not known yet.
    Values(Vec<Value>),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgArguments),
    /// One column of many rows, sent as an array.
    #[cfg(feature = "postgres")]
    PostgresColumn(super::postgres::ColumnArray),
    #[cfg(feature = "mysql")]
    MySql(sqlx::mysql::MySqlArguments),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::sqlite::SqliteArguments),
    /// No arguments, of a statement that is sent without being prepared.
    Unprepared,
    /// Nothing is kept: only the size is measured.
    Measured,
}

/// The maximum size of a value without the bytes of a text: the value itself, its type and its
/// length.
pub(super) const ROOM_OF_A_VALUE: usize = 16;

impl Args {
    fn of(buffer: Buffer) -> Self {
        Self {
            buffer,
            bytes: 0,
            declared: None,
        }
    }

    /// The arguments of a text that is sent without being prepared, as some statements have to be.
    pub(crate) fn unprepared() -> Self {
        Self::of(Buffer::Unprepared)
    }

    /// Empty arguments for this database.
    pub(crate) fn new(dialect: Dialect) -> Result<Self> {
        match dialect {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => Ok(Self::of(Buffer::Sqlite(Default::default()))),
            #[cfg(feature = "postgres")]
            Dialect::Postgres => Ok(Self::of(Buffer::Postgres(Default::default()))),
            #[cfg(feature = "mysql")]
            Dialect::MySql => Ok(Self::of(Buffer::MySql(Default::default()))),
            #[allow(unreachable_patterns)]
            other => Err(not_compiled(other)),
        }
    }

    /// Binds a value of a column with this declaration.
    pub(crate) fn declared(
        &mut self,
        declared: Option<Declared>,
        bind: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let before = std::mem::replace(&mut self.declared, declared);
        let outcome = bind(self);
        self.declared = before;
        outcome
    }

    /// The number of arguments.
    pub(crate) fn len(&self) -> usize {
        match &self.buffer {
            Buffer::Values(values) => values.len(),
            #[cfg(feature = "postgres")]
            Buffer::Postgres(args) => sqlx::Arguments::len(args),
            #[cfg(feature = "postgres")]
            Buffer::PostgresColumn(_) => 1,
            #[cfg(feature = "mysql")]
            Buffer::MySql(args) => sqlx::Arguments::len(args),
            #[cfg(feature = "sqlite")]
            Buffer::Sqlite(args) => sqlx::Arguments::len(args),
            Buffer::Unprepared | Buffer::Measured => 0,
        }
    }

    /// The approximate size in a message to the server, which is hardly ever too small.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The approximate size of the values that `bind` binds.
    pub(crate) fn measure(bind: impl FnOnce(&mut Self) -> Result<()>) -> Result<usize> {
        let mut args = Self::of(Buffer::Measured);
        bind(&mut args)?;
        Ok(args.bytes)
    }

    /// The value that `bind` binds, for a statement whose database is not known yet.
    pub(crate) fn value(bind: impl FnOnce(&mut Self) -> Result<()>) -> Result<Value> {
        let mut values = Self::values(bind)?;
        match (values.pop(), values.is_empty()) {
            (Some(value), true) => Ok(value),
            _ => Err(Error::new(
                crate::ErrorKind::Unsupported,
                "a field bound no value or several; `Field::bind` must bind exactly one",
            )),
        }
    }

    /// The values that `bind` binds.
    pub(crate) fn values(bind: impl FnOnce(&mut Self) -> Result<()>) -> Result<Vec<Value>> {
        let mut args = Self::of(Buffer::Values(Vec::with_capacity(1)));
        bind(&mut args)?;
        match args.buffer {
            Buffer::Values(values) => Ok(values),
            #[allow(unreachable_patterns)]
            _ => Ok(Vec::new()),
        }
    }

    /// Binds one column of many rows as one array argument (`UNNEST` on PostgreSQL).
    ///
    /// `rows` binds that column of every row, in order.
    #[cfg(feature = "postgres")]
    pub(crate) fn array(&mut self, rows: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let mut column = Self::of(Buffer::PostgresColumn(Default::default()));
        rows(&mut column)?;
        self.bytes += column.bytes;
        match (&mut self.buffer, column.buffer) {
            (Buffer::Postgres(args), Buffer::PostgresColumn(array)) => array.bind(args),
            _ => Err(Error::unsupported(
                "array arguments are supported by PostgreSQL alone",
            )),
        }
    }

    #[cfg(not(feature = "postgres"))]
    pub(crate) fn array(&mut self, _rows: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        Err(Error::unsupported(
            "array arguments are supported by PostgreSQL alone",
        ))
    }
}

impl std::fmt::Debug for Args {
    /// Shows no value: arguments are the users' data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Args(..)")
    }
}

/// The error for a database whose driver is not part of this build.
pub(super) fn not_compiled(dialect: Dialect) -> Error {
    Error::configuration(format!(
        "this build has no driver for {dialect}: enable the feature `{}` of shard-orm",
        dialect.feature()
    ))
}

/// The error for an argument of a statement that is not prepared.
#[cold]
pub(super) fn takes_none() -> Error {
    Error::unsupported("a statement that is not prepared takes no arguments")
}
