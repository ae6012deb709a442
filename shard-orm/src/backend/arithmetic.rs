//! Arithmetic in SQL that gives the same numbers on all databases.
//!
//! Called for groups and aggregates over several logical shards, whose results are merged.

use sea_query::{Alias, BinOper, CaseStatement, Expr, ExprTrait};

use super::ColumnType;
use crate::dialect::Dialect;

/// A number as a double. Of a `real`, PostgreSQL gives a sum that is one, and of an integer, MySQL
/// gives a mean with four digits after the point.
pub(crate) fn double(dialect: Dialect, number: Expr) -> Expr {
    match dialect {
        Dialect::Postgres => number.cast_as(Alias::new("double precision")),
        Dialect::MySql => number.add(Expr::cust("0e0")),
        Dialect::Sqlite => number,
    }
}

/// The exact sum as a text. SQLite refuses a sum of integers beyond 64 bits: there it is one of the
/// upper and one of the lower 32 bits, `upper:lower`, which four thousand million rows do not fill.
pub(crate) fn exact_sum(
    dialect: Dialect,
    column_type: ColumnType,
    number: impl Fn() -> Expr,
) -> Expr {
    match dialect {
        Dialect::Postgres => number().sum().cast_as(Alias::new("TEXT")),
        Dialect::MySql => number().sum().cast_as(Alias::new("CHAR")),
        Dialect::Sqlite
            if matches!(
                column_type,
                ColumnType::I64 | ColumnType::U64 | ColumnType::ScaledDecimal
            ) =>
        {
            let join = BinOper::Custom("||");
            let upper = number().right_shift(Expr::cust("32")).sum();
            let lower = number().bit_and(Expr::cust("4294967295")).sum();
            upper.binary(join, Expr::cust("':'")).binary(join, lower)
        }
        Dialect::Sqlite => number().sum().cast_as(Alias::new("TEXT")),
    }
}

/// The quotient of an integer, rounded down.
///
/// All databases round the quotient of integers towards zero, and give the remainder the sign of
/// the dividend. No step leaves 64 bits.
pub(crate) fn floor_quotient(
    dialect: Dialect,
    column_type: ColumnType,
    integer: impl Fn() -> Expr,
    by: i64,
) -> Expr {
    let divide = match dialect {
        Dialect::MySql => BinOper::Custom("DIV"),
        Dialect::Postgres | Dialect::Sqlite => BinOper::Div,
    };
    let of = || wide(dialect, integer());
    let towards_zero = of().binary(divide, literal(by));
    let down = if column_type.is_unsigned() {
        towards_zero
    } else {
        let is_below = of().modulo(literal(by)).lt(literal(0));
        let below = CaseStatement::new().case(is_below, literal(1));
        let one_more: Expr = below.finally(literal(0)).into();
        towards_zero.sub(one_more)
    };
    typed(dialect, column_type, down)
}

/// The remainder of an integer, which is not negative.
pub(crate) fn positive_remainder(
    dialect: Dialect,
    column_type: ColumnType,
    integer: impl Fn() -> Expr,
    by: i64,
) -> Expr {
    let signed = || wide(dialect, integer()).modulo(literal(by));
    let positive = if column_type.is_unsigned() {
        signed()
    } else {
        let is_below = signed().lt(literal(0));
        let above = CaseStatement::new().case(is_below, signed().add(literal(by)));
        above.finally(signed()).into()
    };
    typed(dialect, column_type, positive)
}

/// An integer as a literal: a bound one would be another argument for each use of the expression.
pub(super) fn literal(integer: i64) -> Expr {
    Expr::cust(integer.to_string())
}

/// An integer in 64 bits: the driver of PostgreSQL reads each width as that width alone.
fn wide(dialect: Dialect, column: Expr) -> Expr {
    match dialect {
        Dialect::Postgres => column.cast_as(Alias::new("bigint")),
        Dialect::MySql | Dialect::Sqlite => column,
    }
}

/// An integer in the type of its column. MySQL gives a CASE a type of its own choice, and its driver
/// does not read an unsigned integer as a signed one.
fn typed(dialect: Dialect, column_type: ColumnType, integer: Expr) -> Expr {
    match (dialect, column_type) {
        (Dialect::MySql, ColumnType::U64) => integer.cast_as(Alias::new("UNSIGNED")),
        (Dialect::MySql, _) => integer.cast_as(Alias::new("SIGNED")),
        _ => integer,
    }
}

/// The type of a 64-bit integer in a CAST.
pub(crate) const fn integer_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => "SIGNED",
        Dialect::Postgres | Dialect::Sqlite => "bigint",
    }
}
