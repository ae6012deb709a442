//! The comparison of a copy with its source, in ranges of the primary key.
//!
//! A page of the source's rows is held against the rows that the copy has in the same range. What is
//! found while both are written to may be outdated: a row that changes meanwhile is put or deleted as
//! it was, and comes again by the log, or with the next comparison. A row that the copy lacks is never
//! passed over, since each range of the source is read once it is asked for.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use sea_query::Value;

use super::change::{Cells, Change};
use super::keys::{bytes_of, key_of};
use super::source::{Source, rows_in};
use super::status::StatusRow;
use crate::error::Result;
use crate::exec::Executor as _;
use crate::topology::Read;

/// How many rows of each side are in memory at a time.
const PAGE: u64 = 2_000;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Found {
    /// Rows that were read at the source.
    pub(super) source_rows: u64,
    /// Rows that were read at the copy.
    pub(super) copy_rows: u64,
    /// Rows that the copy lacks.
    pub(super) missing: u64,
    /// Rows that the source does not have.
    pub(super) extra: u64,
    /// Rows that differ.
    pub(super) different: u64,
}

/// What is done about differences.
pub(super) trait Repair: Send {
    /// Takes the changes that make a range of the copy equal, or a part of it.
    fn repair(&mut self, changes: Vec<Change>) -> BoxFuture<'_, Result<()>>;
}

/// Nothing.
pub(super) struct Leave;

impl Repair for Leave {
    fn repair(&mut self, _changes: Vec<Change>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// Compares a copy with its source, range after range.
pub(super) async fn compare(
    source: &Source,
    copy: &StatusRow,
    differences: &mut dyn Repair,
) -> Result<Found> {
    let def = source.def;
    let mut found = Found::default();
    let mut after: Option<Vec<Value>> = None;
    loop {
        let on = source.cluster.read_from(Read::Primary);
        let range = (after.as_deref(), None);
        let page = rows_in(on.target(), &source.place, def, range, PAGE).await?;
        found.source_rows += page.len() as u64;
        let is_last = (page.len() as u64) < PAGE;
        let upto = match page.last() {
            Some(last) if !is_last => Some(key_of(def, last)),
            _ => None,
        };
        let mut expected: HashMap<Vec<u8>, Cells> = HashMap::with_capacity(page.len());
        for cells in page {
            expected.insert(bytes_of(&key_of(def, &cells))?, cells);
        }
        // The rows of the copy between the two keys, which may be many more.
        let mut behind = after;
        loop {
            let range = (behind.as_deref(), upto.as_deref());
            let on = copy.cluster.read_from(Read::Primary);
            let own = rows_in(on.target(), &copy.place, def, range, PAGE).await?;
            found.copy_rows += own.len() as u64;
            let done = (own.len() as u64) < PAGE;
            behind = own.last().map(|last| key_of(def, last));
            let mut changes = Vec::new();
            for cells in own {
                let key = key_of(def, &cells);
                match expected.remove(&bytes_of(&key)?) {
                    Some(same) if same == cells => {}
                    Some(other) => {
                        found.different += 1;
                        changes.push(Change::Put(other));
                    }
                    None => {
                        found.extra += 1;
                        changes.push(Change::Delete(key));
                    }
                }
            }
            if !changes.is_empty() {
                differences.repair(changes).await?;
            }
            if done {
                break;
            }
        }
        found.missing += expected.len() as u64;
        if !expected.is_empty() {
            let missing = expected.into_values().map(Change::Put);
            differences.repair(missing.collect()).await?;
        }
        if is_last {
            return Ok(found);
        }
        after = upto;
    }
}
