//! The verbs that run a query of groups.

use sea_query::Value;

use super::grouped::Grouped;
use super::item::GroupSelection;
use crate::backend::Row;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor, Target};
use crate::model::Model;
use crate::plan::{Explain, Plan, ScatterCall};
use crate::query::partial::{Partial, Partially};
use crate::query::scope::NamesAShard;
use crate::query::selection::AllColumns;
use crate::query::{Query, QueryFuture};

/// The verbs that run a query of groups.
impl<M: Model, P: Send + Sync + 'static, S: GroupSelection<M>> Grouped<M, P, S> {
    /// Returns all groups.
    ///
    /// Sends one statement for the logical shards of each server. It reads one row per group and
    /// logical shard, or fewer if no group is spread over several logical shards.
    ///
    /// # Errors
    /// If a shard is unknown or unavailable; [`Unsupported`](ErrorKind::Unsupported) for aggregates
    /// that cannot be merged or that the database does not have, and for a column that is selected
    /// or ordered by but not grouped by; [`Decode`](ErrorKind::Decode) for a sum that its type
    /// cannot hold; [`Check`](ErrorKind::Check) for a sum of floats beyond the largest float.
    pub fn all<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Vec<S::Out>>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let rows = self.rows(on.target());
        Box::pin(async move {
            let rows = rows.await?;
            rows.iter()
                .map(|values| S::read(&Row::of_values(values)))
                .collect()
        })
    }

    /// Returns the first group, if there is one.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn first<'e>(mut self, on: impl Executor<'e>) -> QueryFuture<'e, Option<S::Out>>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let limit = self.base.spec.limit;
        self.base.spec.limit = Some(limit.unwrap_or(1).min(1));
        let rows = self.rows(on.target());
        Box::pin(async move {
            let rows = rows.await?;
            let first = rows.first().map(|values| S::read(&Row::of_values(values)));
            first.transpose()
        })
    }

    /// Returns the first group. After [`Query::aggregate`] there is one, unless a `having` excludes
    /// it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no group; otherwise as [`all`](Self::all).
    pub fn one<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, S::Out>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let first = self.first(on);
        Box::pin(async move {
            first.await?.ok_or_else(|| {
                let message = format!("no group of `{}` meets the conditions", M::def().name);
                Error::new(ErrorKind::NotFound, message)
            })
        })
    }

    /// Returns the statements that [`all`](Self::all) would send, their servers, and how results
    /// are merged; see [`Query::explain`].
    ///
    /// # Errors
    /// Those that [`all`](Self::all) returns before it sends a statement.
    pub fn explain<'e>(self, on: impl Executor<'e>) -> Result<Explain>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let plan = self.base.reading(on.target())?;
        plan.explain_groups(&self.group_spec)
    }

    /// Tolerates logical shards that do not respond, and returns which are missing; see
    /// [`Query::partial`]. Groups then contain the rows of the other shards.
    pub fn partial(self) -> Partially<Self> {
        Partially(self)
    }

    fn rows<'e>(self, target: Target<'e>) -> QueryFuture<'e, Vec<Vec<Value>>>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let rows = self.rows_of(target, Plan::begin);
        Box::pin(async move { Ok(rows.await?.0) })
    }

    /// The rows, and the call that gave them.
    fn rows_of<'e>(
        self,
        target: Target<'e>,
        begin: fn(&Plan<'e>) -> ScatterCall,
    ) -> QueryFuture<'e, (Vec<Vec<Value>>, ScatterCall)>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let (plan, group_spec) = (self.base.reading(target), self.group_spec);
        Box::pin(async move {
            let plan = plan?;
            let call = begin(&plan);
            let rows = plan.groups(&group_spec, &call).await?;
            Ok((rows, call))
        })
    }
}

impl<M: Model, P: Send + Sync + 'static, S: GroupSelection<M>> Partially<Grouped<M, P, S>>
where
    Query<M, P, AllColumns>: NamesAShard,
{
    /// Returns all groups of the shards that respond; see [`Grouped::all`].
    ///
    /// # Errors
    /// As [`Grouped::all`], except for those that make a shard missing.
    pub fn all<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Partial<Vec<S::Out>>> {
        let rows = self.0.rows_of(on.target(), Plan::begin_partial);
        Box::pin(async move {
            let (rows, call) = rows.await?;
            let read = |values: &Vec<Value>| S::read(&Row::of_values(values));
            let value = rows.iter().map(read).collect::<Result<_>>()?;
            Ok(Partial::of(value, call))
        })
    }
}
