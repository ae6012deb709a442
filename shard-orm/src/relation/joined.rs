//! The models of a join, as a tuple: `(Order, Line)`, or `(Order, Option<Line>)` after a left join.
//!
//! Which of them a column belongs to is found by the compiler: `Contains<Line, I>` holds for one
//! `I` only, the position of `Line` in the tuple.

use crate::backend::{Field, Row};
use crate::error::Result;
use crate::model::Model;

/// One model of a join: a model, or an `Option` of one that may be absent.
pub trait Slot: Sized + Send + 'static {
    /// The model.
    type Model: Model;

    /// Its table.
    #[doc(hidden)]
    const TABLE: &'static str;

    #[doc(hidden)]
    fn read(row: &Row<'_>, first: usize) -> Result<Self>;
}

impl<M: Model> Slot for M {
    type Model = M;

    const TABLE: &'static str = <M as Model>::TABLE;

    fn read(row: &Row<'_>, first: usize) -> Result<M> {
        <M as Model>::read(row, first)
    }
}

impl<M: Model> Slot for Option<M> {
    type Model = M;

    const TABLE: &'static str = <M as Model>::TABLE;

    /// A primary key is never NULL: where it is, there is no row. All else may well be.
    fn read(row: &Row<'_>, first: usize) -> Result<Self> {
        let absent = match M::def().primary_key.first() {
            Some(ordinal) => row.is_null(first + ordinal)?,
            None => false,
        };
        if absent {
            Ok(None)
        } else {
            <M as Model>::read(row, first).map(Some)
        }
    }
}

/// The models of a join, in the order in which they were joined: a tuple of up to four.
pub trait Models: Sized + Send + Sync + 'static {
    /// Their tables.
    #[doc(hidden)]
    const TABLES: &'static [&'static str];

    #[doc(hidden)]
    fn read(row: &Row<'_>) -> Result<Self>;
}

/// The position of a model in a join, counted from 0. The compiler finds it.
#[derive(Debug, Clone, Copy)]
pub struct At<const POSITION: usize>;

/// Joined models of which `M` is one; `I` is its place, which the compiler finds.
#[diagnostic::on_unimplemented(
    message = "`{M}` is not part of this query",
    label = "`{M}` is not joined",
    note = "join it first, by `.join(..)` or `.left_join(..)`; the query holds `{Self}`"
)]
pub trait Contains<M, I> {
    /// What a column of a `T` gives: a `T`, or an `Option` of it where the model may be absent.
    type Held<T: Field>: Send + 'static;

    #[doc(hidden)]
    const POSITION: usize;

    #[doc(hidden)]
    fn read_column<T: Field>(row: &Row<'_>, ordinal: usize) -> Result<Self::Held<T>>;
}

/// Joined models of which `M` is one that is never absent; `I` is its place, which the compiler
/// finds.
#[diagnostic::on_unimplemented(
    message = "`{M}` is not part of every row of this query",
    label = "`{M}` is not joined, or may be absent",
    note = "join it first, by `.join(..)`; after a `.left_join(..)` of it, what belongs to it is \
            left joined too",
    note = "the query holds `{Self}`"
)]
pub trait Always<M, I> {
    #[doc(hidden)]
    const POSITION: usize;
}

/// Joined models that one more is joined to.
#[diagnostic::on_unimplemented(
    message = "a join has at most four models",
    label = "one model too many",
    note = "join fewer, and read what belongs to the rows by `load`; or write the statement \
            yourself, with `sql`"
)]
pub trait Push<S> {
    /// The models with `S` behind them.
    type Joined;
}

macro_rules! models {
    ($($name:ident)+) => {
        impl<$($name: Slot + Sync),+> Models for ($($name,)+) {
            const TABLES: &'static [&'static str] = &[$($name::TABLE),+];

            fn read(row: &Row<'_>) -> Result<Self> {
                let mut next = 0;
                let mut first = |width: usize| {
                    next += width;
                    next - width
                };
                Ok(($($name::read(row, first($name::Model::def().columns.len()))?,)+))
            }
        }
    };
}

models!(A);
models!(A B);
models!(A B C);
models!(A B C D);

// The compiler lists the implementations that there are where one is missing: those for two models
// say it all.
macro_rules! contains {
    ($(#[$listed:meta])? $($all:ident)+; $model:ident at $position:literal in ($($plain:ty),+), ($($optional:ty),+)) => {
        $(#[$listed])?
        impl<$($all),+> Contains<$model, At<$position>> for ($($plain,)+)
        where
            $model: Model,
        {
            type Held<T: Field> = T;

            const POSITION: usize = $position;

            fn read_column<T: Field>(row: &Row<'_>, ordinal: usize) -> Result<T> {
                T::read(row, ordinal)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($all),+> Contains<$model, At<$position>> for ($($optional,)+)
        where
            $model: Model,
        {
            type Held<T: Field> = Option<T::Plain>;

            const POSITION: usize = $position;

            fn read_column<T: Field>(row: &Row<'_>, ordinal: usize) -> Result<Option<T::Plain>> {
                if row.is_null(ordinal)? {
                    Ok(None)
                } else {
                    T::Plain::read(row, ordinal).map(Some)
                }
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($all),+> Always<$model, At<$position>> for ($($plain,)+)
        where
            $model: Model,
        {
            const POSITION: usize = $position;
        }
    };
}

contains!(#[diagnostic::do_not_recommend] A; A at 0 in (A), (Option<A>));
contains!(A B; A at 0 in (A, B), (Option<A>, B));
contains!(A B; B at 1 in (A, B), (A, Option<B>));
contains!(#[diagnostic::do_not_recommend] A B C; A at 0 in (A, B, C), (Option<A>, B, C));
contains!(#[diagnostic::do_not_recommend] A B C; B at 1 in (A, B, C), (A, Option<B>, C));
contains!(#[diagnostic::do_not_recommend] A B C; C at 2 in (A, B, C), (A, B, Option<C>));
contains!(#[diagnostic::do_not_recommend] A B C D; A at 0 in (A, B, C, D), (Option<A>, B, C, D));
contains!(#[diagnostic::do_not_recommend] A B C D; B at 1 in (A, B, C, D), (A, Option<B>, C, D));
contains!(#[diagnostic::do_not_recommend] A B C D; C at 2 in (A, B, C, D), (A, B, Option<C>, D));
contains!(#[diagnostic::do_not_recommend] A B C D; D at 3 in (A, B, C, D), (A, B, C, Option<D>));

/// A model that is none. Where there is one model, the compiler would take any relation for one of
/// its own before it has seen it, and say of another that the types do not match.
#[derive(Debug)]
pub enum Undecided {}

/// The place of [`Undecided`].
const NOWHERE: usize = usize::MAX;

#[diagnostic::do_not_recommend]
impl<J> Contains<Undecided, At<NOWHERE>> for J {
    type Held<T: Field> = T;

    const POSITION: usize = NOWHERE;

    fn read_column<T: Field>(row: &Row<'_>, ordinal: usize) -> Result<T> {
        T::read(row, ordinal)
    }
}

#[diagnostic::do_not_recommend]
impl<J> Always<Undecided, At<NOWHERE>> for J {
    const POSITION: usize = NOWHERE;
}

impl<A, S> Push<S> for (A,) {
    type Joined = (A, S);
}

impl<A, B, S> Push<S> for (A, B) {
    type Joined = (A, B, S);
}

impl<A, B, C, S> Push<S> for (A, B, C) {
    type Joined = (A, B, C, S);
}
