//! Rows of several logical shards, one by one.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use crate::backend::{Row, Run};
use crate::error::{Error, Result};
use crate::exec::{Target, runs_at, stream_at, take};
use crate::plan::batch::{Batch, Cut, batches};
use crate::plan::bounds::Place;
use crate::plan::execute::Read;
use crate::plan::merge::{Direction, Source, merge};
use crate::plan::request::{Request, RequestStatement};
use crate::plan::shard_task::ShardTask;

/// Streams the merged rows. With an order, one connection to each server is held, and one run of
/// rows of each is in memory; without one, the statements run one after the other.
pub(crate) fn scatter<'e, T: Send + 'e>(
    target: Target<'e>,
    tasks: Vec<ShardTask>,
    request: Arc<Request>,
    read: Read<T>,
) -> BoxStream<'e, Result<T>> {
    async_stream::try_stream! {
        let mut rows = request.bounds;
        if request.shape.keys.is_empty() {
            let mut left: VecDeque<Batch> = batches(target, tasks, Cut::Bounded).into();
            while let Some(batch) = left.pop_front() {
                let statement = RequestStatement::new(&request, batch.tasks.clone());
                let decimals = Arc::clone(&request.shape.decimals);
                let read = move |row: &Row<'_>| read(&row.with_decimals(&decimals));
                let mut answer = stream_at(target, batch.destination(), statement, read);
                let mut first = true;
                loop {
                    let row = match answer.try_next().await {
                        Ok(None) => break,
                        Ok(Some(row)) => row,
                        Err(error) if first => {
                            let parts = batch.settled(target, error).await?;
                            parts.into_iter().rev().for_each(|part| left.push_front(part));
                            break;
                        }
                        Err(error) => Err(error)?,
                    };
                    first = false;
                    match rows.next() {
                        Place::Before => {}
                        Place::Within => yield row,
                        Place::Behind => return,
                    }
                }
            }
            return;
        }
        let order = request.shape.directions();
        let mut planned = batches(target, tasks, Cut::Whole);
        // No row is returned before the first row of each has arrived. Logical shards that have
        // moved until then are planned again, and all connections are taken again, in order.
        let mut merged = loop {
            match begin_merge(target, &request, &planned, &order, read).await {
                Ok(merged) => break merged,
                Err((error, failed)) => {
                    failed.settled(target, error).await?;
                    let tasks = planned.iter().flat_map(|batch| batch.tasks_now(target));
                    planned = batches(target, tasks.collect(), Cut::Whole);
                }
            }
        };
        while let Some(run) = merged.try_next().await? {
            for row in run {
                match rows.next() {
                    Place::Before => {}
                    Place::Within => yield row,
                    Place::Behind => return,
                }
            }
        }
    }
    .boxed()
}

/// Starts a statement on each server, and waits for the first row of each; returns the batch that
/// failed.
async fn begin_merge<'e, T: Send + 'e>(
    target: Target<'e>,
    request: &Arc<Request>,
    planned: &[Batch],
    order: &Arc<[Direction]>,
    read: Read<T>,
) -> Result<BoxStream<'e, Result<Run<T>>>, (Error, Batch)> {
    let mut sources = Vec::with_capacity(planned.len());
    // One after the other, in an order that all such calls share, so that two calls never wait for
    // each other's connections.
    for batch in planned {
        let destination = batch.destination();
        let statement = RequestStatement::new(request, batch.tasks.clone());
        match take(target, &destination, &statement).await {
            Ok(taken) => sources.push((destination, taken, statement)),
            Err(error) => return Err((error, batch.clone())),
        }
    }
    let begun = sources.into_iter().zip(planned);
    let begun = begun.map(async |((destination, taken, statement), batch)| {
        let request = Arc::clone(request);
        let read = move |row: &Row<'_>| request.shape.sorted(row, read);
        let runs = runs_at(target, destination, taken, statement, read);
        let begun = Source::begin(runs).await;
        begun.map_err(|error| (error, batch.clone()))
    });
    let begun = futures_util::future::try_join_all(begun).await?;
    Ok(merge(begun, Arc::clone(order)))
}
