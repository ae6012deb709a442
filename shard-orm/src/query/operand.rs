//! Operands of comparisons and assignments.

use sea_query::{Alias, ColumnName, ColumnRef, Expr};

use crate::backend::{Args, Field};
use crate::error::{Error, Result};
use crate::model::{Column, Model, ModelDef};

/// An operand of a comparison with a column of plain type `T`: a value, or another column of the
/// model.
///
/// A value is bound with the type of the column, never with that of the literal.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not compared with a column of `{T}`",
    label = "expected `{T}`, or a column of it",
    note = "a nullable column is compared with its plain type; for NULL use `.is_null()`, for \
            either `.eq_or_null(..)`"
)]
pub trait Operand<M, T> {
    #[doc(hidden)]
    fn into_expr(self) -> Result<Expr>;
}

/// A new value of a column of type `T`: a value, also of the plain type if the column is nullable,
/// or another column of the model.
#[diagnostic::on_unimplemented(
    message = "a column of `{T}` is not set to `{Self}`",
    label = "expected `{T}`"
)]
pub trait Assign<M, T> {
    #[doc(hidden)]
    fn into_expr(self) -> Result<Expr>;
}

/// The operand with the type of the column.
///
/// # Errors
/// [`Check`](crate::ErrorKind::Check) for a decimal with more digits than the column declares, and
/// [`Unsupported`](crate::ErrorKind::Unsupported) for another column with other ones: the databases
/// would round what they do not compare.
pub(super) fn typed(def: &'static ModelDef, ordinal: usize, expr: Expr) -> Result<Expr> {
    let column = &def.columns[ordinal];
    match expr {
        Expr::Value(value) if column.decimal.is_some() => column.typed(value).map(Expr::Value),
        Expr::Column(ColumnRef::Column(ColumnName(_, ref name))) => {
            let name = name.inner();
            let other = def.columns.iter().find(|other| other.name == name);
            match other {
                Some(other) if other.decimal != column.decimal => {
                    Err(other_digits(column.name, other.name))
                }
                _ => Ok(expr),
            }
        }
        other => Ok(other),
    }
}

#[cold]
fn other_digits(column: &str, other: &str) -> Error {
    Error::unsupported(format!(
        "columns `{column}` and `{other}` are decimals whose models declare other digits; declare the \
         same precision and scale of both, or read the values"
    ))
}

fn value(value: &impl Field) -> Result<Expr> {
    Ok(Expr::Value(Args::value(|args| value.bind(args))?))
}

fn column<M: Model, T>(column: Column<M, T>) -> Expr {
    Expr::col(Alias::new(column.name()))
}

impl<M, T: Field<Plain = T>> Operand<M, T> for T {
    fn into_expr(self) -> Result<Expr> {
        value(&self)
    }
}

impl<M, T: Field<Plain = T>> Operand<M, T> for &T {
    fn into_expr(self) -> Result<Expr> {
        value(self)
    }
}

impl<M> Operand<M, String> for &str {
    fn into_expr(self) -> Result<Expr> {
        value(&self.to_owned())
    }
}

impl<M> Operand<M, Vec<u8>> for &[u8] {
    fn into_expr(self) -> Result<Expr> {
        value(&self.to_vec())
    }
}

impl<M: Model, T: Field> Operand<M, T::Plain> for Column<M, T> {
    fn into_expr(self) -> Result<Expr> {
        Ok(column(self))
    }
}

impl<M, T: Field> Assign<M, T> for T {
    fn into_expr(self) -> Result<Expr> {
        value(&self)
    }
}

impl<M, T: Field<Plain = T>> Assign<M, Option<T>> for T {
    fn into_expr(self) -> Result<Expr> {
        value(&self)
    }
}

impl<M> Assign<M, String> for &str {
    fn into_expr(self) -> Result<Expr> {
        value(&self.to_owned())
    }
}

impl<M> Assign<M, Option<String>> for &str {
    fn into_expr(self) -> Result<Expr> {
        value(&self.to_owned())
    }
}

impl<M: Model, T: Field> Assign<M, T> for Column<M, T> {
    fn into_expr(self) -> Result<Expr> {
        Ok(column(self))
    }
}
