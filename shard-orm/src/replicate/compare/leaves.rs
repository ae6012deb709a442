//! Compares many small ranges of two tables at once, by one statement for each side.

use super::change::Batch;
use super::merge::{Size, merge, pair};
use super::side::Side;
use super::{Comparison, Paging};
use crate::error::Result;
use crate::replicate::range::Range;

/// Reads ranges of both tables, which are in the order of their keys and hold about `rows` rows, and
/// adds the rows that differ.
///
/// The copy is read first, as in [`merge`]. Ranges that have grown so much that one statement does
/// not reach their end are compared one after the other.
pub(super) async fn leaves(
    source: &mut Side<'_>,
    copy: &mut Side<'_>,
    (ranges, rows): (&[Range], usize),
    (paging, size): (&Paging, &mut Size),
    found: &mut Comparison,
    batch: &mut Batch<'_>,
) -> Result<()> {
    let limit = rows.saturating_mul(2) + paging.leaf;
    let at_copy = copy.rows(ranges, limit).await?;
    let at_source = source.rows(ranges, limit).await?;
    size.learn(&at_copy);
    size.learn(&at_source);
    if at_copy.len() < limit && at_source.len() < limit {
        return pair(source, at_source, at_copy, found, batch).await;
    }
    for range in ranges {
        merge(source, copy, range, paging, found, batch).await?;
    }
    Ok(())
}
