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
    /// All groups.
    ///
    /// One statement for the logical shards of each server, without their rows: what is read is a
    /// row for each group of each logical shard, or fewer where groups are not spread.
    ///
    /// # Errors
    /// When a shard is unknown or unavailable; [`Unsupported`](ErrorKind::Unsupported) for what is
    /// not merged or not done by the database, and for a column that is selected or ordered by and
    /// not grouped by; [`Decode`](ErrorKind::Decode) for a sum that its type does not hold;
    /// [`Check`](ErrorKind::Check) for one of floats beyond the largest float.
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

    /// The first group, if there is any.
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

    /// The first group. After [`Query::aggregate`] there is one, unless a `having` leaves it out.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is none; otherwise as [`all`](Self::all).
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

    /// What [`all`](Self::all) would send, where, and what it makes of the answers; see
    /// [`Query::explain`].
    ///
    /// # Errors
    /// Those that [`all`](Self::all) gives before it asks a database.
    pub fn explain<'e>(self, on: impl Executor<'e>) -> Result<Explain>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let plan = self.base.reading(on.target())?;
        plan.explain_groups(&self.group_spec)
    }

    /// Gives what there is when some logical shards do not answer, and says which are missing; see
    /// [`Query::partial`]. A group then holds the rows of the others.
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
    /// All groups of the shards that answer; see [`Grouped::all`].
    ///
    /// # Errors
    /// As [`Grouped::all`], but for what makes a shard missing.
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
