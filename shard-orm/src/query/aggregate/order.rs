//! The order of groups.

use std::marker::PhantomData;

use super::derived::Derived;
use super::expr::GroupExpr;
use super::item::Aggregate;
use crate::backend::Field;
use crate::model::{Column, Model};
use crate::plan::Nulls;
use crate::plan::aggregate::{GroupTerm, Item};
use crate::query::Filter;
use crate::query::order::OrderBy;

/// One term of an order of groups: a key or an aggregate, selected or not.
///
/// `Order::ITEM.asc()`, `Order::PLACED_AT.year().desc()`, `count().desc()`,
/// `Order::QUANTITY.sum().desc().nulls_last()`.
#[derive(Debug)]
#[must_use]
pub struct GroupOrder<M> {
    pub(super) term: GroupTerm,
    of: PhantomData<fn() -> M>,
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

/// Orders of groups.
macro_rules! orders {
    ($([$($generics:tt)*] $item:ty: |$this:ident| $to_item:expr;)*) => {$(
        impl<M, $($generics)*> $item {
            /// Ascending order. NULL sorts as the database does: last on PostgreSQL, first on the
            /// others.
            pub fn asc(self) -> GroupOrder<M> {
                let $this = self;
                GroupOrder::new($to_item, false, None)
            }

            /// Descending order. NULL sorts as the database does: first on PostgreSQL, last on the
            /// others.
            pub fn desc(self) -> GroupOrder<M> {
                let $this = self;
                GroupOrder::new($to_item, true, None)
            }
        }

        impl<M, $($generics)*> From<$item> for GroupOrder<M> {
            fn from(item: $item) -> Self {
                item.asc()
            }
        }
    )*};
}

orders! {
    [T] Aggregate<M, T>: |aggregate| Item::Aggregate(aggregate.spec);
    [T: Field] Derived<M, T>: |derived| derived.to_item();
    [T: Field] GroupExpr<M, T>: |expr| expr.to_item();
}

/// The groups that do not meet the condition first; the others with `GroupExpr::from(..).desc()`.
impl<M> From<Filter<M>> for GroupOrder<M> {
    fn from(filter: Filter<M>) -> Self {
        GroupExpr::from(filter).asc()
    }
}

impl<M> From<OrderBy<M>> for GroupOrder<M> {
    fn from(order: OrderBy<M>) -> Self {
        let term = GroupTerm::of_column(order.term);
        let of = PhantomData;
        Self { term, of }
    }
}

impl<M: Model, T: Field> From<Column<M, T>> for GroupOrder<M> {
    fn from(column: Column<M, T>) -> Self {
        column.asc().into()
    }
}
