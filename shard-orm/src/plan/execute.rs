//! A plan: what a call asks of which logical shards. One function executes all reads.
//!
//! | request | of each logical shard | result |
//! |---|---|---|
//! | rows | the first `limit + offset` in the order | merged by the order, then `offset` and `limit` |
//! | a count | its own | the sum |
//! | existence | one row | any of them |
//! | groups | partial aggregates | merged, see [`aggregate`](super::aggregate) |
//! | a write | its own number of rows | the sum, or the number of each |
//!
//! With a single logical shard the database does all of it. Logical shards of one server are asked in
//! one statement, and a merged order is made total by the shard key and the primary key, so that the
//! same rows always come in the same order.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use crate::backend::{Field, Row};
use crate::connect::NamespaceHandle;
use crate::definition::ModelDef;
use crate::error::{Error, Result, ShardId};
use crate::exec::{
    First, Intent, NoRows, Rows, Sink, Statement, Target, run, stream as run_stream,
};
use crate::plan::batch::{Batch, Cut, batches};
use crate::plan::bounds::Bounds;
use crate::plan::concurrent::{each_batch, each_task};
use crate::plan::explain::{Explain, Merge};
use crate::plan::hedge::read_at;
use crate::plan::merge::merge_all;
use crate::plan::options::{ScatterCall, ScatterOptions, until};
use crate::plan::request::{Request, RequestStatement, Tables};
use crate::plan::shard_task::{ShardTask, Shards};
use crate::plan::spec::QuerySpec;
use crate::plan::statement::Verb;
use crate::plan::stream::scatter;
use crate::plan::volatile::check_volatile;

/// What reads one row of a result.
pub(crate) type Read<T> = fn(&Row<'_>) -> Result<T>;

/// What a call asks, and of which logical shards.
#[derive(Debug)]
pub(crate) struct Plan<'e> {
    pub(crate) target: Target<'e>,
    pub(crate) shards: Shards,
    pub(crate) tables: Tables,
    pub(crate) spec: QuerySpec,
}

/// The answers to a read: of the single logical shard, or of each batch.
pub(crate) enum Answers<S> {
    Single(S),
    Several(Vec<S>),
}

impl<S> Answers<S> {
    pub(crate) fn sinks(self) -> impl Iterator<Item = S> {
        let (single, several) = match self {
            Self::Single(answer) => (Some(answer), Vec::new()),
            Self::Several(answers) => (None, answers),
        };
        single.into_iter().chain(several)
    }
}

/// Executes a read and returns the sinks with its rows, in the order of the shards.
///
/// Makes the statement of each batch by `statement`. Several batches run concurrently, and may be
/// asked of a second replica. A shard that does not answer is noted where the call allows it.
pub(crate) async fn execute<Q: Statement + Send, S: Sink>(
    target: Target<'_>,
    shards: Shards,
    intent: Intent,
    call: &ScatterCall,
    statement: impl Fn(Arc<[ShardTask]>) -> Q + Send + Sync,
    sink: impl Fn() -> S + Send + Sync,
) -> Result<Answers<S>> {
    match shards {
        Shards::Single(task) => {
            let handle = Arc::clone(&task.handle);
            let batch = Batch::of(task);
            let statement = statement(Arc::clone(&batch.tasks));
            let mut sink = sink();
            let asked = run(target, handle, intent, &statement, &mut sink);
            if let Err(error) = call.within(asked).await {
                call.failed(&batch, error)?;
                sink.reset();
            }
            Ok(Answers::Single(sink))
        }
        Shards::Scatter(tasks) => {
            let batches = batches(target, tasks, Cut::Bounded);
            let answers = each_batch(target, call, batches, async |batch: Batch| {
                let statement = statement(Arc::clone(&batch.tasks));
                read_at(target, call, batch.destination(), &statement, &sink).await
            });
            answers.await.map(Answers::Several)
        }
    }
}

impl<'e> Plan<'e> {
    /// A read, after the checks that need no database.
    pub(crate) fn to_read(
        target: Target<'e>,
        shards: Result<Shards>,
        tables: Tables,
        spec: QuerySpec,
    ) -> Result<Self> {
        let shards = shards?;
        if let Shards::Scatter(_) = shards {
            check_volatile(&spec)?;
        }
        if spec.lock.is_some() && !target.can_lock() {
            return Err(Error::unsupported(
                "a lock lasts until the end of a transaction, so `for_update` runs in one that \
                 writes: pass `&tx` of `cluster.begin(..)`",
            ));
        }
        Ok(Self {
            target,
            shards,
            tables,
            spec,
        })
    }

