//! The result type of a query: whole models, tuples of columns, or another struct.

use std::marker::PhantomData;

use crate::backend::{Field, Row};
use crate::error::Result;
use crate::model::{Column, Model};

/// The result type of a query of the model `M`: [`AllColumns`], a column, a tuple of up to twelve
/// columns, or a [`Projection`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a selection from `{M}`",
    note = "select a column of the model, a tuple of up to twelve, or with `select_as` a struct \
            that derives `ShardProjection` for it"
)]
pub trait Selection<M>: Send + Sync + 'static {
    /// The result of one row.
    type Out: Send + 'static;

    #[doc(hidden)]
    fn read(row: &Row<'_>) -> Result<Self::Out>;
}

/// One or several columns of the model `M`: a column, or a tuple of up to twelve.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a column of `{M}`, nor a tuple of them")]
pub trait Columns<M>: Send {
    /// Their ordinals.
    #[doc(hidden)]
    fn ordinals(&self) -> Vec<usize>;
}

/// Returns the model itself.
#[derive(Debug, Clone, Copy)]
pub struct AllColumns;

impl<M: Model> Selection<M> for AllColumns {
    type Out = M;

    fn read(row: &Row<'_>) -> Result<M> {
        M::read(row, 0)
    }
}

/// A struct with some of a model's columns. Derive it with
/// [`ShardProjection`](crate::ShardProjection).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hold columns of a model",
    note = "derive `ShardProjection` on it, with `#[shard(model = ..)]`"
)]
pub trait Projection: Sized + Send + 'static {
    /// The model of the columns.
    type Model: Model;

    /// Their ordinals, in the order of the fields.
    const COLUMNS: &'static [usize];

    /// Reads a value from a row with these columns, starting at column `first`.
    ///
    /// # Errors
    /// As [`Field::read`].
    fn read(row: &Row<'_>, first: usize) -> Result<Self>;
}

/// The row from which the field of a projection at this position is read.
#[doc(hidden)]
#[must_use]
pub fn row_of_field<'r, P: Projection>(row: &Row<'r>, position: usize) -> Row<'r> {
    let ordinal = P::COLUMNS[position];
    match <P::Model as Model>::def().columns[ordinal].decimal {
        Some(digits) => row.of_decimals(digits),
        None => *row,
    }
}

/// Returns a [`Projection`].
#[derive(Debug, Clone, Copy)]
pub struct As<T>(PhantomData<fn() -> T>);

impl<T: Projection> Selection<T::Model> for As<T> {
    type Out = T;

    fn read(row: &Row<'_>) -> Result<T> {
        T::read(row, 0)
    }
}

impl<M: Model, T: Field> Selection<M> for Column<M, T> {
    type Out = T;

    fn read(row: &Row<'_>) -> Result<T> {
        T::read(row, 0)
    }
}

impl<M: Model, T: Field> Columns<M> for Column<M, T> {
    fn ordinals(&self) -> Vec<usize> {
        vec![self.ordinal()]
    }
}

macro_rules! tuples {
    ($($name:ident $position:tt),+) => {
        impl<Of: Model, $($name: Field),+> Selection<Of> for ($(Column<Of, $name>,)+) {
            type Out = ($($name,)+);

            fn read(row: &Row<'_>) -> Result<Self::Out> {
                Ok(($($name::read(row, $position)?,)+))
            }
        }

        impl<Of: Model, $($name: Field),+> Columns<Of> for ($(Column<Of, $name>,)+) {
            fn ordinals(&self) -> Vec<usize> {
                vec![$(self.$position.ordinal()),+]
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
