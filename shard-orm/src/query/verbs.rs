//! The verbs that run a query.

use std::pin::Pin;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::scope::private::Scope as _;
use super::scope::{AllShards, ChangesRows, NamesAShard};
use super::select::Query;
use super::selection::Selection;
use crate::error::{Error, ErrorKind, Result, ShardId};
use crate::exec::{Executor, Target};
use crate::model::Model;
use crate::plan::{Plan, Tables, Verb};

/// The future of a running query.
///
/// One boxed type for all verbs, so that a bound on a verb is checked once, where it is called, and
/// each model adds little to a build.
pub type QueryFuture<'e, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'e>>;

/// The verbs that run a query. Each logical shard is asked once; a read is sent again if its
/// connection was lost.
impl<M: Model, P: Send + Sync + 'static, S: Selection<M>> Query<M, P, S> {
    /// Returns all rows.
    ///
    /// Rows of several logical shards are merged in the requested order, made total by the shard
    /// key and the primary key. Without an order, they are returned in any order.
    ///
    /// # Errors
    /// If a shard is unknown or unavailable, or a row does not fit the model.
    /// [`Unsupported`](ErrorKind::Unsupported) over several logical shards, for an order by a
    /// string column that is not declared to be ordered by bytes (`collation = "binary"`).
    pub fn all<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Vec<S::Out>>
    where
        Self: NamesAShard,
    {
        let plan = self.reading(on.target());
        Box::pin(async move {
            let plan = plan?;
            let call = plan.begin();
            plan.all(&call, S::read).await
        })
    }

    /// Returns the first row, if there is one.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn first<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Option<S::Out>>
    where
        Self: NamesAShard,
    {
        let plan = self.reading(on.target());
        Box::pin(async move {
            let plan = plan?;
            let call = plan.begin();
            plan.first(&call, S::read).await
        })
    }

    /// Returns the first row.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no row; otherwise as [`all`](Self::all).
    pub fn one<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, S::Out>
    where
        Self: NamesAShard,
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

    /// Returns the number of rows.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn count<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, u64>
    where
        Self: NamesAShard,
    {
        let plan = self.reading(on.target());
        Box::pin(async move {
            let plan = plan?;
            let call = plan.begin();
            plan.count(&call).await
        })
    }

    /// Returns whether there is a row.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn exists<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, bool>
    where
        Self: NamesAShard,
    {
        let plan = self.reading(on.target());
        Box::pin(async move {
            let plan = plan?;
            let call = plan.begin();
            plan.exists(&call).await
        })
    }

    /// Streams the rows, in memory that does not grow with their number.
    ///
    /// A connection is held until the stream ends or is dropped. Dropping it early inside a
    /// transaction ends the transaction. Rows of several logical shards are merged as by
    /// [`all`](Self::all): with an order, a connection to each server is held; without one, the
    /// statements run one after the other.
    pub fn stream<'e>(self, on: impl Executor<'e>) -> BoxStream<'e, Result<S::Out>>
    where
        Self: NamesAShard,
        P: 'e,
        S: 'e,
        M: 'e,
    {
        match self.reading(on.target()) {
            Ok(plan) => plan.stream(S::read),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    /// Deletes the rows and returns their number. With `#[shard(soft_delete)]`, marks rows as
    /// deleted that are not marked yet.
    ///
    /// Over several keys, each logical shard deletes its own rows independently.
    ///
    /// # Errors
    /// As any write. Over several logical shards, [`done_shards`](Error::done_shards) and
    /// [`failed_shards`](Error::failed_shards) list where it succeeded and where it failed.
    pub fn delete<'e>(mut self, on: impl Executor<'e>) -> QueryFuture<'e, u64>
    where
        Self: ChangesRows,
    {
        if M::def().soft_delete.is_some() {
            self.mark();
        }
        self.write(on.target(), Verb::Delete)
    }

    /// Runs an update or a delete, and returns the number of rows.
    pub(super) fn write<'e>(self, target: Target<'e>, verb: Verb) -> QueryFuture<'e, u64>
    where
        Self: NamesAShard,
    {
        let plan = self.writing(target);
        Box::pin(async move {
            let each = plan?.write(verb).await?;
            Ok(each.into_iter().map(|(_, rows)| rows).sum())
        })
    }

    /// Runs an update or a delete, and returns the number of rows of each shard.
    pub(super) fn write_each<'e>(
        self,
        target: Target<'e>,
        verb: Verb,
    ) -> QueryFuture<'e, Vec<(ShardId, u64)>>
    where
        Self: NamesAShard,
    {
        let plan = self.writing(target);
        Box::pin(async move { plan?.write(verb).await })
    }

    /// The plan of an update or a delete, after the checks that need no database.
    pub(super) fn writing(self, target: Target<'_>) -> Result<Plan<'_>>
    where
        Self: NamesAShard,
    {
        let shards = self.shards(target);
        Plan::to_write(target, shards, M::def(), self.spec)
    }

    /// The plan of a read, after the checks that need no database.
    pub(crate) fn reading(self, target: Target<'_>) -> Result<Plan<'_>>
    where
        Self: NamesAShard,
    {
        let target = target.reading(self.spec.read);
        let shards = self.shards(target);
        Plan::to_read(target, shards, Tables::One(M::def()), self.spec)
    }
}

impl<M: Model, S: Selection<M>> Query<M, AllShards, S> {
    /// Deletes the rows in all logical shards independently, and returns the number of each. With
    /// `#[shard(soft_delete)]`, marks rows as deleted that are not marked yet.
    ///
    /// # Errors
    /// As [`delete`](Self::delete).
    pub fn delete_everywhere<'e>(
        mut self,
        on: impl Executor<'e>,
    ) -> QueryFuture<'e, Vec<(ShardId, u64)>> {
        if M::def().soft_delete.is_some() {
            self.mark();
        }
        self.write_each(on.target(), Verb::Delete)
    }
}
