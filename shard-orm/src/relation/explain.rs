//! What a join would send, and joins that do without shards that do not answer.

use super::Join;
use super::select::JoinSelection;
use crate::error::Result;
use crate::exec::Executor;
use crate::model::Sharded;
use crate::plan::Explain;
use crate::query::{AllColumns, NamesAShard, Partial, Partially, Query, QueryFuture};

impl<M: Sharded, J: 'static, P: Send + Sync + 'static, S: JoinSelection<J>> Join<M, J, P, S> {
    /// What [`all`](Self::all) would send, where, and what it makes of the answers; see
    /// [`Query::explain`].
    ///
    /// # Errors
    /// Those that [`all`](Self::all) gives before it asks a database.
    pub fn explain<'e>(self, on: impl Executor<'e>) -> Result<Explain>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        self.reading(on.target())?.explain()
    }

    /// Gives what there is when some logical shards do not answer, and says which are missing; see
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
    /// All rows of the shards that answer; see [`Join::all`].
    ///
    /// # Errors
    /// As [`Join::all`], but for what makes a shard missing.
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
