//! Goes down from the digest of a whole table to the leaves that differ.

use futures_util::future::try_join;

use super::change::Batch;
use super::key::{KeyOrder, Range};
use super::merge::merge;
use super::side::Side;
use super::{Comparison, Paging};
use crate::backend::ColumnType;
use crate::backend::inspect::Shape;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::sync::digest::Digest;
use crate::sync::table::TableAt;

/// Into how many parts a range is cut.
const PARTS: u64 = 32;
/// Below how many levels a range is read whatever it holds: tables that grow while they are
/// compared do not keep it from its end.
const LEVELS: u32 = 16;

/// A range whose digests differ.
struct Node {
    range: Range,
    source: Digest,
    copy: Digest,
    level: u32,
}

/// Finds the leaves that differ, in the order of their keys, and what differs in them.
pub(super) async fn descend(
    source: &mut Side<'_>,
    copy: &mut Side<'_>,
    paging: &Paging,
    found: &mut Comparison,
    batch: &mut Batch<'_>,
) -> Result<()> {
    let mut open = differing(source, copy, Range::default(), &[], 0).await?;
    while let Some(node) = open.pop() {
        found.ranges += 1;
        let (at_source, at_copy) = (node.source.rows(), node.copy.rows());
        let most = at_source.max(at_copy);
        let is_one_sided = at_source == 0 || at_copy == 0;
        let leaf = paging.leaf as u64;
        if is_one_sided || most <= leaf + leaf / 2 || node.level >= LEVELS {
            merge(source, copy, &node.range, paging, found, batch).await?;
            continue;
        }
        let step = most.div_ceil(PARTS).max(leaf);
        // Of the side that has more rows, so that all parts are small.
        let bounds = if at_copy > at_source {
            copy.bounds(&node.range, step).await?
        } else {
            source.bounds(&node.range, step).await?
        };
        if bounds.is_empty() {
            merge(source, copy, &node.range, paging, found, batch).await?;
            continue;
        }
        let mut parts = differing(source, copy, node.range, &bounds, node.level + 1).await?;
        open.append(&mut parts);
    }
    Ok(())
}

/// The parts of a range whose digests differ, the last one first.
async fn differing(
    source: &mut Side<'_>,
    copy: &mut Side<'_>,
    range: Range,
    bounds: &[Vec<sea_query::Value>],
    level: u32,
) -> Result<Vec<Node>> {
    let (at_source, at_copy) =
        try_join(source.digests(&range, bounds), copy.digests(&range, bounds)).await?;
    let mut after = range.after;
    let ends = bounds.iter().cloned().map(Some).chain([range.up_to]);
    let mut nodes = Vec::new();
    for ((source, copy), up_to) in at_source.into_iter().zip(at_copy).zip(ends) {
        let range = Range {
            after: after.clone(),
            up_to: up_to.clone(),
        };
        after = up_to;
        if source != copy {
            nodes.push(Node {
                range,
                source,
                copy,
                level,
            });
        }
    }
    nodes.reverse();
    Ok(nodes)
}

/// The order of a table's keys, and whether it is that of an index.
///
/// # Errors
/// `Unsupported` for a key that the databases order each in its own way.
pub(super) fn order(table: &TableAt<'_>, shape: &Shape) -> Result<(KeyOrder, bool)> {
    let def = table.def();
    for ordinal in def.primary_key {
        let column = &def.columns[*ordinal];
        let is_ordered = match column.column_type {
            ColumnType::F32 | ColumnType::F64 | ColumnType::Json => false,
            ColumnType::Decimal => table.dialect() != Dialect::Sqlite,
            _ => true,
        };
        if !is_ordered {
            return Err(Error::unsupported(format!(
                "{table} cannot be compared by ranges of its primary key: `{}` is a {:?}, which the \
                 databases do not order alike; use a key of integers, texts, bytes, UUIDs or times",
                column.name, column.column_type
            )));
        }
    }
    let is_exact = |name: &str| shape.is_ordered_by_bytes(name);
    let key = def.primary_key.iter().map(|key| &def.columns[*key]);
    let is_indexed = key
        .filter(|column| column.column_type == ColumnType::Text)
        .all(|column| is_exact(column.name));
    Ok((KeyOrder::at(def, table.dialect(), is_exact), is_indexed))
}
