//! Queries over several logical shards: what is asked of each server, and how the answers become
//! one.
//!
//! | what | asked of each logical shard | made of the answers |
//! |---|---|---|
//! | rows | the first `limit + offset` in the order | merged by the order, then `offset` and `limit` |
//! | a count | its own | the sum |
//! | whether there is any | one row | any of them |
//!
//! The order is made total by the shard key and the primary key, so that the same rows always come
//! in the same order. Logical shards of one server are asked in one statement.

mod shape;
mod union;

use std::sync::Arc;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use self::shape::Shape;
use self::union::{Asked, Union};
pub(super) use self::union::{name, unite};
use super::built::Verb;
use super::parts::Parts;
use crate::backend::{Field, Row};
use crate::error::Result;
use crate::exec::{
    Batch, Cut, First, Intent, Leg, Rows, Sink, Sorted, Target, batches, each_leg, merge, run_at,
    stream_at, take,
};
use crate::model::ModelDef;

/// What reads one row of a result.
type Read<T> = fn(&Row<'_>) -> Result<T>;

/// All rows.
pub(super) async fn all<T: Send>(
    def: &'static ModelDef,
    parts: Parts,
    target: Target<'_>,
    legs: Vec<Leg>,
    read: Read<T>,
) -> Result<Vec<T>> {
    let bounds = Bounds::of(&parts);
    let Some(first) = legs.first() else {
        return Ok(Vec::new());
    };
    let shape = Shape::new(def, &parts, first.place.dialect())?;
    let order = shape.directions();
    let asked = Asked::new(def, Verb::Select, parts, shape);
    let batches = batches(target, legs, Cut::Bounded);
    if order.is_empty() {
        let answers = each_leg(target, batches, async |batch: Batch| {
            let mut sink = Rows::new(read);
            ask(&asked, target, batch, &mut sink).await?;
            Ok(sink.rows)
        })
        .await?;
        return Ok(bounds.cut(answers.into_iter().flatten()).collect());
    }
    let answers = each_leg(target, batches, async |batch: Batch| {
        let mut sink = Rows::new(|row: &Row<'_>| asked.shape.sorted(def, row, read));
        ask(&asked, target, batch, &mut sink).await?;
        Ok(sink.rows)
    })
    .await?;
    let mut rows: Vec<Sorted<T>> = answers.into_iter().flatten().collect();
    // Runs that are sorted already: the standard library's stable sort merges them.
    rows.sort_by(|one, other| one.key.compare(&other.key, &order));
    let rows = rows.into_iter().map(|sorted| sorted.row);
    Ok(bounds.cut(rows).collect())
}

/// Whether the rows of a model can be told apart by an order that clients compare too.
pub(super) fn check_total(def: &'static ModelDef) -> Result<()> {
    def.lookup()
        .find_map(|ordinal| shape::refusal(def, ordinal))
        .map_or(Ok(()), Err)
}

/// How many rows there are.
pub(super) async fn count(
    def: &'static ModelDef,
    mut parts: Parts,
    target: Target<'_>,
    legs: Vec<Leg>,
) -> Result<u64> {
    let bounds = Bounds::of(&parts);
    (parts.limit, parts.offset) = (None, None);
    parts.orders.clear();
    let asked = Asked::new(def, Verb::Count, parts, Shape::default());
    let batches = batches(target, legs, Cut::Bounded);
    let counts = each_leg(target, batches, async |batch: Batch| {
        let mut sink = Rows::new(|row: &Row<'_>| i64::read(row, 0));
        ask(&asked, target, batch, &mut sink).await?;
        Ok(sink.rows.into_iter().map(i64::unsigned_abs).sum::<u64>())
    })
    .await?;
    Ok(bounds.count(counts.into_iter().sum()))
}

/// Whether there is any row.
pub(super) async fn exists(
    def: &'static ModelDef,
    mut parts: Parts,
    target: Target<'_>,
    legs: Vec<Leg>,
) -> Result<bool> {
    if parts.limit == Some(0) {
        return Ok(false);
    }
    if parts.offset.is_some_and(|offset| offset > 0) {
        return Ok(count(def, parts, target, legs).await? > 0);
    }
    parts.orders.clear();
    let asked = Asked::new(def, Verb::Exists, parts, Shape::default());
    for batch in batches(target, legs, Cut::Bounded) {
        let mut sink = First::new(|_: &Row<'_>| Ok(()));
        ask(&asked, target, batch, &mut sink).await?;
        if sink.row.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The rows one by one. In an order, one connection to each server is held, and one row of each is
/// in memory; without one, the statements follow one another.
pub(super) fn stream<'e, T: Send + 'e>(
    def: &'static ModelDef,
    parts: Parts,
    target: Target<'e>,
    legs: Vec<Leg>,
    read: Read<T>,
) -> BoxStream<'e, Result<T>> {
    async_stream::try_stream! {
        let bounds = Bounds::of(&parts);
        let Some(first) = legs.first() else { return };
        let shape = Shape::new(def, &parts, first.place.dialect())?;
        let order = shape.directions();
        let asked = Asked::new(def, Verb::Select, parts, shape);
        let mut rows = bounds;
        if order.is_empty() {
            for batch in batches(target, legs, Cut::Bounded) {
                let site = batch.site()?;
                let statement = Union::new(&asked, batch);
                let mut answer = stream_at(target, site, None, statement, read);
                while let Some(row) = answer.try_next().await? {
                    match rows.next() {
                        Place::Before => {}
                        Place::Within => yield row,
                        Place::Behind => return,
                    }
                }
            }
            return;
        }
        let mut sources = Vec::new();
        // One after the other, in an order that all such calls have in common: two of them never
        // wait for each other's connections.
        for batch in batches(target, legs, Cut::Whole) {
            let site = batch.site()?;
            let taken = take(target, &site).await?;
            sources.push((site, taken, batch));
        }
        let sources = sources
            .into_iter()
            .map(|(site, taken, batch)| {
                let shape = Arc::clone(&asked);
                let read = move |row: &Row<'_>| shape.shape.sorted(def, row, read);
                stream_at(target, site, taken, Union::new(&asked, batch), read)
            })
            .collect();
        let mut merged = merge(sources, order);
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

async fn ask(
    asked: &Arc<Asked>,
    target: Target<'_>,
    batch: Batch,
    sink: &mut dyn Sink,
) -> Result<u64> {
    let site = batch.site()?;
    let statement = Union::new(asked, batch);
    run_at(target, site, Intent::Read, &statement, sink).await
}

/// Which of the merged rows are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    offset: u64,
    limit: Option<u64>,
}

/// Where a row is in them.
enum Place {
    Before,
    Within,
    Behind,
}

impl Bounds {
    pub(super) fn of(parts: &Parts) -> Self {
        Self {
            offset: parts.offset.unwrap_or(0),
            limit: parts.limit,
        }
    }

    pub(super) fn cut<T>(self, rows: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        let most = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        rows.skip(most(self.offset))
            .take(self.limit.map_or(usize::MAX, most))
    }

    /// The same for rows of which those before the offset are left out already.
    pub(super) fn without_offset(self) -> Self {
        Self { offset: 0, ..self }
    }

    fn count(self, all: u64) -> u64 {
        let rest = all.saturating_sub(self.offset);
        self.limit.map_or(rest, |limit| rest.min(limit))
    }

    /// Where the next row is.
    fn next(&mut self) -> Place {
        if self.limit == Some(0) {
            return Place::Behind;
        }
        if self.offset > 0 {
            self.offset -= 1;
            return Place::Before;
        }
        if let Some(limit) = &mut self.limit {
            *limit -= 1;
        }
        Place::Within
    }
}
