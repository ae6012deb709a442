//! The arguments of one statement.

use sea_query::Value;

use super::Declared;
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// The arguments of one statement, in the order of its placeholders.
///
/// Opaque: a [`Field`](crate::Field) fills it, usually by handing on to the field that it is made
/// of.
///
/// ```
/// use shard_orm::{Args, ColumnType, Field, Result, Row};
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
pub struct Args(
    pub(super) ArgsOf,
    pub(super) usize,
    pub(super) Option<Declared>,
);

pub(super) enum ArgsOf {
    /// Collected, to be put into a statement whose backend is not known yet.
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
    /// None, of a statement that is sent as it stands and not prepared.
    Unprepared,
    /// Not kept: only their size is asked for.
    Measured,
}

/// What a value takes at most beside the bytes of a text: its own bytes, its type and its length.
pub(super) const ROOM_OF_A_VALUE: usize = 16;

impl Args {
    /// The arguments of a text that is sent as it stands: there are statements that the databases
    /// do not prepare.
    pub(crate) fn unprepared() -> Self {
        Self(ArgsOf::Unprepared, 0, None)
    }

    /// Arguments for a server that speaks `dialect`.
    pub(crate) fn new(dialect: Dialect) -> Result<Self> {
        match dialect {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => Ok(Self(ArgsOf::Sqlite(Default::default()), 0, None)),
            #[cfg(feature = "postgres")]
            Dialect::Postgres => Ok(Self(ArgsOf::Postgres(Default::default()), 0, None)),
            #[cfg(feature = "mysql")]
            Dialect::MySql => Ok(Self(ArgsOf::MySql(Default::default()), 0, None)),
            #[allow(unreachable_patterns)]
            other => Err(not_compiled(other)),
        }
    }

    /// Binds what is declared so.
    pub(crate) fn declared(
        &mut self,
        declared: Option<Declared>,
        bind: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let before = std::mem::replace(&mut self.2, declared);
        let outcome = bind(self);
        self.2 = before;
        outcome
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            ArgsOf::Values(values) => values.len(),
            #[cfg(feature = "postgres")]
            ArgsOf::Postgres(args) => sqlx::Arguments::len(args),
            #[cfg(feature = "postgres")]
            ArgsOf::PostgresColumn(_) => 1,
            #[cfg(feature = "mysql")]
            ArgsOf::MySql(args) => sqlx::Arguments::len(args),
            #[cfg(feature = "sqlite")]
            ArgsOf::Sqlite(args) => sqlx::Arguments::len(args),
            ArgsOf::Unprepared | ArgsOf::Measured => 0,
        }
    }

    /// About how many bytes they take in a message to the server, and hardly less.
    pub(crate) fn bytes(&self) -> usize {
        self.1
    }

    /// About how many bytes the values that `bind` puts down take in a message to the server.
    pub(crate) fn measure(bind: impl FnOnce(&mut Self) -> Result<()>) -> Result<usize> {
        let mut args = Self(ArgsOf::Measured, 0, None);
        bind(&mut args)?;
        Ok(args.1)
    }

    /// The value that `bind` puts down, for a statement whose backend is not known yet.
    pub(crate) fn value(bind: impl FnOnce(&mut Self) -> Result<()>) -> Result<Value> {
        let mut values = Self::values(bind)?;
        match (values.pop(), values.is_empty()) {
            (Some(value), true) => Ok(value),
            _ => Err(Error::new(
                crate::ErrorKind::Unsupported,
                "a field bound no value or more than one; `Field::bind` must bind exactly one",
            )),
        }
    }

    /// The values that `bind` puts down.
    pub(crate) fn values(bind: impl FnOnce(&mut Self) -> Result<()>) -> Result<Vec<Value>> {
        let mut args = Self(ArgsOf::Values(Vec::with_capacity(1)), 0, None);
        bind(&mut args)?;
        match args.0 {
            ArgsOf::Values(values) => Ok(values),
            #[allow(unreachable_patterns)]
            _ => Ok(Vec::new()),
        }
    }

    /// Binds one column of many rows as one array argument (`UNNEST` on PostgreSQL).
    ///
    /// `rows` binds that column of every row, in order.
    #[cfg(feature = "postgres")]
    pub(crate) fn array(&mut self, rows: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let mut column = Self(ArgsOf::PostgresColumn(Default::default()), 0, None);
        rows(&mut column)?;
        self.1 += column.1;
        match (&mut self.0, column.0) {
            (ArgsOf::Postgres(args), ArgsOf::PostgresColumn(array)) => array.bind(args),
            _ => Err(Error::unsupported(
                "only PostgreSQL takes an array argument",
            )),
        }
    }

    #[cfg(not(feature = "postgres"))]
    pub(crate) fn array(&mut self, _rows: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        Err(Error::unsupported(
            "only PostgreSQL takes an array argument",
        ))
    }
}

impl std::fmt::Debug for Args {
    /// Shows no value: arguments are the users' data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Args(..)")
    }
}

/// The error for a backend that this build does not have.
pub(super) fn not_compiled(dialect: Dialect) -> Error {
    Error::configuration(format!(
        "this build has no driver for {dialect}: enable the feature `{}` of shard-orm",
        match dialect {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
            Dialect::MySql => "mysql",
        }
    ))
}

/// The error for a value of a statement that takes none.
#[cold]
pub(super) fn takes_none() -> Error {
    Error::unsupported("a statement that is not prepared takes no arguments")
}

/// The error for a value that a driver does not take.
#[allow(dead_code)]
pub(super) fn not_encoded(source: sqlx::error::BoxDynError) -> Error {
    Error::unsupported("a value cannot be sent to this database").with_source(source)
}
