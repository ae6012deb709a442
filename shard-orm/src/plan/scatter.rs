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
pub(crate) use self::union::{name, unite};
use crate::backend::{Field, Row};
use crate::error::Result;
use crate::exec::{First, Intent, Rows, Target};
use crate::model::ModelDef;
use crate::plan::batch::{Batch, Cut, batches};
use crate::plan::concurrent::each_batch;
use crate::plan::explain::{Explain, Merge, planned};
use crate::plan::hedge::read_at;
use crate::plan::merge::Sorted;
use crate::plan::options::ScatterCall;
use crate::plan::shard_task::ShardTask;
use crate::plan::spec::QuerySpec;
use crate::plan::statement::Verb;

/// What reads one row of a result.
type Read<T> = fn(&Row<'_>) -> Result<T>;

/// All rows.
pub(crate) async fn all<T: Send>(
    tables: impl Tables + 'static,
    spec: QuerySpec,
    target: Target<'_>,
    tasks: Vec<ShardTask>,
    call: &ScatterCall,
    read: Read<T>,
) -> Result<Vec<T>> {
    let bounds = Bounds::of(&spec);
    let Some(first) = tasks.first() else {
        return Ok(Vec::new());
    };
    let shape = Shape::new(&tables, &spec, first.handle.dialect())?;
    let order = shape.directions();
    let asked = Asked::new(Arc::new(tables), Verb::Select, spec, shape);
    let batches = batches(target, tasks, Cut::Bounded);
    if order.is_empty() {
        let answers = each_batch(target, call, batches, async |batch: Batch| {
            let statement = Union::new(&asked, batch.clone());
            let read = |row: &Row<'_>| read(&row.with_decimals(&asked.shape.decimals));
            let sink = read_at(target, call, batch.destination(), &statement, || {
                Rows::new(read)
            })
            .await?;
            Ok(sink.rows)
        })
        .await?;
        return Ok(bounds.cut(answers.into_iter().flatten()).collect());
    }
    let sorted = |row: &Row<'_>| asked.shape.sorted(row, read);
    let answers = each_batch(target, call, batches, async |batch: Batch| {
        let statement = Union::new(&asked, batch.clone());
        let sink = read_at(target, call, batch.destination(), &statement, || {
            Rows::new(sorted)
        })
        .await?;
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
    spec: QuerySpec,
    target: Target<'_>,
    tasks: Vec<ShardTask>,
) -> Result<Explain> {
    let Bounds { offset, limit } = Bounds::of(&spec);
    let Some(first) = tasks.first() else {
        return Ok(Explain {
            statements: Vec::new(),
            merge: Merge::Concatenated { offset, limit },
        });
    };
    let shape = Shape::new(&tables, &spec, first.handle.dialect())?;
    let by = shape.describe(&tables);
    let asked = Asked::new(Arc::new(tables), Verb::Select, spec, shape);
    let statements = batches(target, tasks, Cut::Bounded)
        .into_iter()
        .map(|batch| {
            let destination = batch.destination();
            planned(
                target,
                &destination,
                Intent::Read,
                &Union::new(&asked, batch),
            )
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
pub(crate) fn check_total(def: &'static ModelDef) -> Result<()> {
    def.lookup()
        .find_map(|ordinal| shape::unsortable(def, ordinal))
        .map_or(Ok(()), Err)
}

/// How many rows there are.
pub(crate) async fn count(
    tables: impl Tables + 'static,
    mut spec: QuerySpec,
    target: Target<'_>,
    tasks: Vec<ShardTask>,
    call: &ScatterCall,
) -> Result<u64> {
    let bounds = Bounds::of(&spec);
    (spec.limit, spec.offset) = (None, None);
    spec.orders.clear();
    let asked = Asked::new(Arc::new(tables), Verb::Count, spec, Shape::default());
    let batches = batches(target, tasks, Cut::Bounded);
    let counts = each_batch(target, call, batches, async |batch: Batch| {
        let statement = Union::new(&asked, batch.clone());
        let one = || Rows::new(|row: &Row<'_>| i64::read(row, 0));
        let sink = read_at(target, call, batch.destination(), &statement, one).await?;
        Ok(sink.rows.into_iter().map(i64::unsigned_abs).sum::<u64>())
    })
    .await?;
    Ok(bounds.count(counts.into_iter().sum()))
}

/// Whether there is any row.
pub(crate) async fn exists(
    tables: impl Tables + 'static,
    mut spec: QuerySpec,
    target: Target<'_>,
    tasks: Vec<ShardTask>,
    call: &ScatterCall,
) -> Result<bool> {
    if spec.limit == Some(0) {
        return Ok(false);
    }
    if spec.offset.is_some_and(|offset| offset > 0) {
        return Ok(count(tables, spec, target, tasks, call).await? > 0);
    }
    spec.orders.clear();
    let asked = Asked::new(Arc::new(tables), Verb::Exists, spec, Shape::default());
    let batches = batches(target, tasks, Cut::Bounded);
    let found = each_batch(target, call, batches, async |batch: Batch| {
        let statement = Union::new(&asked, batch.clone());
        let one = || First::new(|_: &Row<'_>| Ok(()));
        let sink = read_at(target, call, batch.destination(), &statement, one).await?;
        Ok(sink.row.is_some())
    })
    .await?;
    Ok(found.contains(&true))
}

/// Which of the merged rows are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) offset: u64,
    pub(crate) limit: Option<u64>,
}

/// Where a row is in them.
enum Place {
    Before,
    Within,
    Behind,
}

impl Bounds {
    pub(crate) fn of(spec: &QuerySpec) -> Self {
        Self {
            offset: spec.offset.unwrap_or(0),
            limit: spec.limit,
        }
    }

    pub(crate) fn cut<T>(self, rows: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        let most = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        rows.skip(most(self.offset))
            .take(self.limit.map_or(usize::MAX, most))
    }

    /// The same for rows of which those before the offset are left out already.
    pub(crate) fn without_offset(self) -> Self {
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
