//! Rows of several logical shards, one by one.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::shape::Shape;
use super::union::{Asked, Union};
use super::{Bounds, Place, Read, Tables};
use crate::backend::Row;
use crate::error::{Error, Result};
use crate::exec::{Batch, Cut, Direction, Leg, Sorted, Target, batches, merge, stream_at, take};
use crate::query::built::Verb;
use crate::query::parts::Parts;

/// The rows one by one. In an order, one connection to each server is held, and one row of each is
/// in memory; without one, the statements follow one another.
pub(crate) fn stream<'e, T: Send + 'e>(
    tables: impl Tables + 'static,
    parts: Parts,
    target: Target<'e>,
    legs: Vec<Leg>,
    read: Read<T>,
) -> BoxStream<'e, Result<T>> {
    async_stream::try_stream! {
        let bounds = Bounds::of(&parts);
        let Some(first) = legs.first() else { return };
        let shape = Shape::new(&tables, &parts, first.handle.dialect())?;
        let order = shape.directions();
        let asked = Asked::new(Arc::new(tables), Verb::Select, parts, shape);
        let mut rows = bounds;
        if order.is_empty() {
            let mut left: VecDeque<Batch> = batches(target, legs, Cut::Bounded).into();
            while let Some(batch) = left.pop_front() {
                let statement = Union::new(&asked, batch.clone());
                let decimals = Arc::clone(&asked.shape.decimals);
                let read = move |row: &Row<'_>| read(&row.with_decimals(&decimals));
                let mut answer = stream_at(target, batch.site(), None, statement, read);
                let mut first = true;
                loop {
                    let row = match answer.try_next().await {
                        Ok(None) => break,
                        Ok(Some(row)) => row,
                        Err(error) => match batch.planned_again(target, &error) {
                            Some(parts) if first => {
                                parts.into_iter().rev().for_each(|part| left.push_front(part));
                                break;
                            }
                            _ => Err(error)?,
                        },
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
        let mut planned = batches(target, legs, Cut::Whole);
        // Nothing has been handed on before the first row of each is there: what has moved until
        // then is planned again, and all connections are taken anew, in their order.
        let mut merged = loop {
            match begin_merge(target, &asked, &planned, &order, read).await {
                Ok(merged) => break merged,
                Err((error, failed)) => match failed.planned_again(target, &error) {
                    Some(_) => {
                        let legs = planned.iter().flat_map(|batch| batch.legs_now(target));
                        planned = batches(target, legs.collect(), Cut::Whole);
                    }
                    None => Err(error)?,
                },
            }
        };
        while let Some(sorted) = merged.try_next().await? {
            match rows.next() {
                Place::Before => {}
                Place::Within => yield sorted.row,
                Place::Behind => return,
            }
        }
    }
    .boxed()
}

/// Rows of several servers, each row with what it is sorted by, as they are merged.
type Merging<'e, T> = BoxStream<'e, Result<Sorted<T>>>;

/// Begins a statement on each server, and waits for the first row of each; or says which failed.
async fn begin_merge<'e, T: Send + 'e>(
    target: Target<'e>,
    asked: &Arc<Asked>,
    planned: &[Batch],
    order: &Arc<[Direction]>,
    read: Read<T>,
) -> Result<Merging<'e, T>, (Error, Batch)> {
    let mut sources = Vec::with_capacity(planned.len());
    // One after the other, in an order that all such calls have in common: two of them never wait
    // for each other's connections.
    for batch in planned {
        let site = batch.site();
        let statement = Union::new(asked, batch.clone());
        match take(target, &site, &statement).await {
            Ok(taken) => sources.push((site, taken, statement)),
            Err(error) => return Err((error, batch.clone())),
        }
    }
    let begun = sources.into_iter().zip(planned);
    let begun = begun.map(async |((site, taken, statement), batch)| {
        let asked = Arc::clone(asked);
        let read = move |row: &Row<'_>| asked.shape.sorted(row, read);
        let mut rows = stream_at(target, site, taken, statement, read);
        match rows.try_next().await {
            Ok(first) => Ok(stream::iter(first.map(Ok)).chain(rows).boxed()),
            Err(error) => Err((error, batch.clone())),
        }
    });
    let begun = futures_util::future::try_join_all(begun).await?;
    Ok(merge(begun, Arc::clone(order)))
}
