//! Compares a range of two tables row by row, a page at a time.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Bound;

use super::change::{Batch, Change};
use super::side::{Read, Side};
use super::{Comparison, Paging};
use crate::error::Result;
use crate::replicate::range::Range;

/// Reads a range of both tables and adds the rows that differ.
///
/// A page of the copy is read first, and then the source's rows up to its last key. So a row
/// that only the copy has was missing at the source *after* it was seen at the copy.
pub(super) async fn merge(
    source: &mut Side<'_>,
    copy: &mut Side<'_>,
    range: &Range,
    paging: &Paging,
    found: &mut Comparison,
    batch: &mut Batch<'_>,
) -> Result<()> {
    let mut page = range.clone();
    let mut unread = range.clone();
    let mut at_copy = VecDeque::new();
    let mut copy_ended = false;
    let mut size = Size::new(paging);
    loop {
        if at_copy.is_empty() && !copy_ended {
            let limit = size.rows();
            at_copy = copy.rows(std::slice::from_ref(&unread), limit).await?;
            size.learn(&at_copy);
            copy_ended = at_copy.len() < limit;
            if let Some(last) = at_copy.back() {
                unread.from = Bound::Excluded(last.key.clone());
            }
        }
        page.until = match at_copy.back() {
            Some(last) if !copy_ended => Bound::Included(last.key.clone()),
            _ => range.until.clone(),
        };
        // Twice as many, so that a few rows more than at the copy take no second page.
        let limit = size.rows() * 2;
        let at_source = source.rows(std::slice::from_ref(&page), limit).await?;
        size.learn(&at_source);
        let is_full = at_source.len() >= limit;
        if let Some(last) = at_source.back().filter(|_| is_full) {
            page.until = Bound::Included(last.key.clone());
        }
        let order = source.order();
        let reached = match &page.until {
            Bound::Included(last) => {
                at_copy.partition_point(|row: &Read| order.compare(&row.key, last).is_le())
            }
            // The end of the range, in which all of them are.
            Bound::Excluded(_) | Bound::Unbounded => at_copy.len(),
        };
        let seen = at_copy.drain(..reached).collect();
        pair(source, at_source, seen, found, batch).await?;
        if copy_ended && at_copy.is_empty() && !is_full {
            return Ok(());
        }
        if let Bound::Included(last) = page.until {
            page.from = Bound::Excluded(last);
        }
        page.until = range.until.clone();
    }
}

/// Compares all rows of both tables in one range.
pub(super) async fn pair(
    source: &Side<'_>,
    mut at_source: VecDeque<Read>,
    mut at_copy: VecDeque<Read>,
    found: &mut Comparison,
    batch: &mut Batch<'_>,
) -> Result<()> {
    loop {
        let order = match (at_source.front(), at_copy.front()) {
            (Some(one), Some(other)) => source.order().compare(&one.key, &other.key),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Ok(()),
        };
        let source = order.is_le().then(|| at_source.pop_front()).flatten();
        let copy = order.is_ge().then(|| at_copy.pop_front()).flatten();
        match (source, copy) {
            (Some(source), Some(copy)) if source.encoded == copy.encoded => {}
            (Some(source), copy) => {
                match copy {
                    Some(_) => found.different += 1,
                    None => found.missing += 1,
                }
                let bytes = source.encoded.len();
                batch.add(Change::Put(source.values), bytes).await?;
            }
            (None, Some(copy)) => {
                found.extra += 1;
                let bytes = copy.encoded.len();
                batch.add(Change::Delete(copy.key), bytes).await?;
            }
            (None, None) => {}
        }
    }
}

/// The approximate number of encoded bytes in a page.
const PAGE_BYTES: usize = 1 << 20;

/// The number of rows in a page: fewer when rows are large.
pub(super) struct Size {
    rows: usize,
    most: usize,
}

impl Size {
    fn new(paging: &Paging) -> Self {
        Self::of(paging.leaf, paging.page)
    }

    /// Begins with the first number of rows, and grows to the second at most.
    pub(super) fn of(first: usize, most: usize) -> Self {
        Self {
            // The first page shows how large the rows are.
            rows: first.min(most),
            most,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn learn(&mut self, page: &VecDeque<Read>) {
        if page.is_empty() {
            return;
        }
        let bytes: usize = page.iter().map(|row| row.encoded.len()).sum();
        let average = (bytes / page.len()).max(1);
        self.rows = (PAGE_BYTES / average).clamp(1, self.most);
    }
}