    /// An update or a delete, after the checks that need no database.
    pub(crate) fn to_write(
        target: Target<'e>,
        shards: Result<Shards>,
        def: &'static ModelDef,
        spec: QuerySpec,
    ) -> Result<Self> {
        if spec.options != ScatterOptions::default() {
            return Err(Error::unsupported(
                "an update or delete takes no deadline and is not hedged: a write is not given up \
                 half-way; `statement_timeout` bounds it on the server",
            ));
        }
        if !spec.is_plain() {
            return Err(Error::unsupported(
                "an update or delete takes no order, limit, offset or lock: the databases differ \
                 in it; select the ids first",
            ));
        }
        Ok(Self {
            target,
            shards: shards?,
            tables: Tables::One(def),
            spec,
        })
    }

    /// Begins the call: the first shard that does not answer ends it.
    pub(crate) fn begin(&self) -> ScatterCall {
        ScatterCall::begin(self.spec.options)
    }

    /// Begins the call: it does without the shards that do not answer.
    pub(crate) fn begin_partial(&self) -> ScatterCall {
        ScatterCall::begin_partial(self.spec.options)
    }

    fn lower(self, verb: Verb) -> Result<(Target<'e>, Shards, Arc<Request>)> {
        let request = match self.shards.merged_of() {
            Some(dialect) => Request::merged(self.tables, verb, self.spec, dialect)?,
            None => Request::exact(self.tables, verb, self.spec),
        };
        request.shape.check_nulls(&self.shards.dialects())?;
        Ok((self.target, self.shards, Arc::new(request)))
    }

