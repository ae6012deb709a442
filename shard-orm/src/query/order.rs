//! The order of a result.

use std::marker::PhantomData;

use crate::backend::Field;
use crate::dialect::Dialect;
use crate::model::{Column, Model, ModelDef};

use super::parts::Needs;

/// Where NULL stands in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nulls {
    /// Before all values.
    First,
    /// After all values.
    Last,
}

/// One column of an order: `Order::PLACED_AT.desc().nulls_last()`.
#[derive(Debug)]
#[must_use]
pub struct OrderBy<M> {
    pub(crate) term: Term,
    pub(crate) needs: Needs,
    of: PhantomData<fn() -> M>,
}

/// One column of an order, whatever the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) ordinal: usize,
    pub(super) descending: bool,
    pub(super) nulls: Option<Nulls>,
}

impl Term {
    /// The column's smallest values first.
    pub(crate) fn ascending(ordinal: usize) -> Self {
        Self {
            ordinal,
            descending: false,
            nulls: None,
        }
    }

    /// The column and its direction, in words.
    pub(super) fn describe(self, def: &ModelDef) -> String {
        let descending = if self.descending { " desc" } else { "" };
        let nulls = match self.nulls {
            Some(Nulls::First) => " nulls first",
            Some(Nulls::Last) => " nulls last",
            None => "",
        };
        format!("{}{descending}{nulls}", def.columns[self.ordinal].name)
    }

    /// Where NULL stands: as asked, or where the database puts it.
    pub(super) fn nulls(self, dialect: Dialect) -> Nulls {
        self.nulls
            .unwrap_or_else(|| Nulls::by_default(dialect, self.descending))
    }
}

impl Nulls {
    /// PostgreSQL takes NULL for larger than any value, the others for smaller.
    pub(super) fn by_default(dialect: Dialect, descending: bool) -> Self {
        if dialect.capability().nulls_are_largest == descending {
            Self::First
        } else {
            Self::Last
        }
    }
}

impl<M> OrderBy<M> {
    /// NULL before all values.
    pub fn nulls_first(mut self) -> Self {
        self.term.nulls = Some(Nulls::First);
        self
    }

    /// NULL after all values.
    pub fn nulls_last(mut self) -> Self {
        self.term.nulls = Some(Nulls::Last);
        self
    }
}

impl<M: Model, T: Field> Column<M, T> {
    /// Smallest first. NULL stands where the database puts it: last on PostgreSQL, first on the
    /// others; see [`OrderBy::nulls_first`].
    pub fn asc(self) -> OrderBy<M> {
        self.order(false)
    }

    /// Largest first. NULL stands where the database puts it: first on PostgreSQL, last on the
    /// others; see [`OrderBy::nulls_last`].
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
            needs: Needs::size_of(self.def().column_type),
            of: PhantomData,
        }
    }
}

impl<M: Model, T: Field> From<Column<M, T>> for OrderBy<M> {
    fn from(column: Column<M, T>) -> Self {
        column.asc()
    }
}
