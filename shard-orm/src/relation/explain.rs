//! The statements of a join, and joins that tolerate shards that do not respond.

use super::Join;
use super::select::JoinSelection;
use crate::error::Result;
use crate::exec::Executor;
use crate::model::Sharded;
use crate::plan::Explain;
use crate::query::{AllColumns, NamesAShard, Partial, Partially, Query, QueryFuture};

impl<M: Sharded, J: 'static, P: Send + Sync + 'static, S: JoinSelection<J>> Join<M, J, P, S> {
    /// Returns the statements that [`all`](Self::all) would send, their servers, and how results
    /// are merged; see [`Query::explain`].
    ///
    /// # Errors
    /// Those that [`all`](Self::all) returns before it sends a statement.
    pub fn explain<'e>(self, on: impl Executor<'e>) -> Result<Explain>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        self.reading(on.target())?.explain()
    }

    /// Tolerates logical shards that do not respond, and returns which are missing; see
    /// [`Query::partial`].
    pub fn partial(self) -> Partially<Self> {
        Partially(self)
    }
}

impl<M: Sharded, J: 'static, P: Send + Sync + 'static, S: JoinSelection<J>>
    Partially<Join<M, J, P, S>>
where
    Query<M, P, AllColumns>: NamesAShard,
{
    /// Returns all rows of the shards that respond; see [`Join::all`].
    ///
    /// # Errors
    /// As [`Join::all`], except for those that make a shard missing.
    pub fn all<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Partial<Vec<S::Out>>> {
        let plan = self.0.reading(on.target());
        Box::pin(async move {
            let plan = plan?;
            let call = plan.begin_partial();
            let value = plan.all(&call, S::read).await?;
            Ok(Partial::of(value, call))
        })
    }
}
