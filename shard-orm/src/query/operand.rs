//! What a column is compared with or set to.

use sea_query::{Alias, Expr};

use crate::backend::{Args, Field};
use crate::error::Result;
use crate::model::{Column, Model};

/// What a column of plain type `T` is compared with: a value, or another column of the model.
///
/// A value is bound in the column's type, never in that of the literal.
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

/// What a column of type `T` is set to: a value, of the plain type too where the column is
/// nullable, or another column of the model.
#[diagnostic::on_unimplemented(
    message = "a column of `{T}` is not set to `{Self}`",
    label = "expected `{T}`"
)]
pub trait Assign<M, T> {
    #[doc(hidden)]
    fn into_expr(self) -> Result<Expr>;
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
