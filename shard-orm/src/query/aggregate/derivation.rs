//! What a column's value gives for groups, in SQL that means the same on all databases.

use sea_query::{Alias, BinOper, CaseStatement, Expr, ExprTrait, Func};

use crate::backend::ColumnType;
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// What is made of a column's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Derivation {
    Date,
    Year,
    Month,
    Day,
    Hour,
    /// The quotient by this width, rounded down.
    Bucket(i64),
    /// The remainder, which is not negative.
    Modulo(i64),
}

impl Derivation {
    /// What a message calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Bucket(_) => "bucket",
            Self::Modulo(_) => "remainder",
        }
    }

    /// Whether there is such a thing of a column of this type. The types in Rust say so already,
    /// but a type of the user's can say it of itself wrongly.
    pub(super) fn check(self, name: &str, column_type: ColumnType) -> Result<()> {
        let is_date = matches!(
            column_type,
            ColumnType::TimestampUtc | ColumnType::Timestamp | ColumnType::Date
        );
        let is_time = matches!(
            column_type,
            ColumnType::TimestampUtc | ColumnType::Timestamp | ColumnType::Time
        );
        let is_known = match self {
            Self::Date | Self::Year | Self::Month | Self::Day => is_date,
            Self::Hour => is_time,
            Self::Bucket(_) | Self::Modulo(_) => is_integer(column_type),
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

    pub(super) fn expr(
        self,
        dialect: Dialect,
        column_type: ColumnType,
        column: impl Fn() -> Expr,
    ) -> Expr {
        match self {
            Self::Bucket(by) => quotient(dialect, column_type, column, by),
            Self::Modulo(by) => remainder(dialect, column_type, column, by),
            part => match dialect {
                Dialect::Postgres => part.of_postgres(column_type, column()),
                Dialect::MySql => part.of_mysql(column()),
                Dialect::Sqlite => part.of_sqlite(column_type, column()),
            },
        }
    }

    /// In UTC, whatever the time zone of the session.
    fn of_postgres(self, column_type: ColumnType, column: Expr) -> Expr {
        let local = match column_type {
            ColumnType::TimestampUtc => call("TIMEZONE", [Expr::cust("'UTC'"), column]),
            _ => column,
        };
        if self == Self::Date {
            return local.cast_as(Alias::new("date"));
        }
        let field = Expr::cust(format!("'{}'", self.name()));
        call("DATE_PART", [field, local]).cast_as(Alias::new("integer"))
    }

    /// A moment stands there in UTC.
    fn of_mysql(self, column: Expr) -> Expr {
        let function = match self {
            Self::Date => return call("DATE", [column]),
            Self::Year => "YEAR",
            Self::Month => "MONTH",
            Self::Day => "DAYOFMONTH",
            _ => "HOUR",
        };
        call(function, [column]).cast_as(Alias::new("SIGNED"))
    }

    /// Of texts of one length: `2024-05-17T08:30:00.000000+00:00`, `2024-05-17`, or the time alone.
    fn of_sqlite(self, column_type: ColumnType, column: Expr) -> Expr {
        let (first, length) = match self {
            Self::Year => (1, 4),
            Self::Month => (6, 2),
            Self::Day => (9, 2),
            Self::Hour if column_type == ColumnType::Time => (1, 2),
            Self::Hour => (12, 2),
            _ => (1, 10),
        };
        let part = call("SUBSTR", [column, number(first), number(length)]);
        match self {
            Self::Date => part,
            _ => part.cast_as(Alias::new("INTEGER")),
        }
    }
}

pub(super) fn is_integer(column_type: ColumnType) -> bool {
    is_unsigned(column_type)
        || matches!(
            column_type,
            ColumnType::I8 | ColumnType::I16 | ColumnType::I32 | ColumnType::I64
        )
}

fn is_unsigned(column_type: ColumnType) -> bool {
    matches!(
        column_type,
        ColumnType::U8 | ColumnType::U16 | ColumnType::U32 | ColumnType::U64
    )
}

fn call<const N: usize>(function: &'static str, args: [Expr; N]) -> Expr {
    Expr::from(Func::cust(Alias::new(function)).args(args))
}

/// A literal: a bound one would be another argument in each place where the expression stands.
fn number(number: i64) -> Expr {
    Expr::cust(number.to_string())
}

/// An integer in 64 bits; PostgreSQL's drivers read it as what it is, and as nothing wider.
fn wide(dialect: Dialect, column: Expr) -> Expr {
    match dialect {
        Dialect::Postgres => column.cast_as(Alias::new("bigint")),
        Dialect::MySql | Dialect::Sqlite => column,
    }
}

/// MySQL makes what it likes of a CASE, and reads an unsigned integer as no signed one.
fn typed(dialect: Dialect, column_type: ColumnType, integer: Expr) -> Expr {
    match (dialect, column_type) {
        (Dialect::MySql, ColumnType::U64) => integer.cast_as(Alias::new("UNSIGNED")),
        (Dialect::MySql, _) => integer.cast_as(Alias::new("SIGNED")),
        _ => integer,
    }
}

/// All databases round the quotient of integers towards zero, and give the remainder the sign of
/// what is divided. No step of this leaves 64 bits.
fn quotient(dialect: Dialect, column_type: ColumnType, column: impl Fn() -> Expr, by: i64) -> Expr {
    let divide = match dialect {
        Dialect::MySql => BinOper::Custom("DIV"),
        Dialect::Postgres | Dialect::Sqlite => BinOper::Div,
    };
    let of = || wide(dialect, column());
    let towards_zero = of().binary(divide, number(by));
    let down = if is_unsigned(column_type) {
        towards_zero
    } else {
        let is_below = of().modulo(number(by)).lt(number(0));
        let below = CaseStatement::new().case(is_below, number(1));
        let one_more: Expr = below.finally(number(0)).into();
        towards_zero.sub(one_more)
    };
    typed(dialect, column_type, down)
}

fn remainder(
    dialect: Dialect,
    column_type: ColumnType,
    column: impl Fn() -> Expr,
    by: i64,
) -> Expr {
    let signed = || wide(dialect, column()).modulo(number(by));
    let positive = if is_unsigned(column_type) {
        signed()
    } else {
        let is_below = signed().lt(number(0));
        let above = CaseStatement::new().case(is_below, signed().add(number(by)));
        above.finally(signed()).into()
    };
    typed(dialect, column_type, positive)
}
