//! The verbs that run a join.

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::Join;
use super::select::JoinSelection;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor, Target};
use crate::model::Sharded;
use crate::plan::{Plan, Tables};
use crate::query::{AllColumns, NamesAShard, Query, QueryFuture};

/// The verbs that run a join. Each logical shard is asked once; a read is sent again if its
/// connection was lost.
impl<M: Sharded, J: 'static, P: Send + Sync + 'static, S: JoinSelection<J>> Join<M, J, P, S> {
    /// Returns all rows.
    ///
    /// Rows of several logical shards are merged in the requested order, made total by the shard
    /// key and the primary keys of all joined models. Without an order, they are returned in any
    /// order.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub fn all<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Vec<S::Out>>
    where
        Query<M, P, AllColumns>: NamesAShard,
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
    /// As [`Query::all`].
    pub fn first<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Option<S::Out>>
    where
        Query<M, P, AllColumns>: NamesAShard,
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
    /// [`NotFound`](ErrorKind::NotFound) if there is no row; otherwise as [`Query::all`].
    pub fn one<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, S::Out>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let first = self.first(on);
        Box::pin(async move {
            first.await?.ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    format!(
                        "no `{}` with what is joined meets the conditions",
                        M::def().name
                    ),
                )
            })
        })
    }

    /// Returns the number of rows of the result: pairs, not rows of the first model.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub fn count<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, u64>
    where
        Query<M, P, AllColumns>: NamesAShard,
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
    /// As [`Query::all`].
    pub fn exists<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, bool>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let plan = self.reading(on.target());
        Box::pin(async move {
            let plan = plan?;
            let call = plan.begin();
            plan.exists(&call).await
        })
    }

    /// Streams the rows, in memory that does not grow with their number; see [`Query::stream`].
    pub fn stream<'e>(self, on: impl Executor<'e>) -> BoxStream<'e, Result<S::Out>>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        match self.reading(on.target()) {
            Ok(plan) => plan.stream(S::read),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    /// The plan of the join, after the checks that need no database.
    pub(super) fn reading(self, target: Target<'_>) -> Result<Plan<'_>>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        if self.base.spec.lock.is_some() {
            return Err(Error::unsupported(
                "a join takes no lock: the databases differ in which of its rows they would hold; \
                 lock the rows of one model by a query of their ids",
            ));
        }
        let mut plan = self.base.reading(target)?;
        plan.tables = Tables::Joined(self.plan);
        Ok(plan)
    }
}
