//! Selections of groups, with their types.

use std::fmt;
use std::marker::PhantomData;

use super::derived::Derived;
use super::expr::GroupExpr;
use super::value::AggregateValue;
use crate::backend::{Field, Row};
use crate::error::Result;
use crate::model::{Column, Model};
use crate::plan::aggregate::{AggregateSpec, Grouping, Item};
use crate::query::Filter;
use crate::query::selection::{As, Projection};

/// An aggregate over rows of the model `M` with the result `T`.
///
/// Created by [`count`](super::count) and by the methods of a [`Column`]; used in
/// [`Grouped::select`](super::Grouped::select), [`having`](super::Grouped::having) and
/// [`order_by`](super::Grouped::order_by).
pub struct Aggregate<M, T> {
    pub(super) spec: AggregateSpec,
    of: PhantomData<fn() -> (M, T)>,
}

impl<M, T> Aggregate<M, T> {
    pub(super) fn new(spec: AggregateSpec) -> Self {
        Self {
            spec,
            of: PhantomData,
        }
    }
}

impl<M, T> Clone for Aggregate<M, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, T> Copy for Aggregate<M, T> {}

impl<M, T> fmt::Debug for Aggregate<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Aggregate").field(&self.spec).finish()
    }
}

/// A key of groups, or an aggregate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not selected from groups of `{M}`",
    note = "select what is grouped by, and aggregates such as `count()` or `column.sum()`"
)]
pub trait GroupItem<M>: Send + Sync + 'static {
    /// The type of its value.
    type Out: Send + 'static;

    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn item(&self) -> Item;

    #[doc(hidden)]
    fn read(row: &Row<'_>, position: usize) -> Result<Self::Out>;
}

/// A key of groups: a [`Column`], a [`Derived`] value, a [`GroupExpr`], or a [`Filter`], whose
/// value is whether a row matches it.
#[diagnostic::on_unimplemented(
    message = "rows of `{M}` are not grouped by `{Self}`",
    note = "group by columns, by what is derived from them, as `column.year()` or \
            `column.bucket(10)`, by conditions, or by a `GroupExpr`"
)]
pub trait GroupKey<M>: GroupItem<M> {}

/// The selection of a group: a [`GroupItem`], or a tuple of up to twelve.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not selected from groups of `{M}`",
    note = "select what is grouped by, and aggregates: one, or a tuple of up to twelve"
)]
pub trait GroupSelection<M>: Send + Sync + 'static {
    /// The result of one group.
    type Out: Send + 'static;

    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn items(&self) -> Vec<Item>;

    #[doc(hidden)]
    fn read(row: &Row<'_>) -> Result<Self::Out>;
}

/// The keys of groups: a [`GroupKey`], or a tuple of up to twelve.
#[diagnostic::on_unimplemented(
    message = "rows of `{M}` are not grouped by `{Self}`",
    note = "group by columns, by what is derived from them, as `column.year()` or \
            `column.bucket(10)`, by conditions, or by a `GroupExpr`: one, or a tuple of up to twelve"
)]
pub trait GroupKeys<M>: GroupSelection<M> {}

/// A single item is a selection.
macro_rules! items {
    ($([$($generics:tt)*] $item:ty, $out:ty: |$this:ident| $to_item:expr;)*) => {$(
        impl<M: Model, $($generics)*> GroupItem<M> for $item {
            type Out = $out;

            #[allow(private_interfaces)]
            fn item(&self) -> Item {
                let $this = self;
                $to_item
            }

            fn read(row: &Row<'_>, position: usize) -> Result<$out> {
                <$out>::read(row, position)
            }
        }

        impl<M: Model, $($generics)*> GroupSelection<M> for $item {
            type Out = $out;

            #[allow(private_interfaces)]
            fn items(&self) -> Vec<Item> {
                vec![self.item()]
            }

            fn read(row: &Row<'_>) -> Result<$out> {
                <$out>::read(row, 0)
            }
        }
    )*};
}

items! {
    [T: Field] Column<M, T>, T: |column| Item::Group(Grouping::Column(column.ordinal()));
    [T: Field] Derived<M, T>, T: |derived| derived.to_item();
    [T: Field] GroupExpr<M, T>, T: |expr| expr.to_item();
    [] Filter<M>, bool: |filter| GroupExpr::from(filter.clone()).to_item();
    [T: AggregateValue] Aggregate<M, T>, T: |aggregate| Item::Aggregate(aggregate.spec);
}

macro_rules! keys {
    ($([$($generics:tt)*] $key:ty;)*) => {$(
        impl<M: Model, $($generics)*> GroupKey<M> for $key {}
        impl<M: Model, $($generics)*> GroupKeys<M> for $key {}
    )*};
}

keys! {
    [T: Field] Column<M, T>;
    [T: Field] Derived<M, T>;
    [T: Field] GroupExpr<M, T>;
    [] Filter<M>;
}

/// By [`distinct`](crate::Query::distinct).
impl<T: Projection> GroupSelection<T::Model> for As<T> {
    type Out = T;

    #[allow(private_interfaces)]
    fn items(&self) -> Vec<Item> {
        let columns = T::COLUMNS.iter().copied();
        columns
            .map(|ordinal| Item::Group(Grouping::Column(ordinal)))
            .collect()
    }

    fn read(row: &Row<'_>) -> Result<T> {
        T::read(row, 0)
    }
}

macro_rules! tuples {
    ($($name:ident $position:tt),+) => {
        impl<Of: Model, $($name: GroupItem<Of>),+> GroupSelection<Of> for ($($name,)+) {
            type Out = ($($name::Out,)+);

            #[allow(private_interfaces)]
            fn items(&self) -> Vec<Item> {
                vec![$(self.$position.item()),+]
            }

            fn read(row: &Row<'_>) -> Result<Self::Out> {
                Ok(($($name::read(row, $position)?,)+))
            }
        }

        impl<Of: Model, $($name: GroupKey<Of>),+> GroupKeys<Of> for ($($name,)+) {}
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
