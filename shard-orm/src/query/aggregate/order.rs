//! The order of groups.

use std::marker::PhantomData;

use super::item::Aggregate;
use super::spec::Item;
use crate::backend::Field;
use crate::dialect::Dialect;
use crate::exec::Direction;
use crate::model::{Column, Model};
use crate::query::order::{Nulls, OrderBy};

/// One part of an order of groups: a column that is grouped by, or an aggregate, selected or not.
///
/// `Order::ITEM.asc()`, `count().desc()`, `Order::QUANTITY.sum().desc().nulls_last()`.
#[derive(Debug)]
#[must_use]
pub struct GroupOrder<M> {
    pub(super) term: GroupTerm,
    of: PhantomData<fn() -> M>,
}

/// One part of an order of groups, whatever the model.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupTerm {
    pub(super) item: Item,
    pub(super) descending: bool,
    pub(super) nulls: Option<Nulls>,
}

impl GroupTerm {
    pub(super) fn of_column(ordinal: usize, descending: bool, nulls: Option<Nulls>) -> Self {
        Self {
            item: Item::Column(ordinal),
            descending,
            nulls,
        }
    }

    /// The client sorts as the database would.
    pub(super) fn direction(&self, dialect: Dialect) -> Direction {
        let nulls = self.nulls;
        let nulls = nulls.unwrap_or_else(|| Nulls::by_default(dialect, self.descending));
        Direction {
            descending: self.descending,
            nulls_first: nulls == Nulls::First,
        }
    }
}

impl<M> GroupOrder<M> {
    fn new(item: Item, descending: bool, nulls: Option<Nulls>) -> Self {
        Self {
            term: GroupTerm {
                item,
                descending,
                nulls,
            },
            of: PhantomData,
        }
    }

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

impl<M, T> Aggregate<M, T> {
    /// Smallest first. NULL stands where the database puts it: last on PostgreSQL, first on the
    /// others.
    pub fn asc(self) -> GroupOrder<M> {
        GroupOrder::new(Item::Aggregate(self.spec), false, None)
    }

    /// Largest first. NULL stands where the database puts it: first on PostgreSQL, last on the
    /// others.
    pub fn desc(self) -> GroupOrder<M> {
        GroupOrder::new(Item::Aggregate(self.spec), true, None)
    }
}

impl<M, T> From<Aggregate<M, T>> for GroupOrder<M> {
    fn from(aggregate: Aggregate<M, T>) -> Self {
        aggregate.asc()
    }
}

impl<M> From<OrderBy<M>> for GroupOrder<M> {
    fn from(order: OrderBy<M>) -> Self {
        let term = order.term;
        Self::new(Item::Column(term.ordinal), term.descending, term.nulls)
    }
}

impl<M: Model, T: Field> From<Column<M, T>> for GroupOrder<M> {
    fn from(column: Column<M, T>) -> Self {
        column.asc().into()
    }
}
