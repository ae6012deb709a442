//! A query that returns rows with their related rows.

use std::fmt;

use futures_util::future::BoxFuture;

use super::refers_to::Separately;
use super::{IntoLoad, Load, RefersTo, Relation};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor, Target};
use crate::model::{Model, Sharded};
use crate::query::{AllColumns, NamesAShard, Query, QueryFuture};
use crate::record::DatabaseModel;

/// A query that returns rows with their related rows: each is a tuple of the row and its related
/// rows, `(Order, Vec<Line>)`.
///
/// Created by [`Query::with`], for up to four relations of one model.
#[must_use = "a query is sent when a verb such as `all` runs it"]
pub struct With<M, P, L> {
    query: Query<M, P, AllColumns>,
    loads: L,
}

impl<M: Sharded, P> Query<M, P, AllColumns> {
    /// Returns each row with its related rows.
    ///
    /// Sends the query, and then one statement for each relation to each logical shard of its rows;
    /// see [`Relation::load`].
    ///
    /// ```no_run
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # #[shard(has_many(lines = "Line", by = "order_id"))]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// # }
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "lines")]
    /// # struct Line {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// #     order_id: i64,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// let orders: Vec<(Order, Vec<Line>)> = Order::on(42)
    ///     .order_by(Order::ID.desc())
    ///     .limit(20)
    ///     .with(Order::LINES)
    ///     .all(cluster)
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with<L: IntoLoad>(self, relation: L) -> With<M, P, (Load<L::Relation>,)>
    where
        L::Relation: Relation<From = M>,
    {
        With {
            query: self,
            loads: (relation.into_load(),),
        }
    }

    /// Returns each row with the row of a named database that it refers to.
    ///
    /// Sends the query, and then a statement to that database; see [`RefersTo::fetch_separately`].
    pub fn with_separately<T: DatabaseModel>(
        self,
        relation: RefersTo<M, T>,
    ) -> With<M, P, (Separately<M, T>,)> {
        With {
            query: self,
            loads: (Separately(relation),),
        }
    }
}

/// The related rows that a [`With`] loads.
pub trait Loads<M>: Send + 'static {
    /// The result of each row.
    type Out: Send + 'static;

    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn read<'a>(self, target: Target<'a>, rows: Vec<M>) -> BoxFuture<'a, Result<Vec<Self::Out>>>
    where
        M: 'a;
}

/// One relation that is loaded for rows of the model `M`.
pub trait LoadOne<M>: Send + 'static {
    /// What each row is given.
    type Found: Send + 'static;

    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn read_one<'a>(self, target: Target<'a>, rows: &[M]) -> QueryFuture<'a, Vec<Self::Found>>;
}

impl<R: Relation> LoadOne<R::From> for Load<R> {
    type Found = R::Found;

    #[allow(private_interfaces)]
    fn read_one<'a>(self, target: Target<'a>, rows: &[R::From]) -> QueryFuture<'a, Vec<R::Found>> {
        self.load_at(target, rows)
    }
}

impl<C: Model, P: DatabaseModel> LoadOne<C> for Separately<C, P> {
    type Found = Option<P>;

    #[allow(private_interfaces)]
    fn read_one<'a>(self, target: Target<'a>, rows: &[C]) -> QueryFuture<'a, Vec<Option<P>>> {
        self.0.fetch(target, rows)
    }
}

macro_rules! loads {
    ($($name:ident $found:ident $position:tt),+) => {
        impl<M: Model, $($name: LoadOne<M>),+> Loads<M> for ($($name,)+) {
            type Out = (M, $($name::Found,)+);

            #[allow(private_interfaces)]
            fn read<'a>(
                self,
                target: Target<'a>,
                rows: Vec<M>,
            ) -> BoxFuture<'a, Result<Vec<Self::Out>>>
            where
                M: 'a,
            {
                Box::pin(async move {
                    $(let $found = self.$position.read_one(target, &rows).await?;)+
                    $(let mut $found = $found.into_iter();)+
                    let mut out = Vec::with_capacity(rows.len());
                    for row in rows {
                        // One for each row, in their order.
                        let ($(Some($found),)+) = ($($found.next(),)+) else { break };
                        out.push((row, $($found,)+));
                    }
                    Ok(out)
                })
            }
        }
    };
}

loads!(A a 0);
loads!(A a 0, B b 1);
loads!(A a 0, B b 1, C c 2);
loads!(A a 0, B b 1, C c 2, D d 3);

macro_rules! another {
    ($($name:ident $position:tt),+) => {
        impl<M: Sharded, P, $($name),+> With<M, P, ($($name,)+)> {
            /// Returns the related rows of another relation as well.
            pub fn with<L: IntoLoad>(
                self,
                relation: L,
            ) -> With<M, P, ($($name,)+ Load<L::Relation>)>
            where
                L::Relation: Relation<From = M>,
            {
                With {
                    query: self.query,
                    loads: ($(self.loads.$position,)+ relation.into_load()),
                }
            }

            /// Returns the row of a named database that each row refers to as well, read in a
            /// further step.
            pub fn with_separately<T: DatabaseModel>(
                self,
                relation: RefersTo<M, T>,
            ) -> With<M, P, ($($name,)+ Separately<M, T>)> {
                With {
                    query: self.query,
                    loads: ($(self.loads.$position,)+ Separately(relation)),
                }
            }
        }
    };
}

another!(A 0);
another!(A 0, B 1);
another!(A 0, B 1, C 2);

impl<M: Sharded, P: Send + Sync + 'static, L: Loads<M>> With<M, P, L> {
    /// Returns all rows.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub fn all<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Vec<L::Out>>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let target = on.target().reading(self.query.spec.read);
        let rows = self.query.all(on);
        let loads = self.loads;
        Box::pin(async move { loads.read(target, rows.await?).await })
    }

    /// Returns the first row, if there is one.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub fn first<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Option<L::Out>>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let target = on.target().reading(self.query.spec.read);
        let row = self.query.first(on);
        let loads = self.loads;
        Box::pin(async move {
            let rows = row.await?.into_iter().collect();
            Ok(loads.read(target, rows).await?.pop())
        })
    }

    /// Returns the first row.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no row; otherwise as [`Query::all`].
    pub fn one<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, L::Out>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let first = self.first(on);
        Box::pin(async move {
            first.await?.ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("no `{}` meets the conditions", M::def().name),
                )
            })
        })
    }
}

impl<M: Model, P: fmt::Debug, L> fmt::Debug for With<M, P, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("With")
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}
