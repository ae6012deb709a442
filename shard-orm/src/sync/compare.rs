//! Finds the rows that differ between two tables, on any two databases.
//!
//! First the shapes of both tables are compared (`shape`), so that nothing is read or written where
//! rows could not be kept. Then the whole is cut into parts by keys of the side that has more rows: into
//! 4,096 at most where the server finds a row's part by halves (`part`), and into 64 elsewhere. Their
//! digests come in one statement from each side. Those that differ are cut again, many by one
//! statement, down to leaves of about 32 rows. Many leaves are read whole by one statement, from the
//! copy and then from the source, and compared. Of a range that one side has no row of nothing is
//! digested any further. So a table is digested about once, and what differs in it a little more.
//!
//! Keys are ordered alike everywhere: texts by their bytes, whatever the collation. Where that is
//! not the order of an index (a text key on PostgreSQL that is not `collation = "binary"`, one on
//! MySQL or MariaDB whose collation is not `.._nopad_bin` or `utf8mb4_0900_bin`), each statement costs
//! a look at the whole table, and leaves are larger.
//!
//! When neither side can compute digests (see `digest`), both tables are read once,
//! page by page, and compared.
//!
//! # Rows that change meanwhile
//! A comparison reads no common snapshot. What holds is this: **all that was committed at the source
//! before the comparison began is at the copy when its last batch has been applied, as long as
//! nobody else writes to the copy.** For each key is in exactly one range of each level, and a range
//! is let go only when the source, at a time after the beginning, held exactly what the copy held. A
//! row that changes at the source while it runs is found as it was before or after, and whoever
//! repeats the comparison, or follows the changes since its beginning, finds the rest. A leaf is
//! read from the copy before the source, so a row is deleted only when the source was seen without
//! it after it was seen at the copy. A row that is moved to a key that was compared before is
//! deleted under the old one, and found under the new one by the next comparison: as any change of
//! that time. So a change of that time is found needlessly, or later, and never lost.
//!
//! Two that write to a copy at once would overwrite each other's rows with older ones: keep to one,
//! by a lock.

mod change;
mod descend;
mod leaves;
mod merge;
mod side;

pub use change::{Apply, Change};

use std::fmt;

use change::Batch;
use descend::{descend, order};
use futures_util::future::BoxFuture;
use merge::merge;
use side::Side;

use super::range::Range;
use super::shape::{check, inspect};
use super::table::TableAt;
use crate::error::Result;

/// What was read of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Reading {
    /// The rows that were read. Those that a server digested by itself were not.
    pub rows: u64,
    /// The statements that were sent, but for those that ask what the table looks like.
    pub statements: u64,
}

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Comparison {
    /// What was read of the source.
    pub source: Reading,
    /// What was read of the copy.
    pub copy: Reading,
    /// The ranges whose digests differed, of all levels.
    pub ranges: u64,
    /// Rows that the source has and the copy has not.
    pub missing: u64,
    /// Rows that the copy has and the source has not.
    pub extra: u64,
    /// Rows of one primary key that differ.
    pub different: u64,
}

impl Comparison {
    /// Whether no row differed.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differing() == 0
    }

    /// How many rows differed: missing, extra and different ones.
    #[must_use]
    pub fn differing(&self) -> u64 {
        self.missing + self.extra + self.different
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} missing, {} extra, {} different; read {} rows of the source and {} of the copy",
            self.missing, self.extra, self.different, self.source.rows, self.copy.rows
        )
    }
}

/// How a comparison goes down and reads.
struct Paging {
    /// The rows of a range that is read whole.
    leaf: usize,
    /// The most rows that are read at a time.
    page: usize,
}

/// Finds the rows of `copy` that differ from those of `source`, and hands the changes that make it
/// equal to `apply`, in batches, each of which is awaited.
///
/// # Errors
/// [`Configuration`](crate::ErrorKind::Configuration), before any row is read, with all that makes
/// the tables unfit for each other; [`Unsupported`](crate::ErrorKind::Unsupported) for a primary key
/// of floats or JSON, or of decimals with SQLite on one side, which are not ordered alike; whatever a
/// read or `apply` fails with, after which the batches so far stay applied.
pub async fn compare(
    source: &TableAt<'_>,
    copy: &TableAt<'_>,
    apply: &mut dyn Apply,
) -> Result<Comparison> {
    let at_source = inspect(source).await?;
    let at_copy = inspect(copy).await?;
    check((source, &at_source), (copy, &at_copy))?;
    let (source_order, one) = order(source, &at_source)?;
    let (copy_order, other) = order(copy, &at_copy)?;
    let paging = if one && other {
        Paging {
            leaf: 32,
            page: 500,
        }
    } else {
        // Each statement looks at the whole table.
        Paging {
            leaf: 4_000,
            page: 4_000,
        }
    };
    let mut found = Comparison::default();
    let mut batch = Batch::new(apply);
    let mut source = Side::new(source, source_order, one);
    let mut copy = Side::new(copy, copy_order, other);
    if source.is_by_server() || copy.is_by_server() {
        descend(&mut source, &mut copy, &paging, &mut found, &mut batch).await?;
    } else {
        let all = Range::default();
        merge(
            &mut source,
            &mut copy,
            &all,
            &paging,
            &mut found,
            &mut batch,
        )
        .await?;
    }
    batch.flush().await?;
    found.source = source.reading;
    found.copy = copy.reading;
    Ok(found)
}

/// Counts the rows of `copy` that differ from those of `source`; see [`compare`].
///
/// # Errors
/// As [`compare`].
pub async fn verify(source: &TableAt<'_>, copy: &TableAt<'_>) -> Result<Comparison> {
    compare(source, copy, &mut Nothing).await
}

/// Carries nothing out.
struct Nothing;

impl Apply for Nothing {
    fn apply(&mut self, _changes: Vec<Change>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}
