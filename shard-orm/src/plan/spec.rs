//! The untyped state of a query.

use std::ops::BitOr;

use sea_query::{Expr, ExprTrait, Value};

use crate::backend::ColumnType;
use crate::definition::ModelDef;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::not_deleted;
use crate::plan::options::ScatterOptions;
use crate::plan::order::Term;
use crate::topology::Read;

/// Everything that a query asks for, except tables and shards.
#[derive(Debug, Clone, Default)]
pub(crate) struct QuerySpec {
    pub(crate) filters: Vec<Expr>,
    pub(crate) orders: Vec<Term>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
    pub(crate) lock: Option<Lock>,
    pub(crate) deleted: Deleted,
    pub(crate) read: Option<Read>,
    /// The selected columns; all columns of the model if `None`.
    pub(crate) columns: Option<Vec<usize>>,
    /// Assignments of an update.
    pub(crate) sets: Vec<(usize, Expr)>,
    /// Restricts the result to rows after these values of the order's columns.
    pub(crate) after: Option<Vec<Value>>,
    pub(crate) options: ScatterOptions,
    pub(crate) requirements: Requirements,
    /// The first error of the builder, reported when the query runs.
    pub(crate) deferred_error: Option<DeferredError>,
}

/// How soft-deleted rows are treated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// Excluded.
    #[default]
    Without,
    /// Included.
    With,
    /// Only they are included.
    Only,
}

impl Deleted {
    /// The condition in SQL, if one is needed.
    pub(crate) fn condition(self, def: &'static ModelDef) -> Option<Expr> {
        match self {
            Self::Without => not_deleted(def),
            Self::With => None,
            Self::Only => not_deleted(def).map(ExprTrait::not),
        }
    }
}

/// A lock on the selected rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    Update,
    UpdateSkipLocked,
}

impl QuerySpec {
    pub(crate) fn defer(&mut self, deferred: impl Into<DeferredError>) {
        self.deferred_error.get_or_insert(deferred.into());
    }

    /// Whether there is no order, limit or offset.
    pub(crate) fn is_unordered(&self) -> bool {
        self.orders.is_empty() && self.limit.is_none() && self.offset.is_none()
    }

    /// Whether there is nothing that requires a SELECT.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_unordered() && self.lock.is_none()
    }

    /// Returns the first error of the builder, or the first feature that this database does not
    /// have.
    pub(crate) fn check(&self, dialect: Dialect) -> Result<()> {
        if let Some(deferred) = &self.deferred_error {
            return Err(deferred.clone().into());
        }
        if self.requirements.has(Requirements::DECIMAL_ORDER) {
            dialect.capability().decimals.require()?;
        }
        Ok(())
    }
}

/// What a statement requires of the database, and how it is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Requirements(u8);

impl Requirements {
    /// The number of arguments varies, so the text is not worth caching.
    pub(crate) const VARIABLE: Self = Self(1);
    /// Values whose types the library did not choose.
    pub(crate) const FOREIGN: Self = Self(2);
    /// Decimals are compared or added.
    pub(crate) const DECIMAL_ORDER: Self = Self(4);

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What it takes to compare or add values of this type.
    pub(crate) fn size_of(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Decimal => Self::DECIMAL_ORDER,
            _ => Self::default(),
        }
    }
}

impl BitOr for Requirements {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Whether a model has decimals that SQLite stores as integers.
pub(crate) fn has_scaled(def: &ModelDef) -> bool {
    let mut columns = def.columns.iter();
    columns.any(|column| column.column_type == ColumnType::ScaledDecimal)
}

/// Rejects decimals among the values of raw SQL: SQLite would compare them with stored integers of
/// the smallest unit.
pub(crate) fn refuse_decimals(values: &[Value]) -> Result<()> {
    #[cfg(feature = "decimal")]
    if values
        .iter()
        .any(|value| matches!(value, Value::Decimal(Some(_))))
    {
        return Err(Error::unsupported(
            "SQLite keeps decimals whose digits the model declares as integers of the smallest unit, \
             and compares them with no decimal of an expression or statement of your own; make the \
             value by `Order::PRICE.value(..)`, or bind it by `.bind_as(Order::PRICE, ..)`",
        ));
    }
    let _ = values;
    Ok(())
}

/// An error of a builder, deferred until the query runs.
#[derive(Debug, Clone)]
pub(crate) struct DeferredError {
    kind: ErrorKind,
    message: String,
}

impl From<Error> for DeferredError {
    fn from(error: Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.message().to_owned(),
        }
    }
}

impl From<DeferredError> for Error {
    fn from(deferred: DeferredError) -> Self {
        Self::new(deferred.kind, deferred.message)
    }
}
