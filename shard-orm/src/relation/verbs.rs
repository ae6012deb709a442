//! The verbs that run a join.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::Join;
use super::select::JoinSelection;
use crate::backend::{Field, Row};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor, First, Intent, Rows, Sink, Target, run, stream as run_stream};
use crate::model::Sharded;
use crate::plan::join::{JoinPlan, JoinStatement, OwnedJoinStatement};
use crate::plan::scatter::{self, selected_decimals};
use crate::plan::{QuerySpec, ScatterCall, ShardTask, Verb, each_task, until};
use crate::query::{AllColumns, NamesAShard, Query, QueryFuture, Scope as _, flatten, limited};

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
    pub fn all<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Vec<S::Out>>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let target = on.target().reading(self.base.spec.read);
        let tasks = self.tasks(target);
        let (plan, spec) = (self.plan, self.base.spec);
        if Query::<M, P, AllColumns>::SEVERAL_KEYS {
            return Box::pin(async move {
                let call = ScatterCall::begin(spec.options);
                scatter::all(plan, spec, target, tasks?, &call, S::read).await
            });
        }
        limited(spec.options, async move {
            let decimals = selected_decimals(&plan, &spec);
            let answers = each_task(target, tasks?, async |task: ShardTask| {
                let mut sink = Rows::new(|row: &Row<'_>| S::read(&row.with_decimals(&decimals)));
                ask(&plan, &spec, Verb::Select, target, &task, &mut sink).await?;
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
    pub fn first<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Option<S::Out>>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let target = on.target().reading(self.base.spec.read);
        let tasks = self.tasks(target);
        let (plan, mut spec) = (self.plan, self.base.spec);
        spec.limit = Some(spec.limit.unwrap_or(1).min(1));
        if Query::<M, P, AllColumns>::SEVERAL_KEYS {
            return Box::pin(async move {
                let call = ScatterCall::begin(spec.options);
                let rows = scatter::all(plan, spec, target, tasks?, &call, S::read).await?;
                Ok(rows.into_iter().next())
            });
        }
        limited(spec.options, async move {
            let decimals = selected_decimals(&plan, &spec);
            for task in tasks? {
                let mut sink = First::new(|row: &Row<'_>| S::read(&row.with_decimals(&decimals)));
                ask(&plan, &spec, Verb::Select, target, &task, &mut sink).await?;
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

    /// How many rows there are: pairs, not rows of the first model.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub fn count<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, u64>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let target = on.target().reading(self.base.spec.read);
        let tasks = self.tasks(target);
        let (plan, spec) = (self.plan, self.base.spec);
        if Query::<M, P, AllColumns>::SEVERAL_KEYS {
            return Box::pin(async move {
                let call = ScatterCall::begin(spec.options);
                scatter::count(plan, spec, target, tasks?, &call).await
            });
        }
        limited(spec.options, async move {
            let counts = each_task(target, tasks?, async |task: ShardTask| {
                let mut sink = First::new(|row: &Row<'_>| i64::read(row, 0));
                ask(&plan, &spec, Verb::Count, target, &task, &mut sink).await?;
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
    pub fn exists<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, bool>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        let target = on.target().reading(self.base.spec.read);
        let tasks = self.tasks(target);
        let (plan, spec) = (self.plan, self.base.spec);
        if Query::<M, P, AllColumns>::SEVERAL_KEYS {
            return Box::pin(async move {
                let call = ScatterCall::begin(spec.options);
                scatter::exists(plan, spec, target, tasks?, &call).await
            });
        }
        limited(spec.options, async move {
            for task in tasks? {
                let mut sink = First::new(|_: &Row<'_>| Ok(()));
                ask(&plan, &spec, Verb::Exists, target, &task, &mut sink).await?;
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
        Query<M, P, AllColumns>: NamesAShard,
    {
        let target = on.target().reading(self.base.spec.read);
        let tasks = match self.tasks(target) {
            Ok(tasks) => tasks,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let (plan, spec) = (self.plan, self.base.spec);
        if Query::<M, P, AllColumns>::SEVERAL_KEYS {
            let options = spec.options;
            return until(options, scatter::stream(plan, spec, target, tasks, S::read));
        }
        let options = spec.options;
        let decimals = selected_decimals(&plan, &spec);
        let rows = stream::iter(tasks)
            .flat_map(move |task| {
                let decimals = Arc::clone(&decimals);
                run_stream(
                    target,
                    task.handle,
                    OwnedJoinStatement {
                        plan: plan.clone(),
                        spec: spec.clone(),
                        keys: task.keys,
                    },
                    move |row: &Row<'_>| S::read(&row.with_decimals(&decimals)),
                )
            })
            .boxed();
        until(options, rows)
    }

    /// The shards of the join, after the checks that need no database.
    pub(super) fn tasks(&self, target: Target<'_>) -> Result<Vec<ShardTask>>
    where
        Query<M, P, AllColumns>: NamesAShard,
    {
        if self.base.spec.lock.is_some() {
            return Err(Error::unsupported(
                "a join takes no lock: the databases differ in which of its rows they would hold; \
                 lock the rows of one model by a query of their ids",
            ));
        }
        self.base.reading_tasks(target)
    }
}

async fn ask(
    plan: &JoinPlan,
    spec: &QuerySpec,
    verb: Verb,
    target: Target<'_>,
    task: &ShardTask,
    sink: &mut dyn Sink,
) -> Result<u64> {
    let statement = JoinStatement {
        plan,
        spec,
        verb,
        keys: task.keys.as_ref(),
    };
    run(
        target,
        Arc::clone(&task.handle),
        Intent::Read,
        &statement,
        sink,
    )
    .await
}
