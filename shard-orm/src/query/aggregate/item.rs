//! What is selected of groups, with its types.

use std::fmt;
use std::marker::PhantomData;

use super::spec::{Item, Spec};
use super::value::AggregateValue;
use crate::backend::{Field, Row};
use crate::error::Result;
use crate::model::{Column, Model};
use crate::query::selection::{As, Projection};

/// An aggregate over rows of the model `M` that gives a `T`.
///
/// Made by [`count`](super::count) and by the methods of a [`Column`]; selected by
/// [`Grouped::select`](super::Grouped::select), compared in
/// [`having`](super::Grouped::having), and ordered by.
pub struct Aggregate<M, T> {
    pub(super) spec: Spec,
    of: PhantomData<fn() -> (M, T)>,
}

impl<M, T> Aggregate<M, T> {
    pub(super) fn new(spec: Spec) -> Self {
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

/// A column that is grouped by, or an aggregate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not selected from groups of `{M}`",
    note = "select columns that are grouped by, and aggregates such as `count()` or `column.sum()`"
)]
pub trait GroupItem<M>: Send + Sync + 'static {
    /// What it gives.
    type Out: Send + 'static;

    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn item(&self) -> Item;

    #[doc(hidden)]
    fn read(row: &Row<'_>, position: usize) -> Result<Self::Out>;
}

impl<M: Model, T: Field> GroupItem<M> for Column<M, T> {
    type Out = T;

    #[allow(private_interfaces)]
    fn item(&self) -> Item {
        Item::Column(self.ordinal())
    }

    fn read(row: &Row<'_>, position: usize) -> Result<T> {
        T::read(row, position)
    }
}

impl<M: Model, T: AggregateValue> GroupItem<M> for Aggregate<M, T> {
    type Out = T;

    #[allow(private_interfaces)]
    fn item(&self) -> Item {
        Item::Aggregate(self.spec)
    }

    fn read(row: &Row<'_>, position: usize) -> Result<T> {
        T::read(row, position)
    }
}

/// What one group gives back: a [`GroupItem`], or a tuple of up to twelve.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not selected from groups of `{M}`",
    note = "select columns that are grouped by and aggregates: one, or a tuple of up to twelve"
)]
pub trait GroupSelection<M>: Send + Sync + 'static {
    /// What one group gives.
    type Out: Send + 'static;

    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn items(&self) -> Vec<Item>;

    #[doc(hidden)]
    fn read(row: &Row<'_>) -> Result<Self::Out>;
}

impl<M: Model, T: Field> GroupSelection<M> for Column<M, T> {
    type Out = T;

    #[allow(private_interfaces)]
    fn items(&self) -> Vec<Item> {
        vec![self.item()]
    }

    fn read(row: &Row<'_>) -> Result<T> {
        T::read(row, 0)
    }
}

impl<M: Model, T: AggregateValue> GroupSelection<M> for Aggregate<M, T> {
    type Out = T;

    #[allow(private_interfaces)]
    fn items(&self) -> Vec<Item> {
        vec![self.item()]
    }

    fn read(row: &Row<'_>) -> Result<T> {
        T::read(row, 0)
    }
}

/// By [`distinct`](crate::Query::distinct).
impl<T: Projection> GroupSelection<T::Model> for As<T> {
    type Out = T;

    #[allow(private_interfaces)]
    fn items(&self) -> Vec<Item> {
        T::COLUMNS.iter().copied().map(Item::Column).collect()
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
