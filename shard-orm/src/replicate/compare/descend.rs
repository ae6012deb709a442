//! Descends from whole tables to the leaves that differ.
//!
//! The open ranges are a stack with the first one on top. One statement cuts many of them, and one
//! statement reads many leaves.

use std::ops::Bound;

use futures_util::future::try_join;

use super::change::Batch;
use super::leaves::leaves;
use super::merge::{Size, merge};
use super::side::Side;
use super::{Comparison, Paging};
use crate::backend::inspect::Shape;
use crate::backend::{ColumnType, has_common_order};
use crate::error::{Error, Result};
use crate::replicate::range::{Key, KeyOrder, Range};
use crate::replicate::table::TableAt;

/// The level below which a range is read whatever its size, so that the comparison ends while tables
/// grow.
const LEVELS: u32 = 16;
/// The maximum number of ranges in one statement.
const RANGES: usize = 128;
/// The maximum number of rows in the leaves that are read at a time.
const LEAVES: usize = 4_000;

/// A range whose digests differ.
#[derive(Clone)]
struct Node {
    range: Range,
    at_source: u64,
    at_copy: u64,
    level: u32,
}

/// The next step for a range.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Read together with others.
    Leaf,
    /// Read alone, a page at a time.
    Merge,
    /// Cut into parts.
    Cut,
}

impl Node {
    fn rows(&self) -> u64 {
        self.at_source.max(self.at_copy)
    }

    fn step(&self, paging: &Paging) -> Step {
        let leaf = paging.leaf as u64;
        if self.rows() <= leaf + leaf / 2 {
            Step::Leaf
        } else if self.at_source == 0 || self.at_copy == 0 || self.level >= LEVELS {
            Step::Merge
        } else {
            Step::Cut
        }
    }
}

/// Finds the leaves that differ, in the order of their keys, and the rows that differ in them.
pub(super) async fn descend(
    source: &mut Side<'_>,
    copy: &mut Side<'_>,
    paging: &Paging,
    found: &mut Comparison,
    batch: &mut Batch<'_>,
) -> Result<()> {
    let (at_source, at_copy) = try_join(source.count(), copy.count()).await?;
    let all = Node {
        range: Range::default(),
        at_source,
        at_copy,
        level: 0,
    };
    let mut open = match all.step(paging) {
        Step::Merge => vec![all],
        // Nothing is read of equal tables, however small they are.
        Step::Cut | Step::Leaf => cut(source, copy, vec![all], paging, found).await?,
    };
    let mut size = Size::of(paging.leaf, LEAVES);
    while let Some(top) = open.last() {
        match top.step(paging) {
            Step::Merge => {
                let range = top.range.clone();
                open.pop();
                merge(source, copy, &range, paging, found, batch).await?;
            }
            Step::Leaf | Step::Cut => {
                let taken = window(&open, source, copy, paging, size.rows());
                let nodes: Vec<Node> = open.drain(open.len() - taken..).rev().collect();
                if nodes.iter().any(|node| node.step(paging) == Step::Cut) {
                    open.append(&mut cut(source, copy, nodes, paging, found).await?);
                    continue;
                }
                let rows = nodes.iter().map(Node::rows).sum::<u64>();
                let ranges: Vec<Range> = nodes.into_iter().map(|node| node.range).collect();
                let reading = (&*ranges, usize::try_from(rows).unwrap_or(usize::MAX));
                leaves(source, copy, reading, (paging, &mut size), found, batch).await?;
            }
        }
    }
    Ok(())
}

/// The number of open ranges that come next: a batch of leaves, or a batch of ranges to cut when that
/// fills first.
fn window(
    open: &[Node],
    source: &Side<'_>,
    copy: &Side<'_>,
    paging: &Paging,
    leaf_rows: usize,
) -> usize {
    let most = source.most_parts().min(copy.most_parts()) as u64;
    let (mut leaves, mut leaf_sum, mut cuts, mut cut_sum) = (0, 0, 0, 0);
    for node in open.iter().rev() {
        match node.step(paging) {
            Step::Merge => break,
            Step::Leaf => {
                leaf_sum += node.rows();
                let is_full = leaves > 0 && leaf_sum > leaf_rows as u64;
                if is_full || leaves == RANGES {
                    break;
                }
                leaves += 1;
            }
            Step::Cut => {
                // Its parts, and its ends.
                cut_sum += node.rows() / paging.leaf as u64 + 3;
                if cuts > 0 && cut_sum > most || cuts == RANGES {
                    break;
                }
                cuts += 1;
            }
        }
    }
    leaves + cuts
}

