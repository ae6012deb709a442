//! Results without the logical shards that did not respond.

use std::fmt;

use super::scope::NamesAShard;
use super::select::Query;
use super::selection::Selection;
use super::verbs::QueryFuture;
use crate::error::Result;
use crate::exec::Executor;
use crate::model::Model;
use crate::plan::{Missing, ScatterCall};

/// A result of the logical shards that responded, and those that are missing.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Partial<T> {
    /// The merged result of the shards that responded.
    pub value: T,
    /// The logical shards that did not respond, and the reason.
    pub missing: Vec<Missing>,
}

impl<T> Partial<T> {
    /// Returns whether all logical shards responded.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Returns the value if all logical shards responded.
    ///
    /// # Errors
    /// The error of the first shard that did not respond.
    pub fn complete(self) -> Result<T> {
        match self.missing.into_iter().next() {
            None => Ok(self.value),
            Some(missing) => Err(missing.error),
        }
    }
}

/// A query that tolerates logical shards that do not respond; see [`Query::partial`].
#[derive(Clone)]
#[must_use = "a query is sent when a verb such as `all` runs it"]
pub struct Partially<Q>(pub(crate) Q);

impl<Q: fmt::Debug> fmt::Debug for Partially<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Partially").field(&self.0).finish()
    }
}

impl<M: Model, P, S> Query<M, P, S> {
    /// Tolerates logical shards that do not respond, and returns which are missing.
    ///
    /// A shard is missing if its server is unreachable or has no free connection, if it takes
    /// longer than a timeout or the [`deadline`](Self::deadline), or if its tables do not exist. An
    /// error in the query itself still fails the whole call.
    ///
    /// ```no_run
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// let orders = Order::scatter().partial().count(cluster).await?;
    /// for missing in &orders.missing {
    ///     eprintln!("not counted: {:?}: {}", missing.shards, missing.error);
    /// }
    /// println!("at least {}", orders.value);
    /// # Ok(())
    /// # }
    /// ```
    pub fn partial(self) -> Partially<Self> {
        Partially(self)
    }
}

impl<M: Model, P: Send + Sync + 'static, S: Selection<M>> Partially<Query<M, P, S>>
where
    Query<M, P, S>: NamesAShard,
{
    /// Returns all rows of the shards that respond; see [`Query::all`].
    ///
    /// # Errors
    /// As [`Query::all`], except for those that make a shard missing.
    pub fn all<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Partial<Vec<S::Out>>> {
        let plan = self.0.reading(on.target());
        Box::pin(async move {
            let plan = plan?;
            let call = plan.begin_partial();
            let value = plan.all(&call, S::read).await?;
            Ok(Partial::of(value, call))
        })
    }

    /// Returns the first row of the shards that respond; see [`Query::first`].
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn first<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Partial<Option<S::Out>>> {
        let plan = self.0.reading(on.target());
        Box::pin(async move {
            let plan = plan?;
            let call = plan.begin_partial();
            let value = plan.first(&call, S::read).await?;
            Ok(Partial::of(value, call))
        })
    }

    /// Returns the number of rows in the shards that respond; see [`Query::count`].
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn count<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Partial<u64>> {
        let plan = self.0.reading(on.target());
        Box::pin(async move {
            let plan = plan?;
            let call = plan.begin_partial();
            let value = plan.count(&call).await?;
            Ok(Partial::of(value, call))
        })
    }

    /// Returns whether a shard that responds has a row; see [`Query::exists`]. `false` is certain
    /// only if no shard is missing.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn exists<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Partial<bool>> {
        let plan = self.0.reading(on.target());
        Box::pin(async move {
            let plan = plan?;
            let call = plan.begin_partial();
            let value = plan.exists(&call).await?;
            Ok(Partial::of(value, call))
        })
    }
}

impl<T> Partial<T> {
    pub(crate) fn of(value: T, call: ScatterCall) -> Self {
        Self {
            value,
            missing: call.into_missing(),
        }
    }
}
