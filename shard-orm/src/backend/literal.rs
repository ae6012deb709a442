//! SQL literals of values, for the defaults of columns.
//!
//! sea-query writes most values in one form for all databases. A column stores what
//! [`Field`](crate::Field) binds, so the other forms are written here.

use sea_query::{Expr, Value};

use crate::dialect::Dialect;
use crate::error::Result;

/// The literal that stores the same as the bound value.
pub(crate) fn literal(dialect: Dialect, value: Value) -> Result<Expr> {
    #[cfg(feature = "decimal")]
    if let Some(decimal) = super::decimal::scaled_of(&value) {
        let units = super::decimal::units(decimal).filter(|_| dialect == Dialect::Sqlite);
        return Ok(match units {
            Some(units) => Expr::cust(units.to_string()),
            None => Expr::Value(Value::Decimal(Some(decimal))),
        });
    }
    if dialect == Dialect::Postgres {
        return Ok(Expr::Value(value));
    }
    Ok(match &value {
        #[cfg(feature = "uuid")]
        Value::Uuid(Some(id)) => Expr::cust(format!("X'{:032X}'", id.as_u128())),
        #[cfg(feature = "decimal")]
        Value::Decimal(Some(decimal)) if dialect == Dialect::Sqlite => {
            Expr::val(decimal.normalize().to_string())
        }
        _ => match time(&value)? {
            Some(text) if dialect == Dialect::Sqlite => Expr::val(text),
            // MySQL stores a moment in UTC without its offset.
            Some(text) => Expr::val(text.trim_end_matches("+00:00").replace('T', " ")),
            None => Expr::Value(value),
        },
    })
}

/// The text of a date or time, as SQLite stores it.
#[cfg(any(feature = "chrono", feature = "time"))]
fn time(value: &Value) -> Result<Option<String>> {
    super::temporal::text_of(value)
}

#[cfg(not(any(feature = "chrono", feature = "time")))]
#[allow(clippy::unnecessary_wraps)]
fn time(_value: &Value) -> Result<Option<String>> {
    Ok(None)
}
