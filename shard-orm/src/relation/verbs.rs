//! The verbs that run a join.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::Join;
use super::pick::JoinSelection;
use super::plan::{Joining, OwnedJoining, Plan};
use crate::backend::{Field, Row};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{
    Executor, Fan, First, Intent, Leg, Rows, Sink, Target, each_leg, run, stream as run_stream,
    until,
};
use crate::model::Sharded;
use crate::query::scatter::selected_decimals;
use crate::query::{
    Legs as _, NamesAShard, Parts, Query, Running, Verb, Whole, flatten, limited, scatter,
};

/// The verbs that run a join. They ask each logical shard once; a lost connection is replaced and
/// the read asked again.
impl<M: Sharded, J: 'static, P: Send + Sync + 'static, S: JoinSelection<J>> Join<M, J, P, S> {
    /// All rows.
    ///
    /// Of several logical shards the rows are merged by the order that was asked for, made total by
    /// the shard key and the primary keys of all joined models; without one they come in any order.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub fn all<'e>(self, on: impl Executor<'e>) -> Running<'e, Vec<S::Out>>
    where
        Query<M, P, Whole>: NamesAShard,
    {
        let target = on.target().reading(self.base.parts.read);
        let legs = self.legs(target);
        let (plan, parts) = (self.plan, self.base.parts);
        if Query::<M, P, Whole>::SEVERAL_KEYS {
            return Box::pin(async move {
                let fan = Fan::begin(parts.manner);
                scatter::all(plan, parts, target, legs?, &fan, S::read).await
            });
        }
        limited(parts.manner, async move {
            let decimals = selected_decimals(&plan, &parts);
            let answers = each_leg(target, legs?, async |leg: Leg| {
                let mut sink = Rows::new(|row: &Row<'_>| S::read(&row.with_decimals(&decimals)));
                ask(&plan, &parts, Verb::Select, target, &leg, &mut sink).await?;
                Ok(sink.rows)
            })
            .await?;
            Ok(flatten(answers))
        })
    }

    /// The first row, if there is any.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub fn first<'e>(self, on: impl Executor<'e>) -> Running<'e, Option<S::Out>>
    where
        Query<M, P, Whole>: NamesAShard,
    {
        let target = on.target().reading(self.base.parts.read);
        let legs = self.legs(target);
        let (plan, mut parts) = (self.plan, self.base.parts);
        parts.limit = Some(parts.limit.unwrap_or(1).min(1));
        if Query::<M, P, Whole>::SEVERAL_KEYS {
            return Box::pin(async move {
                let fan = Fan::begin(parts.manner);
                let rows = scatter::all(plan, parts, target, legs?, &fan, S::read).await?;
                Ok(rows.into_iter().next())
            });
        }
        limited(parts.manner, async move {
            let decimals = selected_decimals(&plan, &parts);
            for leg in legs? {
                let mut sink = First::new(|row: &Row<'_>| S::read(&row.with_decimals(&decimals)));
                ask(&plan, &parts, Verb::Select, target, &leg, &mut sink).await?;
                if sink.row.is_some() {
                    return Ok(sink.row);
                }
            }
            Ok(None)
        })
    }

    /// The first row.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is none; otherwise as [`Query::all`].
    pub fn one<'e>(self, on: impl Executor<'e>) -> Running<'e, S::Out>
    where
        Query<M, P, Whole>: NamesAShard,
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

    /// How many rows there are: pairs, not rows of the first model.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub fn count<'e>(self, on: impl Executor<'e>) -> Running<'e, u64>
    where
        Query<M, P, Whole>: NamesAShard,
    {
        let target = on.target().reading(self.base.parts.read);
        let legs = self.legs(target);
        let (plan, parts) = (self.plan, self.base.parts);
        if Query::<M, P, Whole>::SEVERAL_KEYS {
            return Box::pin(async move {
                let fan = Fan::begin(parts.manner);
                scatter::count(plan, parts, target, legs?, &fan).await
            });
        }
        limited(parts.manner, async move {
            let counts = each_leg(target, legs?, async |leg: Leg| {
                let mut sink = First::new(|row: &Row<'_>| i64::read(row, 0));
                ask(&plan, &parts, Verb::Count, target, &leg, &mut sink).await?;
                Ok(sink.row.map_or(0, i64::unsigned_abs))
            })
            .await?;
            Ok(counts.into_iter().sum())
        })
    }

    /// Whether there is any row.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub fn exists<'e>(self, on: impl Executor<'e>) -> Running<'e, bool>
    where
        Query<M, P, Whole>: NamesAShard,
    {
        let target = on.target().reading(self.base.parts.read);
        let legs = self.legs(target);
        let (plan, parts) = (self.plan, self.base.parts);
        if Query::<M, P, Whole>::SEVERAL_KEYS {
            return Box::pin(async move {
                let fan = Fan::begin(parts.manner);
                scatter::exists(plan, parts, target, legs?, &fan).await
            });
        }
        limited(parts.manner, async move {
            for leg in legs? {
                let mut sink = First::new(|_: &Row<'_>| Ok(()));
                ask(&plan, &parts, Verb::Exists, target, &leg, &mut sink).await?;
                if sink.row.is_some() {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// The rows one by one, with memory that does not grow with their number; see
    /// [`Query::stream`].
    pub fn stream<'e>(self, on: impl Executor<'e>) -> BoxStream<'e, Result<S::Out>>
    where
        Query<M, P, Whole>: NamesAShard,
    {
        let target = on.target().reading(self.base.parts.read);
        let legs = match self.legs(target) {
            Ok(legs) => legs,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let (plan, parts) = (self.plan, self.base.parts);
        if Query::<M, P, Whole>::SEVERAL_KEYS {
            let manner = parts.manner;
            return until(manner, scatter::stream(plan, parts, target, legs, S::read));
        }
        let manner = parts.manner;
        let decimals = selected_decimals(&plan, &parts);
        let rows = stream::iter(legs)
            .flat_map(move |leg| {
                let decimals = Arc::clone(&decimals);
                run_stream(
                    target,
                    leg.handle,
                    OwnedJoining {
                        plan: plan.clone(),
                        parts: parts.clone(),
                        keys: leg.keys,
                    },
                    move |row: &Row<'_>| S::read(&row.with_decimals(&decimals)),
                )
            })
            .boxed();
        until(manner, rows)
    }

    /// The shards of the join, after the checks that need no database.
    pub(super) fn legs(&self, target: Target<'_>) -> Result<Vec<Leg>>
    where
        Query<M, P, Whole>: NamesAShard,
    {
        if self.base.parts.lock.is_some() {
            return Err(Error::unsupported(
                "a join takes no lock: the databases differ in which of its rows they would hold; \
                 lock the rows of one model by a query of their ids",
            ));
        }
        self.base.reading_legs(target)
    }
}

async fn ask(
    plan: &Plan,
    parts: &Parts,
    verb: Verb,
    target: Target<'_>,
    leg: &Leg,
    sink: &mut dyn Sink,
) -> Result<u64> {
    let statement = Joining {
        plan,
        parts,
        verb,
        keys: leg.keys.as_ref(),
    };
    run(
        target,
        Arc::clone(&leg.handle),
        Intent::Read,
        &statement,
        sink,
    )
    .await
}
