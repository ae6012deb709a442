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
mod stream;
mod tables;
mod union;

use std::sync::Arc;

use self::shape::Shape;
pub(crate) use self::shape::selected_decimals;
pub(crate) use self::stream::stream;
pub(crate) use self::tables::{At, Tables};
use self::union::{Asked, Union};
pub(super) use self::union::{name, unite};
use super::built::Verb;
use super::parts::Parts;
use crate::backend::{Field, Row};
use crate::error::Result;
use crate::exec::{
    Batch, Cut, Explain, Fan, First, Intent, Leg, Merge, Rows, Sorted, Target, batches, each_batch,
    planned, read_at,
};
use crate::model::ModelDef;

/// What reads one row of a result.
type Read<T> = fn(&Row<'_>) -> Result<T>;

/// All rows.
pub(crate) async fn all<T: Send>(
    tables: impl Tables + 'static,
    parts: Parts,
    target: Target<'_>,
    legs: Vec<Leg>,
    fan: &Fan,
    read: Read<T>,
) -> Result<Vec<T>> {
    let bounds = Bounds::of(&parts);
    let Some(first) = legs.first() else {
        return Ok(Vec::new());
    };
    let shape = Shape::new(&tables, &parts, first.handle.dialect())?;
    let order = shape.directions();
    let asked = Asked::new(Arc::new(tables), Verb::Select, parts, shape);
    let batches = batches(target, legs, Cut::Bounded);
    if order.is_empty() {
        let answers = each_batch(target, fan, batches, async |batch: Batch| {
            let statement = Union::new(&asked, batch.clone());
            let read = |row: &Row<'_>| read(&row.with_decimals(&asked.shape.decimals));
            let sink = read_at(target, fan, batch.site(), &statement, || Rows::new(read)).await?;
            Ok(sink.rows)
        })
        .await?;
        return Ok(bounds.cut(answers.into_iter().flatten()).collect());
    }
    let sorted = |row: &Row<'_>| asked.shape.sorted(row, read);
    let answers = each_batch(target, fan, batches, async |batch: Batch| {
        let statement = Union::new(&asked, batch.clone());
        let sink = read_at(target, fan, batch.site(), &statement, || Rows::new(sorted)).await?;
        Ok(sink.rows)
    })
    .await?;
    let mut rows: Vec<Sorted<T>> = answers.into_iter().flatten().collect();
    // Runs that are sorted already: the standard library's stable sort merges them.
    rows.sort_by(|one, other| one.key.compare(&other.key, &order));
    let rows = rows.into_iter().map(|sorted| sorted.row);
    Ok(bounds.cut(rows).collect())
}

/// What [`all`] would send.
pub(crate) fn explain(
    tables: impl Tables + 'static,
    parts: Parts,
    target: Target<'_>,
    legs: Vec<Leg>,
) -> Result<Explain> {
    let Bounds { offset, limit } = Bounds::of(&parts);
    let Some(first) = legs.first() else {
        return Ok(Explain {
            statements: Vec::new(),
            merge: Merge::Concatenated { offset, limit },
        });
    };
    let shape = Shape::new(&tables, &parts, first.handle.dialect())?;
    let by = shape.describe(&tables);
    let asked = Asked::new(Arc::new(tables), Verb::Select, parts, shape);
    let statements = batches(target, legs, Cut::Bounded)
        .into_iter()
        .map(|batch| {
            let site = batch.site();
            planned(target, &site, Intent::Read, &Union::new(&asked, batch))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Explain {
        statements,
        merge: if by.is_empty() {
            Merge::Concatenated { offset, limit }
        } else {
            Merge::Sorted { by, offset, limit }
        },
    })
}

/// Whether the rows of a model can be told apart by an order that clients compare too.
pub(super) fn check_total(def: &'static ModelDef) -> Result<()> {
    def.lookup()
        .find_map(|ordinal| shape::refusal(def, ordinal))
        .map_or(Ok(()), Err)
}

/// How many rows there are.
pub(crate) async fn count(
    tables: impl Tables + 'static,
    mut parts: Parts,
    target: Target<'_>,
    legs: Vec<Leg>,
    fan: &Fan,
) -> Result<u64> {
    let bounds = Bounds::of(&parts);
    (parts.limit, parts.offset) = (None, None);
    parts.orders.clear();
    let asked = Asked::new(Arc::new(tables), Verb::Count, parts, Shape::default());
    let batches = batches(target, legs, Cut::Bounded);
    let counts = each_batch(target, fan, batches, async |batch: Batch| {
        let statement = Union::new(&asked, batch.clone());
        let one = || Rows::new(|row: &Row<'_>| i64::read(row, 0));
        let sink = read_at(target, fan, batch.site(), &statement, one).await?;
        Ok(sink.rows.into_iter().map(i64::unsigned_abs).sum::<u64>())
    })
    .await?;
    Ok(bounds.count(counts.into_iter().sum()))
}

/// Whether there is any row.
pub(crate) async fn exists(
    tables: impl Tables + 'static,
    mut parts: Parts,
    target: Target<'_>,
    legs: Vec<Leg>,
    fan: &Fan,
) -> Result<bool> {
    if parts.limit == Some(0) {
        return Ok(false);
    }
    if parts.offset.is_some_and(|offset| offset > 0) {
        return Ok(count(tables, parts, target, legs, fan).await? > 0);
    }
    parts.orders.clear();
    let asked = Asked::new(Arc::new(tables), Verb::Exists, parts, Shape::default());
    let batches = batches(target, legs, Cut::Bounded);
    let found = each_batch(target, fan, batches, async |batch: Batch| {
        let statement = Union::new(&asked, batch.clone());
        let one = || First::new(|_: &Row<'_>| Ok(()));
        let sink = read_at(target, fan, batch.site(), &statement, one).await?;
        Ok(sink.row.is_some())
    })
    .await?;
    Ok(found.contains(&true))
}

/// Which of the merged rows are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) offset: u64,
    pub(super) limit: Option<u64>,
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
