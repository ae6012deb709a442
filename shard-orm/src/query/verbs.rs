//! The verbs that run a query.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::scope::private::Scope as _;
use super::scope::{AllShards, ChangesRows, NamesAShard, report};
use super::select::Query;
use super::selection::Selection;
use crate::backend::{Field, Row};
use crate::error::{Error, ErrorKind, Result, ShardId};
use crate::exec::{Executor, First, Intent, NoRows, Rows, Sink, Target, run, stream as run_stream};
use crate::model::{Model, ModelDef};
use crate::plan::scatter;
use crate::plan::scatter::selected_decimals;
use crate::plan::{
    OwnedStatement, QuerySpec, ScatterCall, ScatterOptions, ShardStatement, ShardTask, Verb,
    check_volatile, each_task, until,
};

/// A query that is running: what its verbs give back.
///
/// One type for all of them, and boxed: a bound on a verb is then checked once, where it is
/// called, and what each model adds to a build stays small.
pub type QueryFuture<'e, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'e>>;

/// The verbs that run a query. They ask each logical shard once; a lost connection is replaced
/// and the read asked again.
impl<M: Model, P: Send + Sync, S: Selection<M>> Query<M, P, S>
where
    P: 'static,
{
    /// All rows.
    ///
    /// Of several logical shards, the rows are merged by the order that was asked for, made total
    /// by the shard key and the primary key; without one they come in any order.
    ///
    /// # Errors
    /// When a shard is unknown or unavailable, or a row does not fit the model;
    /// [`Unsupported`](ErrorKind::Unsupported) over several logical shards for an order by a text
    /// whose column does not say that it is ordered by bytes (`collation = "binary"`).
    pub fn all<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Vec<S::Out>>
    where
        Self: NamesAShard,
    {
        let target = on.target().reading(self.spec.read);
        let tasks = self.reading_tasks(target);
        let spec = self.spec;
        if Self::SEVERAL_KEYS {
            return Box::pin(async move {
                let call = ScatterCall::begin(spec.options);
                scatter::all(M::def(), spec, target, tasks?, &call, S::read).await
            });
        }
        limited(spec.options, async move {
            let decimals = selected_decimals(&M::def(), &spec);
            let answers = each_task(target, tasks?, async |task: ShardTask| {
                let mut sink = Rows::new(|row: &Row<'_>| S::read(&row.with_decimals(&decimals)));
                ask(M::def(), Verb::Select, &spec, target, &task, &mut sink).await?;
                Ok(sink.rows)
            })
            .await?;
            Ok(flatten(answers))
        })
    }

    /// The first row, if there is any.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn first<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, Option<S::Out>>
    where
        Self: NamesAShard,
    {
        let target = on.target().reading(self.spec.read);
        let tasks = self.reading_tasks(target);
        let mut spec = self.spec;
        spec.limit = Some(spec.limit.unwrap_or(1).min(1));
        if Self::SEVERAL_KEYS {
            return Box::pin(async move {
                let call = ScatterCall::begin(spec.options);
                let rows = scatter::all(M::def(), spec, target, tasks?, &call, S::read).await?;
                Ok(rows.into_iter().next())
            });
        }
        limited(spec.options, async move {
            let decimals = selected_decimals(&M::def(), &spec);
            for task in tasks? {
                let mut sink = First::new(|row: &Row<'_>| S::read(&row.with_decimals(&decimals)));
                ask(M::def(), Verb::Select, &spec, target, &task, &mut sink).await?;
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
    /// [`NotFound`](ErrorKind::NotFound) when there is none; otherwise as [`all`](Self::all).
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

    /// How many rows there are.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn count<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, u64>
    where
        Self: NamesAShard,
    {
        let target = on.target().reading(self.spec.read);
        let tasks = self.reading_tasks(target);
        let spec = self.spec;
        if Self::SEVERAL_KEYS {
            return Box::pin(async move {
                let call = ScatterCall::begin(spec.options);
                scatter::count(M::def(), spec, target, tasks?, &call).await
            });
        }
        limited(spec.options, async move {
            let counts = each_task(target, tasks?, async |task: ShardTask| {
                let mut sink = First::new(|row: &Row<'_>| i64::read(row, 0));
                ask(M::def(), Verb::Count, &spec, target, &task, &mut sink).await?;
                Ok(sink.row.map_or(0, i64::unsigned_abs))
            })
            .await?;
            Ok(counts.into_iter().sum())
        })
    }

    /// Whether there is any row.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn exists<'e>(self, on: impl Executor<'e>) -> QueryFuture<'e, bool>
    where
        Self: NamesAShard,
    {
        let target = on.target().reading(self.spec.read);
        let tasks = self.reading_tasks(target);
        let spec = self.spec;
        if Self::SEVERAL_KEYS {
            return Box::pin(async move {
                let call = ScatterCall::begin(spec.options);
                scatter::exists(M::def(), spec, target, tasks?, &call).await
            });
        }
        limited(spec.options, async move {
            for task in tasks? {
                let mut sink = First::new(|_: &Row<'_>| Ok(()));
                ask(M::def(), Verb::Exists, &spec, target, &task, &mut sink).await?;
                if sink.row.is_some() {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// The rows one by one, with memory that does not grow with their number.
    ///
    /// A connection is held until the stream ends or is dropped. Dropped before its end inside a
    /// transaction, it ends the transaction. Of several logical shards the rows are merged as by
    /// [`all`](Self::all): in an order, a connection to each server is held; without one, their
    /// statements follow one another.
    pub fn stream<'e>(self, on: impl Executor<'e>) -> BoxStream<'e, Result<S::Out>>
    where
        Self: NamesAShard,
        P: 'e,
        S: 'e,
        M: 'e,
    {
        let target = on.target().reading(self.spec.read);
        let tasks = match self.reading_tasks(target) {
            Ok(tasks) => tasks,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let spec = self.spec;
        let options = spec.options;
        if Self::SEVERAL_KEYS {
            let rows = scatter::stream(M::def(), spec, target, tasks, S::read);
            return until(options, rows);
        }
        let decimals = selected_decimals(&M::def(), &spec);
        let rows = stream::iter(tasks)
            .flat_map(move |task| {
                let decimals = Arc::clone(&decimals);
                run_stream(
                    target,
                    task.handle,
                    OwnedStatement {
                        def: M::def(),
                        verb: Verb::Select,
                        spec: spec.clone(),
                        keys: task.keys,
                    },
                    move |row: &Row<'_>| S::read(&row.with_decimals(&decimals)),
                )
            })
            .boxed();
        until(options, rows)
    }

    /// Deletes the rows and says how many there were; with `#[shard(soft_delete)]`, marks those as
    /// deleted that are not yet.
    ///
    /// On several keys each logical shard deletes its own, by itself.
    ///
    /// # Errors
    /// As any write. Over several logical shards,
    /// [`done_shards`](Error::done_shards) and [`failed_shards`](Error::failed_shards) say where
    /// it was done.
    pub fn delete<'e>(mut self, on: impl Executor<'e>) -> QueryFuture<'e, u64>
    where
        Self: ChangesRows,
    {
        if M::def().soft_delete.is_some() {
            self.mark();
        }
        self.write(on.target(), Verb::Delete)
    }

    /// Runs an update or a delete on each shard, and gives the sum of the rows.
    pub(super) fn write<'e>(self, target: Target<'e>, verb: Verb) -> QueryFuture<'e, u64>
    where
        Self: NamesAShard,
    {
        let each = self.write_each(target, verb);
        Box::pin(async move { Ok(each.await?.into_iter().map(|(_, rows)| rows).sum()) })
    }

    /// Runs an update or a delete on each shard, and gives the rows of each.
    pub(super) fn write_each<'e>(
        self,
        target: Target<'e>,
        verb: Verb,
    ) -> QueryFuture<'e, Vec<(ShardId, u64)>>
    where
        Self: NamesAShard,
    {
        let tasks = self.writing_tasks(target);
        let spec = self.spec;
        Box::pin(async move {
            let outcomes = each_task(target, tasks?, async |task: ShardTask| {
                let outcome = ask(M::def(), verb, &spec, target, &task, &mut NoRows).await;
                Ok((task.handle, outcome))
            })
            .await?;
            report(outcomes)
        })
    }

    /// The shards of an update or a delete, after the checks that need no database.
    pub(super) fn writing_tasks(&self, target: Target<'_>) -> Result<Vec<ShardTask>>
    where
        Self: NamesAShard,
    {
        if self.spec.options != ScatterOptions::default() {
            return Err(Error::unsupported(
                "an update or delete takes no deadline and is not hedged: a write is not given up \
                 half-way; `statement_timeout` bounds it on the server",
            ));
        }
        if !self.spec.is_plain() {
            return Err(Error::unsupported(
                "an update or delete takes no order, limit, offset or lock: the databases differ \
                 in it; select the ids first",
            ));
        }
        self.tasks(target)
    }

    /// The shards of a read, after the checks that need no database.
    pub(crate) fn reading_tasks(&self, target: Target<'_>) -> Result<Vec<ShardTask>>
    where
        Self: NamesAShard,
    {
        let tasks = self.tasks(target)?;
        if Self::SEVERAL_KEYS {
            check_volatile(&self.spec)?;
        }
        if self.spec.lock.is_some() && !target.can_lock() {
            return Err(Error::unsupported(
                "a lock lasts until the end of a transaction, so `for_update` runs in one that \
                 writes: pass `&tx` of `cluster.begin(..)`",
            ));
        }
        Ok(tasks)
    }
}

impl<M: Model, S: Selection<M>> Query<M, AllShards, S> {
    /// Deletes the rows of all logical shards, each by itself, and says how many there were in
    /// each; with `#[shard(soft_delete)]`, marks those as deleted that are not yet.
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

/// A call that is given up when its deadline is over.
pub(crate) fn limited<'e, T: Send>(
    options: ScatterOptions,
    call: impl Future<Output = Result<T>> + Send + 'e,
) -> QueryFuture<'e, T> {
    match options.deadline {
        None => Box::pin(call),
        Some(_) => {
            let call = Box::pin(call);
            Box::pin(async move { ScatterCall::begin(options).within(call).await })
        }
    }
}

/// Asks one logical shard. A read that locks goes to the primary and is not repeated.
async fn ask(
    def: &'static ModelDef,
    verb: Verb,
    spec: &QuerySpec,
    target: Target<'_>,
    task: &ShardTask,
    sink: &mut dyn Sink,
) -> Result<u64> {
    let changes = matches!(verb, Verb::Update | Verb::Delete) || spec.lock.is_some();
    let statement = ShardStatement {
        def,
        verb,
        spec,
        keys: task.keys.as_ref(),
    };
    run(
        target,
        Arc::clone(&task.handle),
        if changes { Intent::Write } else { Intent::Read },
        &statement,
        sink,
    )
    .await
}

pub(crate) fn flatten<T>(mut answers: Vec<Vec<T>>) -> Vec<T> {
    match answers.len() {
        1 => answers.pop().unwrap_or_default(),
        _ => answers.into_iter().flatten().collect(),
    }
}
