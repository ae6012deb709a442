//! What a column's value gives for groups, in SQL that means the same on all databases.

use sea_query::Expr;

use crate::backend::{ColumnType, DatePart, floor_quotient, positive_remainder};
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// What is made of a column's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Derivation {
    /// A part of a date or time.
    Part(DatePart),
    /// The quotient by this width, rounded down.
    Bucket(i64),
    /// The remainder, which is not negative.
    Modulo(i64),
}

impl Derivation {
    /// What a message calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Part(part) => part.name(),
            Self::Bucket(_) => "bucket",
            Self::Modulo(_) => "remainder",
        }
    }

    /// Whether there is such a thing of a column of this type. The types in Rust say so already,
    /// but a type of the user's can say it of itself wrongly.
    pub(crate) fn check(self, name: &str, column_type: ColumnType) -> Result<()> {
        let is_date = matches!(
            column_type,
            ColumnType::TimestampUtc | ColumnType::Timestamp | ColumnType::Date
        );
        let is_time = matches!(
            column_type,
            ColumnType::TimestampUtc | ColumnType::Timestamp | ColumnType::Time
        );
        let is_known = match self {
            Self::Part(DatePart::Hour) => is_time,
            Self::Part(_) => is_date,
            Self::Bucket(_) | Self::Modulo(_) => column_type.is_integer(),
        };
        match self {
            _ if !is_known => Err(Error::unsupported(format!(
                "{name}, whose column holds {column_type:?}"
            ))),
            Self::Bucket(by) | Self::Modulo(by) if by < 1 => Err(Error::unsupported(format!(
                "{name} by {by}: divide by 1 or more"
            ))),
            _ => Ok(()),
        }
    }

    pub(crate) fn expr(
        self,
        dialect: Dialect,
        column_type: ColumnType,
        column: impl Fn() -> Expr,
    ) -> Expr {
        match self {
            Self::Part(part) => part.of(dialect, column_type, column()),
            Self::Bucket(by) => floor_quotient(dialect, column_type, column, by),
            Self::Modulo(by) => positive_remainder(dialect, column_type, column, by),
        }
    }
}
