//! The order of a result.

use std::marker::PhantomData;

use crate::backend::Field;
use crate::model::{Column, Model};
use crate::plan::{Nulls, Requirements, Term};

/// One column of an order: `Order::PLACED_AT.desc().nulls_last()`.
#[derive(Debug)]
#[must_use]
pub struct OrderBy<M> {
    pub(crate) term: Term,
    pub(crate) requirements: Requirements,
    of: PhantomData<fn() -> M>,
}

impl<M> OrderBy<M> {
    /// Sorts NULL before all values.
    pub fn nulls_first(mut self) -> Self {
        self.term.nulls = Some(Nulls::First);
        self
    }

    /// Sorts NULL after all values.
    pub fn nulls_last(mut self) -> Self {
        self.term.nulls = Some(Nulls::Last);
        self
    }
}

impl<M: Model, T: Field> Column<M, T> {
    /// Ascending order. NULL sorts as the database does: last on PostgreSQL, first on the others;
    /// see [`OrderBy::nulls_first`].
    pub fn asc(self) -> OrderBy<M> {
        self.order(false)
    }

    /// Descending order. NULL sorts as the database does: first on PostgreSQL, last on the others;
    /// see [`OrderBy::nulls_last`].
    pub fn desc(self) -> OrderBy<M> {
        self.order(true)
    }

    fn order(self, descending: bool) -> OrderBy<M> {
        OrderBy {
            term: Term {
                ordinal: self.ordinal(),
                descending,
                nulls: None,
            },
            requirements: Requirements::size_of(self.def().column_type),
            of: PhantomData,
        }
    }
}

impl<M: Model, T: Field> From<Column<M, T>> for OrderBy<M> {
    fn from(column: Column<M, T>) -> Self {
        column.asc()
    }
}
