//! A typed column: what filters, orders and assignments are made from.

use std::fmt;
use std::marker::PhantomData;

use super::{FieldDef, Model};

/// A column of the model `M` that holds a `T`.
///
/// The derive makes one constant for each field, named like it in capitals: `Order::USER_ID`.
pub struct Column<M, T> {
    ordinal: usize,
    of: PhantomData<fn() -> (M, T)>,
}

impl<M, T> Column<M, T> {
    /// The column at this place among the model's columns. Made by the derive.
    #[must_use]
    pub const fn new(ordinal: usize) -> Self {
        Self {
            ordinal,
            of: PhantomData,
        }
    }

    /// Its place among the model's columns, from 0.
    #[must_use]
    pub const fn ordinal(self) -> usize {
        self.ordinal
    }
}

impl<M: Model, T> Column<M, T> {
    /// Its description.
    #[must_use]
    pub fn def(self) -> &'static FieldDef {
        &M::def().columns[self.ordinal]
    }

    /// Its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.def().name
    }
}

impl<M, T> Clone for Column<M, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, T> Copy for Column<M, T> {}

impl<M, T> fmt::Debug for Column<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({})", self.ordinal)
    }
}
