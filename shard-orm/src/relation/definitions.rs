//! The relations that a model declares: the types of its constants.

use std::fmt;
use std::marker::PhantomData;

use super::Relation;
use super::assign::{ForeignColumns, SameKey};
use super::columns::RelationColumns;
use crate::model::{Model, Sharded};
use crate::query::OnKey;

/// The related rows of one row.
pub trait Found<T>: Default + Send + 'static {
    #[doc(hidden)]
    fn put(&mut self, row: T);
}

impl<T: Send + 'static> Found<T> for Vec<T> {
    fn put(&mut self, row: T) {
        self.push(row);
    }
}

impl<T: Send + 'static> Found<T> for Option<T> {
    fn put(&mut self, row: T) {
        self.get_or_insert(row);
    }
}

/// Any number of `C` belong to one `P`: `#[shard(has_many(lines = "Line", by = "order_id"))]`.
pub struct HasMany<P, C> {
    foreign: &'static [usize],
    of: PhantomData<fn() -> (P, C)>,
}

/// One `C` or none belongs to one `P`: `#[shard(has_one(invoice = "Invoice", by = "order_id"))]`.
///
/// A unique index over the shard key and the field ensures that there is at most one; without it,
/// the first one by primary key is returned.
pub struct HasOne<P, C> {
    foreign: &'static [usize],
    of: PhantomData<fn() -> (P, C)>,
}

/// One `C` belongs to one `P` or none: `#[shard(belongs_to(order = "Order", by = "order_id"))]`.
pub struct BelongsTo<C, P: Model> {
    foreign: &'static [usize],
    pub(super) set: fn(&mut C, P::Id),
}

macro_rules! of_children {
    ($name:ident, $found:ident) => {
        impl<P, C> $name<P, C> {
            /// Creates the relation from the fields with the id of `P`. Called by the derive.
            #[must_use]
            pub const fn new<F>(_by: F, foreign: &'static [usize]) -> Self
            where
                P: Sharded,
                C: Sharded,
                F: ForeignColumns<C, P::Id>,
                C::Key: SameKey<P::Key>,
            {
                Self {
                    foreign,
                    of: PhantomData,
                }
            }
        }

        impl<P: Sharded, C: Sharded<Key = P::Key>> Relation for $name<P, C> {
            type From = P;
            type To = C;
            type At = OnKey<P::Key>;
            type Found = $found<C>;

            #[allow(private_interfaces)]
            fn columns(self) -> RelationColumns {
                RelationColumns::of_children(P::def(), C::def(), self.foreign)
            }

            fn at(self, row: &P) -> Self::At {
                OnKey::of(row.key())
            }
        }

        impl<P, C> Clone for $name<P, C> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<P, C> Copy for $name<P, C> {}

        impl<P: Model, C: Model> fmt::Debug for $name<P, C> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                show(stringify!($name), P::def().name, C::def().name, f)
            }
        }
    };
}

of_children!(HasMany, Vec);
of_children!(HasOne, Option);

impl<C, P: Model> BelongsTo<C, P> {
    /// Creates the relation from the fields with the id of `P`, and the function that sets them.
    /// Called by the derive.
    #[must_use]
    pub const fn new<F>(_by: F, foreign: &'static [usize], set: fn(&mut C, P::Id)) -> Self
    where
        C: Sharded,
        P: Sharded,
        F: ForeignColumns<C, P::Id>,
        P::Key: SameKey<C::Key>,
    {
        Self { foreign, set }
    }
}

impl<C: Sharded, P: Sharded<Key = C::Key>> Relation for BelongsTo<C, P> {
    type From = C;
    type To = P;
    type At = OnKey<C::Key>;
    type Found = Option<P>;

    #[allow(private_interfaces)]
    fn columns(self) -> RelationColumns {
        RelationColumns::of_parent(C::def(), P::def(), self.foreign)
    }

    fn at(self, row: &C) -> Self::At {
        OnKey::of(row.key())
    }
}

impl<C, P: Model> Clone for BelongsTo<C, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C, P: Model> Copy for BelongsTo<C, P> {}

impl<C: Model, P: Model> fmt::Debug for BelongsTo<C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show("BelongsTo", C::def().name, P::def().name, f)
    }
}

/// `HasMany(Order, Line)`.
pub(super) fn show(kind: &str, from: &str, to: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{kind}({from}, {to})")
}