/// Cuts ranges, and returns the parts whose digests differ, with the leaves among the ranges: the last
/// one first.
async fn cut(
    source: &mut Side<'_>,
    copy: &mut Side<'_>,
    nodes: Vec<Node>,
    paging: &Paging,
    found: &mut Comparison,
) -> Result<Vec<Node>> {
    // A whole table is looked at, even when it is one leaf.
    let is_cut = |node: &Node| node.level == 0 || node.step(paging) == Step::Cut;
    // By the side that has more rows, so that all parts are small.
    let by = |at_copy: bool| {
        let all = nodes.iter().filter(|node| is_cut(node));
        all.filter(move |node| (node.at_copy > node.at_source) == at_copy)
    };
    let rows: u64 = nodes
        .iter()
        .filter(|node| is_cut(node))
        .map(Node::rows)
        .sum();
    let most = source.most_parts().min(copy.most_parts()) as u64;
    let step = rows.div_ceil(most).max(paging.leaf as u64);
    let ranges = |at_copy: bool| -> Vec<Range> {
        let all = by(at_copy).filter(|node| node.step(paging) == Step::Cut);
        all.map(|node| node.range.clone()).collect()
    };
    let (of_source, of_copy) = (ranges(false), ranges(true));
    let (by_source, by_copy) =
        try_join(source.bounds(&of_source, step), copy.bounds(&of_copy, step)).await?;
    let (mut by_source, mut by_copy) = (
        by_source.into_iter().peekable(),
        by_copy.into_iter().peekable(),
    );

    let mut bounds: Vec<Key> = Vec::new();
    // Where the parts of each range are.
    let mut runs = Vec::new();
    let mut cut = Vec::new();
    for node in nodes.iter().filter(|node| is_cut(node)) {
        if let Bound::Included(from) = &node.range.from
            && bounds.last() != Some(from)
        {
            bounds.push(from.clone());
        }
        let first = bounds.len();
        let own = if node.at_copy > node.at_source {
            &mut by_copy
        } else {
            &mut by_source
        };
        let order = source.order();
        let is_before_end = |key: &Key| match &node.range.until {
            Bound::Unbounded => true,
            Bound::Included(last) => order.compare(key, last).is_le(),
            Bound::Excluded(end) => order.compare(key, end).is_lt(),
        };
        while let Some(key) = own.next_if(is_before_end) {
            if bounds.last() != Some(&key) {
                bounds.push(key);
            }
        }
        runs.push(first..=bounds.len());
        if let Bound::Excluded(end) = &node.range.until {
            bounds.push(end.clone());
        }
        cut.push(node.range.clone());
    }
    let cut = joined(cut);
    let (at_source, at_copy) =
        try_join(source.digests(&cut, &bounds), copy.digests(&cut, &bounds)).await?;

    let mut parts = Vec::new();
    let mut runs = runs.into_iter();
    for node in nodes {
        let run = if is_cut(&node) { runs.next() } else { None };
        let Some(run) = run else {
            parts.push(node);
            continue;
        };
        let (first, last) = (*run.start(), *run.end());
        for number in run {
            let (Some(source), Some(copy)) = (at_source.get(number), at_copy.get(number)) else {
                return Err(Error::unsupported("a comparison without one of its parts"));
            };
            if source == copy {
                continue;
            }
            found.ranges += 1;
            let bound = |number: usize| bounds[number].clone();
            let range = Range {
                from: if number == first {
                    node.range.from.clone()
                } else {
                    Bound::Included(bound(number - 1))
                },
                until: if number == last {
                    node.range.until.clone()
                } else {
                    Bound::Excluded(bound(number))
                },
            };
            parts.push(Node {
                range,
                at_source: source.rows(),
                at_copy: copy.rows(),
                level: node.level + 1,
            });
        }
    }
    parts.reverse();
    Ok(parts)
}

/// Ranges in their order, with adjacent ones joined.
fn joined(ranges: Vec<Range>) -> Vec<Range> {
    let mut all: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match (all.last_mut(), &range.from) {
            (Some(last), Bound::Included(from)) if last.until == Bound::Excluded(from.clone()) => {
                last.until = range.until;
            }
            _ => all.push(range),
        }
    }
    all
}

/// The order of a table's keys, and whether it is that of an index.
///
/// # Errors
/// `Unsupported` for a key that the databases order differently.
pub(super) fn order(table: &TableAt<'_>, shape: &Shape) -> Result<(KeyOrder, bool)> {
    let def = table.def();
    let key = || def.primary_key.iter().map(|key| &def.columns[*key]);
    for column in key() {
        let column_type = column.data_type.column_type();
        if !column_type.is_some_and(|found| has_common_order(table.dialect(), found)) {
            return Err(Error::unsupported(format!(
                "{table} cannot be compared by ranges of its primary key: `{}` is {:?}, which the \
                 databases do not order alike; use a key of integers, texts, bytes, UUIDs or times",
                column.name, column.data_type
            )));
        }
    }
    let is_exact = |name: &str| shape.is_ordered_by_bytes(name);
    let is_indexed = key()
        .filter(|column| column.data_type.column_type() == Some(ColumnType::Text))
        .all(|column| is_exact(&column.name));
    let order = KeyOrder::at(table.table(), table.dialect(), is_exact);
    Ok((order, is_indexed))
}
