//! Parts of dates and times in SQL, in UTC on all databases.
//!
//! Called for groups by a date, a year, a month, a day or an hour.

use sea_query::{Alias, Expr, ExprTrait, Func};

use super::ColumnType;
use super::arithmetic::literal;
use crate::dialect::Dialect;

/// A part of a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatePart {
    Date,
    Year,
    Month,
    Day,
    Hour,
}

impl DatePart {
    /// Its name, in SQL and in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
        }
    }

    /// This part of the values of a column: a date, or an integer.
    pub(crate) fn of(self, dialect: Dialect, column_type: ColumnType, column: Expr) -> Expr {
        match dialect {
            Dialect::Postgres => self.of_postgres(column_type, column),
            Dialect::MySql => self.of_mysql(column),
            Dialect::Sqlite => self.of_sqlite(column_type, column),
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

    /// MySQL stores a moment in UTC.
    fn of_mysql(self, column: Expr) -> Expr {
        let function = match self {
            Self::Date => return call("DATE", [column]),
            Self::Year => "YEAR",
            Self::Month => "MONTH",
            Self::Day => "DAYOFMONTH",
            Self::Hour => "HOUR",
        };
        call(function, [column]).cast_as(Alias::new("SIGNED"))
    }

    /// SQLite stores texts of one length: `2024-05-17T08:30:00.000000+00:00`, `2024-05-17`, or the
    /// time alone.
    fn of_sqlite(self, column_type: ColumnType, column: Expr) -> Expr {
        let (first, length) = match self {
            Self::Date => (1, 10),
            Self::Year => (1, 4),
            Self::Month => (6, 2),
            Self::Day => (9, 2),
            Self::Hour if column_type == ColumnType::Time => (1, 2),
            Self::Hour => (12, 2),
        };
        let part = call("SUBSTR", [column, literal(first), literal(length)]);
        match self {
            Self::Date => part,
            _ => part.cast_as(Alias::new("INTEGER")),
        }
    }
}

fn call<const N: usize>(function: &'static str, args: [Expr; N]) -> Expr {
    Expr::from(Func::cust(Alias::new(function)).args(args))
}
