//! Statements on several logical shards or servers, with limited concurrency.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use crate::connect::NamespaceHandle;
use crate::error::Result;
use crate::exec::Target;
use crate::observe::begin;
use crate::plan::batch::Batch;
use crate::plan::limiter::{Concurrency, ConcurrencyLimiter};
use crate::plan::options::{ScatterCall, is_of_one_namespace};
use crate::plan::shard_task::ShardTask;

/// A running statement, and the handle whose server it uses.
type Asked<'a> = (Arc<NamespaceHandle>, BoxFuture<'a, Result<()>>);

/// Runs `ask` for each task and returns the results in order; the first error stops the others. In
/// a transaction, which has one connection, the tasks run one after the other.
pub(crate) async fn each_task<T, F>(
    target: Target<'_>,
    tasks: Vec<ShardTask>,
    ask: impl Fn(ShardTask) -> F + Send,
) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>> + Send,
    T: Send,
{
    if tasks.len() == 1 || matches!(target, Target::Tx(_)) {
        let mut answers = Vec::with_capacity(tasks.len());
        for task in tasks {
            answers.push(ask(task).await?);
        }
        return Ok(answers);
    }
    let mut answers = Vec::new();
    answers.resize_with(tasks.len(), || None);
    let mut asked: Vec<Asked<'_>> = Vec::with_capacity(tasks.len());
    for (task, answer) in tasks.into_iter().zip(&mut answers) {
        let handle = Arc::clone(&task.handle);
        let one = ask(task);
        asked.push((
            handle,
            Box::pin(async move {
                *answer = Some(one.await?);
                Ok(())
            }),
        ));
    }
    together(target, asked).await?;
    Ok(answers.into_iter().flatten().collect())
}

/// Runs `ask` for each batch and returns the results, in the order of the batches.
///
/// If a batch fails, the logical shards that have moved since it was planned are asked again at
/// their new servers. If it fails because of one of its namespaces, and none has moved, it is asked
/// again in halves until that namespace is alone: the error then names its shard, and the others
/// have responded.
pub(crate) async fn each_batch<T, F>(
    target: Target<'_>,
    call: &ScatterCall,
    batches: Vec<Batch>,
    ask: impl Fn(Batch) -> F + Send + Sync,
) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>> + Send,
    T: Send,
{
    let answers = Mutex::new(Vec::with_capacity(batches.len()));
    let ask = |number: usize, batch: Batch| -> BoxFuture<'_, Result<()>> {
        let one = ask(batch);
        let answers = &answers;
        Box::pin(async move {
            let answer = one.await?;
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.push((number, answer));
            Ok(())
        })
    };
    every_batch(target, call, batches, &ask).await?;
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(number, _)| *number);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

/// Asks a batch, given its number.
type AskBatch<'a> = dyn Fn(usize, Batch) -> BoxFuture<'a, Result<()>> + Sync + 'a;

/// Independent of the type of results, so that it is compiled only once.
async fn every_batch<'a>(
    target: Target<'a>,
    call: &'a ScatterCall,
    batches: Vec<Batch>,
    ask: &'a AskBatch<'a>,
) -> Result<()> {
    let asked = batches.into_iter().enumerate().map(|(number, batch)| {
        let handle = Arc::clone(batch.handle());
        let asked: BoxFuture<'_, Result<()>> = Box::pin(in_parts(target, call, number, batch, ask));
        (handle, asked)
    });
    if matches!(target, Target::Tx(_)) {
        for (_, one) in asked {
            one.await?;
        }
        return Ok(());
    }
    together(target, asked.collect()).await
}

async fn in_parts<'a>(
    target: Target<'a>,
    call: &'a ScatterCall,
    number: usize,
    batch: Batch,
    ask: &'a AskBatch<'a>,
) -> Result<()> {
    let mut left = vec![batch];
    while let Some(batch) = left.pop() {
        let Err(error) = call.within(ask(number, batch.clone())).await else {
            continue;
        };
        let parts = batch.replanned(target, &error);
        let halves = || batch.halves().filter(|_| is_of_one_namespace(error.kind()));
        match parts.or_else(halves) {
            Some(parts) => left.extend(parts.into_iter().rev()),
            None => call.failed(&batch, error)?,
        }
    }
    Ok(())
}

/// Runs all statements, with a limit per server and in total; the first error stops the others.
///
/// None holds a connection while it waits for another one, so a pool of one connection is enough.
async fn together(target: Target<'_>, asked: Vec<Asked<'_>>) -> Result<()> {
    let mut limiter = ConcurrencyLimiter::of_short_reads(Concurrency::of(target));
    let mut handles = Vec::with_capacity(asked.len());
    for (number, (handle, one)) in asked.into_iter().enumerate() {
        limiter.push(number, &handle, one);
        handles.push(handle);
    }
    let (mut ended, mut median) = (0, None);
    while let Some((number, outcome)) = limiter.next().await {
        outcome?;
        ended += 1;
        if ended == handles.len().div_ceil(2) {
            median = begin(false);
        }
        if ended == handles.len()
            && let Some(median) = median
        {
            let observed = &handles[number].observed;
            observed.scatter(ended, median.elapsed_micros());
        }
    }
    Ok(())
}
