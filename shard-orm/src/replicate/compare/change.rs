//! The changes that make a copy equal to its source, and their batches.

use futures_util::future::BoxFuture;
use sea_query::Value;

use crate::error::Result;

/// One change that a copy needs to become equal to its source.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The row is missing at the copy or differs: all its columns, in the order of the table's definition.
    Put(Vec<Value>),
    /// The copy has a row that the source lacks: the values of its primary key.
    Delete(Vec<Value>),
}

/// Takes the changes of a comparison, for instance to apply each batch in one transaction.
///
/// The changes are in the order of the primary key, within a batch and across batches. Two rows that
/// exchange a unique value are both changes, and may be in two batches: the first is refused, or has to
/// delete the row that holds the value. That loses nothing, since that row differs from the source as
/// well and is put later.
///
/// An `async` closure over `Vec<Change>` implements it:
///
/// ```no_run
/// # use shard_orm::sync::{Change, TableAt, compare};
/// # async fn run(source: &TableAt<'_>, copy: &TableAt<'_>) -> shard_orm::Result<()> {
/// let mut print = |changes: Vec<Change>| async move {
///     println!("{} rows differ", changes.len());
///     Ok(())
/// };
/// compare(source, copy, &mut print).await?;
/// # Ok(())
/// # }
/// ```
pub trait Apply: Send {
    /// Takes one batch. The comparison continues when it is done, and ends when it fails.
    fn apply(&mut self, changes: Vec<Change>) -> BoxFuture<'_, Result<()>>;
}

impl<F, Done> Apply for F
where
    F: FnMut(Vec<Change>) -> Done + Send,
    Done: Future<Output = Result<()>> + Send + 'static,
{
    fn apply(&mut self, changes: Vec<Change>) -> BoxFuture<'_, Result<()>> {
        Box::pin(self(changes))
    }
}

/// The maximum number of changes in one batch.
const ROWS: usize = 500;
/// The number of encoded bytes from which a batch is passed on before it is full.
const BYTES: usize = 1 << 20;

/// Collects changes and passes them on in batches.
pub(super) struct Batch<'a> {
    apply: &'a mut dyn Apply,
    changes: Vec<Change>,
    bytes: usize,
}

impl<'a> Batch<'a> {
    pub(super) fn new(apply: &'a mut dyn Apply) -> Self {
        Self {
            apply,
            changes: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds a change of about this many bytes.
    pub(super) async fn add(&mut self, change: Change, bytes: usize) -> Result<()> {
        self.changes.push(change);
        self.bytes += bytes;
        if self.changes.len() >= ROWS || self.bytes >= BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    pub(super) async fn flush(&mut self) -> Result<()> {
        self.bytes = 0;
        if self.changes.is_empty() {
            return Ok(());
        }
        self.apply.apply(std::mem::take(&mut self.changes)).await
    }
}
