//! Answers that may do without some of the logical shards.

use std::fmt;

use super::scope::NamesAShard;
use super::select::Query;
use super::selection::Selection;
use super::verbs::QueryFuture;
use crate::error::Result;
use crate::exec::Executor;
use crate::model::Model;
use crate::plan::{Missing, ScatterCall};

/// What the logical shards answered that did, and which did not.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Partial<T> {
    /// What the others answered, merged as if they were all there are.
    pub value: T,
    /// The logical shards that did not answer, and why.
    pub missing: Vec<Missing>,
}

impl<T> Partial<T> {
    /// Whether all logical shards answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// The value, when all logical shards answered.
    ///
    /// # Errors
    /// That of the first one that did not.
    pub fn complete(self) -> Result<T> {
        match self.missing.into_iter().next() {
            None => Ok(self.value),
            Some(missing) => Err(missing.error),
        }
    }
}

/// A query that does without logical shards that do not answer; see [`Query::partial`].
#[derive(Clone)]
#[must_use = "a query is sent when a verb such as `all` runs it"]
pub struct Partially<Q>(pub(crate) Q);

impl<Q: fmt::Debug> fmt::Debug for Partially<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Partially").field(&self.0).finish()
    }
}

impl<M: Model, P, S> Query<M, P, S> {
    /// Gives what there is when some logical shards do not answer, and says which are missing.
    ///
    /// A shard is missing whose server is not reached or has no connection free, that takes longer
    /// than a limit or the [`deadline`](Self::deadline), or whose tables are not there. A mistake in
    /// the query is an error of the whole as ever.
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
    /// All rows of the shards that answer; see [`Query::all`].
    ///
    /// # Errors
    /// As [`Query::all`], but for what makes a shard missing.
    pub fn all<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Partial<Vec<S::Out>>> {
        let plan = self.0.reading(on.target());
        Box::pin(async move {
            let plan = plan?;
            let call = plan.begin_partial();
            let value = plan.all(&call, S::read).await?;
            Ok(Partial::of(value, call))
        })
    }

    /// The first row of the shards that answer; see [`Query::first`].
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

    /// How many rows the shards have that answer; see [`Query::count`].
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

    /// Whether any of the shards that answer has a row; see [`Query::exists`]. `false` is certain
    /// only when none is missing.
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