    /// All rows.
    pub(crate) async fn all<T: Send>(self, call: &ScatterCall, read: Read<T>) -> Result<Vec<T>> {
        let (target, shards, request) = self.lower(Verb::Select)?;
        let (shape, bounds) = (&request.shape, request.bounds);
        let statement = |tasks| RequestStatement::new(&request, tasks);
        let intent = request.intent();
        if shape.keys.is_empty() {
            let read = |row: &Row<'_>| read(&row.with_decimals(&shape.decimals));
            let sink = || Rows::new(read);
            let answers = execute(target, shards, intent, call, statement, sink).await?;
            return Ok(match answers {
                Answers::Single(sink) => sink.rows,
                Answers::Several(sinks) => {
                    let rows = sinks.into_iter().flat_map(|sink| sink.rows);
                    bounds.cut(rows).collect()
                }
            });
        }
        let sink = || Rows::new(|row: &Row<'_>| shape.sorted(row, read));
        let answers = execute(target, shards, intent, call, statement, sink).await?;
        let sources = answers.sinks().map(|sink| sink.rows);
        Ok(bounds.cut(merge_all(sources, shape.directions())).collect())
    }

    /// The first row, if there is any.
    pub(crate) async fn first<T: Send>(
        mut self,
        call: &ScatterCall,
        read: Read<T>,
    ) -> Result<Option<T>> {
        self.spec.limit = Some(self.spec.limit.unwrap_or(1).min(1));
        if let Shards::Scatter(_) = self.shards {
            return Ok(self.all(call, read).await?.into_iter().next());
        }
        let (target, shards, request) = self.lower(Verb::Select)?;
        let statement = |tasks| RequestStatement::new(&request, tasks);
        let read = |row: &Row<'_>| read(&row.with_decimals(&request.shape.decimals));
        let sink = || First::new(read);
        let answers = execute(target, shards, request.intent(), call, statement, sink).await?;
        Ok(answers.sinks().find_map(|sink| sink.row))
    }

    /// How many rows there are.
    pub(crate) async fn count(self, call: &ScatterCall) -> Result<u64> {
        let (target, shards, request) = self.lower(Verb::Count)?;
        let statement = |tasks| RequestStatement::new(&request, tasks);
        let sink = || Rows::new(|row: &Row<'_>| i64::read(row, 0));
        let answers = execute(target, shards, request.intent(), call, statement, sink).await?;
        let counts = answers.sinks().flat_map(|sink| sink.rows);
        Ok(request.bounds.count(counts.map(i64::unsigned_abs).sum()))
    }

    /// Whether there is any row.
    pub(crate) async fn exists(self, call: &ScatterCall) -> Result<bool> {
        if let Shards::Scatter(_) = self.shards {
            let Bounds { offset, limit } = Bounds::of(&self.spec);
            if limit == Some(0) {
                return Ok(false);
            }
            if offset > 0 {
                return Ok(self.count(call).await? > 0);
            }
        }
        let (target, shards, request) = self.lower(Verb::Exists)?;
        let statement = |tasks| RequestStatement::new(&request, tasks);
        let sink = || First::new(|_: &Row<'_>| Ok(()));
        let answers = execute(target, shards, request.intent(), call, statement, sink).await?;
        Ok(answers.sinks().any(|sink| sink.row.is_some()))
    }

    /// The rows one by one, until the deadline of the call.
    pub(crate) fn stream<T: Send + 'e>(self, read: Read<T>) -> BoxStream<'e, Result<T>> {
        let options = self.spec.options;
        let (target, shards, request) = match self.lower(Verb::Select) {
            Ok(lowered) => lowered,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let rows = match shards {
            Shards::Single(task) => {
                let decimals = Arc::clone(&request.shape.decimals);
                let handle = Arc::clone(&task.handle);
                let statement = RequestStatement::new(&request, [task].into());
                let read = move |row: &Row<'_>| read(&row.with_decimals(&decimals));
                run_stream(target, handle, statement, read)
            }
            Shards::Scatter(tasks) => scatter(target, tasks, request, read),
        };
        until(options, rows)
    }

    /// Asks each logical shard by a statement of its own, and returns the sinks in their order.
    pub(crate) async fn each<S: Sink>(
        self,
        sink: impl Fn(&ShardTask) -> S + Send + Sync,
    ) -> Result<Vec<S>> {
        let target = self.target;
        let request = Arc::new(Request::exact(self.tables, Verb::Select, self.spec));
        let ask = async |task: ShardTask| {
            let (mut sinks, mut left) = (Vec::new(), vec![task.clone()]);
            while let Some(part) = left.pop() {
                let mut sink = sink(&task);
                let (handle, intent) = (Arc::clone(&part.handle), request.intent());
                let statement = RequestStatement::new(&request, [part.clone()].into());
                match run(target, handle, intent, &statement, &mut sink).await {
                    Ok(_) => sinks.push(sink),
                    Err(error) => match part.parts(target, &error) {
                        Some(parts) => left.extend(parts),
                        None => return Err(error),
                    },
                }
            }
            Ok(sinks)
        };
        let sinks = each_task(target, self.shards.into_tasks(), ask).await?;
        Ok(sinks.into_iter().flatten().collect())
    }

    /// Runs an update or a delete in each logical shard, by itself, and returns the number of rows
    /// of each.
    ///
    /// # Errors
    /// Over several logical shards, the first error with the shards where it was done and where not.
    pub(crate) async fn write(self, verb: Verb) -> Result<Vec<(ShardId, u64)>> {
        let target = self.target;
        let request = Arc::new(Request::exact(self.tables, verb, self.spec));
        let ask = async |task: ShardTask| {
            let (mut outcomes, mut left) = (Vec::new(), vec![task]);
            while let Some(part) = left.pop() {
                let handle = Arc::clone(&part.handle);
                let statement = RequestStatement::new(&request, [part.clone()].into());
                let asked = Arc::clone(&handle);
                let outcome = run(target, asked, request.intent(), &statement, &mut NoRows).await;
                let error = outcome.as_ref().err();
                match error.and_then(|error| part.parts(target, error)) {
                    Some(parts) => left.extend(parts),
                    None => outcomes.push((handle, outcome)),
                }
            }
            Ok(outcomes)
        };
        let outcomes = each_task(target, self.shards.into_tasks(), ask).await?;
        report(outcomes.into_iter().flatten().collect())
    }

    /// What [`all`](Self::all) would send.
    pub(crate) fn explain(self) -> Result<Explain> {
        let Bounds { offset, limit } = Bounds::of(&self.spec);
        let (target, shards, request) = self.lower(Verb::Select)?;
        let (merge, cut) = match shards {
            Shards::Single(_) => (Merge::Single, Cut::Each),
            Shards::Scatter(_) if request.shape.keys.is_empty() => {
                (Merge::Concatenated { offset, limit }, Cut::Bounded)
            }
            Shards::Scatter(_) => {
                let by = request.shape.describe(&request.tables);
                (Merge::Sorted { by, offset, limit }, Cut::Bounded)
            }
        };
        let statements = batches(target, shards.into_tasks(), cut);
        Explain::of(target, statements, request.intent(), merge, |tasks| {
            RequestStatement::new(&request, tasks)
        })
    }

    /// What [`write`](Self::write) would send.
    pub(crate) fn explain_write(self, verb: Verb) -> Result<Explain> {
        let request = Arc::new(Request::exact(self.tables, verb, self.spec));
        let statements = batches(self.target, self.shards.into_tasks(), Cut::Each);
        let merge = match statements.len() {
            1 => Merge::Single,
            _ => Merge::Added,
        };
        Explain::of(self.target, statements, request.intent(), merge, |tasks| {
            RequestStatement::new(&request, tasks)
        })
    }
}

/// The error of a write over several logical shards that failed on some.
fn report(outcomes: Vec<(Arc<NamespaceHandle>, Result<u64>)>) -> Result<Vec<(ShardId, u64)>> {
    let mut rows = Vec::with_capacity(outcomes.len());
    let mut first = None;
    let mut done = Vec::new();
    let mut failed = Vec::new();
    let several = outcomes.len() > 1;
    for (handle, outcome) in outcomes {
        let shard = handle.shard_id();
        match outcome {
            Ok(affected) => {
                rows.push((shard.clone(), affected));
                done.push(shard);
            }
            Err(error) => {
                failed.push(shard);
                first.get_or_insert(error);
            }
        }
    }
    match first {
        None => Ok(rows),
        Some(error) if several => Err(error.with_progress(done, failed)),
        Some(error) => Err(error),
    }
}
