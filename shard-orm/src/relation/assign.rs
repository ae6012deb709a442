//! What the compiler checks of a relation: the keys of the two models, and the fields that hold an
//! id.

use crate::backend::Field;
use crate::model::{Column, Key};

/// The shard key of a model that is related to one with the key `K`: the same.
#[diagnostic::on_unimplemented(
    message = "a model with the shard key `{Self}` is not related to one with the shard key `{K}`",
    label = "this model has another shard key",
    note = "related rows have equal shard keys and so live together: give both models a key of the \
            same type, and a region both or neither"
)]
pub trait SameKey<K> {}

impl<K: Key> SameKey<K> for K {}

/// A field that holds the id `I` of another model: of that type, or an `Option` of it.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` does not hold an id of type `{I}`",
    label = "expected a field of `{I}`, or of an `Option` of it",
    note = "`by` names the field that holds the other model's id: its primary key without the \
            shard key; when nothing is left of that, `()`, leave `by` out"
)]
pub trait ForeignKey<I>: Field {
    /// Sets the field.
    fn put(&mut self, id: I);
}

impl<T: Field> ForeignKey<T> for T {
    fn put(&mut self, id: T) {
        *self = id;
    }
}

impl<T: Field<Plain = T>> ForeignKey<T> for Option<T> {
    fn put(&mut self, id: T) {
        *self = Some(id);
    }
}

/// The columns of the model `M` that hold an id `I`: one, a tuple of up to four, or `()`.
#[diagnostic::on_unimplemented(
    message = "the fields of `by` do not hold an id of type `{I}`",
    label = "the id is `{I}`",
    note = "`by` names one field for each part of the other model's id, its primary key without \
            the shard key: `by = \"order_id\"`, or `by = [\"year\", \"number\"]`; for the id `()` \
            leave it out"
)]
pub trait ForeignColumns<M, I>: Copy {}

impl<M> ForeignColumns<M, ()> for () {}

impl<M, I, T: ForeignKey<I>> ForeignColumns<M, I> for Column<M, T> {}

macro_rules! tuples {
    ($($name:ident $id:ident),+) => {
        impl<M, $($id, $name: ForeignKey<$id>),+> ForeignColumns<M, ($($id,)+)> for ($(Column<M, $name>,)+) {}
    };
}

tuples!(A I, B J);
tuples!(A I, B J, C K);
tuples!(A I, B J, C K, D L);
