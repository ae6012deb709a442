//! Finds the rows that differ between two tables, on any two databases.
//!
//! First the definitions of both tables are checked (`compatibility`), so that nothing is read or
//! written where rows could not be stored. Then the table is cut into parts by keys of the side that has
//! more rows: into at most 4,096 where the server finds a row's part by halving (`range::part`), and
//! into 64 elsewhere. One statement for each side returns their digests. Parts that differ are cut
//! again, many by one statement, down to leaves of about 32 rows. One statement reads many whole
//! leaves, from the copy and then from the source. A range in which one side has no rows is not
//! digested further. So a table is digested about once, and the parts that differ a little more.
//!
//! Keys have the same order everywhere: texts by their bytes, whatever the collation. Where that is
//! not the order of an index (a text key on PostgreSQL that is not `collation = "binary"`, one on
//! MySQL or MariaDB whose collation is not `.._nopad_bin` or `utf8mb4_0900_bin`), each statement reads
//! the whole table, and leaves are larger.
//!
//! When neither side can compute digests (see `digest`), both tables are read once,
//! page by page, and compared.
//!
//! # Concurrent changes
//! A comparison has no common snapshot. It guarantees: **everything that was committed at the source
//! before the comparison began is at the copy when its last batch has been applied, as long as nobody
//! else writes to the copy.** Each key is in exactly one range of each level, and a range is dropped
//! only when the source, at some time after the beginning, held exactly the rows of the copy. A row that
//! changes at the source during the comparison is seen before or after its change; a repeated
//! comparison, or a feed of the changes since the beginning, finds the rest. A leaf is read from the copy
//! before the source, so a row is deleted only if the source lacked it after it was seen at the copy. A
//! row that moves to a key that was already compared is deleted under its old key, and found under its new
//! one by the next comparison. So a concurrent change may be found twice, or later, but is never lost.
//!
//! Two concurrent writers to a copy would overwrite each other's rows with older ones: use a lock.

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

use super::compatibility::{check, inspect};
use super::range::Range;
use super::table::TableAt;
use crate::error::Result;

/// The reads of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Reading {
    /// The rows that were read, without those that a server digested by itself.
    pub rows: u64,
    /// The statements that were sent, without those that ask for the table's definition.
    pub statements: u64,
}

/// The result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Comparison {
    /// The reads of the source.
    pub source: Reading,
    /// The reads of the copy.
    pub copy: Reading,
    /// The ranges whose digests differed, on all levels.
    pub ranges: u64,
    /// Rows that the copy lacks.
    pub missing: u64,
    /// Rows that the source lacks.
    pub extra: u64,
    /// Rows with the same primary key that differ.
    pub different: u64,
}

impl Comparison {
    /// Returns whether no row differed.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.differing() == 0
    }

    /// The number of rows that differed: missing, extra and different ones.
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

/// The sizes of the reads of a comparison.
struct Paging {
    /// The number of rows in a range that is read whole.
    leaf: usize,
    /// The maximum number of rows that are read at a time.
    page: usize,
}

/// Finds the rows of `copy` that differ from those of `source`, and passes the changes that make them
/// equal to `apply`, in batches, awaiting each.
///
/// # Errors
/// [`Configuration`](crate::ErrorKind::Configuration), before any row is read, with every
/// reason why the tables are incompatible; [`Unsupported`](crate::ErrorKind::Unsupported) for a primary key
/// of floats or JSON, or of decimals with SQLite on one side, whose orders differ; whatever a
/// read or `apply` fails with, after which the earlier batches stay applied.
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
        // Each statement reads the whole table.
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

/// Applies nothing.
struct Nothing;

impl Apply for Nothing {
    fn apply(&mut self, _changes: Vec<Change>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}
