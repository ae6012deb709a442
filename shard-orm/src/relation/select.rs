//! The result types of joins: their models, or columns of them.

use std::marker::PhantomData;

use super::joined::{Contains, Models};
use crate::backend::{Field, Row};
use crate::error::Result;
use crate::model::{Column, Model};
use crate::query::AllColumns;

/// The result type of a join of the models `J`: all of them, or columns.
pub trait JoinSelection<J>: Send + Sync + 'static {
    /// The result of one row.
    type Out: Send + 'static;

    #[doc(hidden)]
    fn read(row: &Row<'_>) -> Result<Self::Out>;
}

impl<J: Models> JoinSelection<J> for AllColumns {
    type Out = J;

    fn read(row: &Row<'_>) -> Result<J> {
        J::read(row)
    }
}

/// Returns the columns `C` of the models at the positions `I`.
#[derive(Debug, Clone, Copy)]
pub struct JoinedColumns<C, I>(PhantomData<fn() -> (C, I)>);

impl<J, C: JoinColumns<J, I>, I: 'static> JoinSelection<J> for JoinedColumns<C, I> {
    type Out = C::Out;

    fn read(row: &Row<'_>) -> Result<C::Out> {
        C::read(row)
    }
}

/// Columns of the joined models `J`: one, or a tuple of up to twelve. The compiler infers `I`, the
/// positions of their models.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a column of the joined models `{J}`, nor a tuple of them",
    note = "select a column, or a tuple of up to twelve"
)]
pub trait JoinColumns<J, I>: Send + Sync + 'static {
    /// What one row gives.
    type Out: Send + 'static;

    /// The position of each column's model, and the column's ordinal in it.
    #[doc(hidden)]
    fn places(&self) -> Vec<(usize, usize)>;

    #[doc(hidden)]
    fn read(row: &Row<'_>) -> Result<Self::Out>;
}

impl<J: Contains<M, I>, M: Model, T: Field, I> JoinColumns<J, I> for Column<M, T> {
    type Out = J::Held<T>;

    fn places(&self) -> Vec<(usize, usize)> {
        vec![(J::POSITION, self.ordinal())]
    }

    fn read(row: &Row<'_>) -> Result<Self::Out> {
        J::read_column::<T>(row, 0)
    }
}

macro_rules! tuples {
    ($($model:ident $name:ident $index:ident $position:tt),+) => {
        impl<Of, $($model: Model, $name: Field, $index),+> JoinColumns<Of, ($($index,)+)>
            for ($(Column<$model, $name>,)+)
        where
            $(Of: Contains<$model, $index>,)+
        {
            type Out = ($(<Of as Contains<$model, $index>>::Held<$name>,)+);

            fn places(&self) -> Vec<(usize, usize)> {
                vec![$((<Of as Contains<$model, $index>>::POSITION, self.$position.ordinal())),+]
            }

            fn read(row: &Row<'_>) -> Result<Self::Out> {
                Ok(($(<Of as Contains<$model, $index>>::read_column::<$name>(row, $position)?,)+))
            }
        }
    };
}

tuples!(M0 T0 I0 0);
tuples!(M0 T0 I0 0, M1 T1 I1 1);
tuples!(M0 T0 I0 0, M1 T1 I1 1, M2 T2 I2 2);
tuples!(M0 T0 I0 0, M1 T1 I1 1, M2 T2 I2 2, M3 T3 I3 3);
tuples!(M0 T0 I0 0, M1 T1 I1 1, M2 T2 I2 2, M3 T3 I3 3, M4 T4 I4 4);
tuples!(M0 T0 I0 0, M1 T1 I1 1, M2 T2 I2 2, M3 T3 I3 3, M4 T4 I4 4, M5 T5 I5 5);
tuples!(M0 T0 I0 0, M1 T1 I1 1, M2 T2 I2 2, M3 T3 I3 3, M4 T4 I4 4, M5 T5 I5 5, M6 T6 I6 6);
tuples!(M0 T0 I0 0, M1 T1 I1 1, M2 T2 I2 2, M3 T3 I3 3, M4 T4 I4 4, M5 T5 I5 5, M6 T6 I6 6, M7 T7 I7 7);
tuples!(M0 T0 I0 0, M1 T1 I1 1, M2 T2 I2 2, M3 T3 I3 3, M4 T4 I4 4, M5 T5 I5 5, M6 T6 I6 6, M7 T7 I7 7, M8 T8 I8 8);
tuples!(M0 T0 I0 0, M1 T1 I1 1, M2 T2 I2 2, M3 T3 I3 3, M4 T4 I4 4, M5 T5 I5 5, M6 T6 I6 6, M7 T7 I7 7, M8 T8 I8 8, M9 T9 I9 9);
tuples!(M0 T0 I0 0, M1 T1 I1 1, M2 T2 I2 2, M3 T3 I3 3, M4 T4 I4 4, M5 T5 I5 5, M6 T6 I6 6, M7 T7 I7 7, M8 T8 I8 8, M9 T9 I9 9, M10 T10 I10 10);
tuples!(M0 T0 I0 0, M1 T1 I1 1, M2 T2 I2 2, M3 T3 I3 3, M4 T4 I4 4, M5 T5 I5 5, M6 T6 I6 6, M7 T7 I7 7, M8 T8 I8 8, M9 T9 I9 9, M10 T10 I10 10, M11 T11 I11 11);
