//! A participant in the writing of a copy.
//!
//! Handed in by the caller of a run. `apply` calls it for each batch of changes.

use std::fmt;

use futures_util::future::BoxFuture;

use super::compare::Change;
use crate::error::Result;
use crate::transaction::Tx;

/// Takes part in the writing of a copy.
pub(crate) trait Observer: fmt::Debug + Send + Sync {
    /// Sees a batch before the transaction at the copy begins, and can refuse it.
    fn before<'c>(&'c self, changes: &'c [Change])
    -> BoxFuture<'c, Result<Box<dyn ObservedBatch>>>;
}

/// A batch that its observer has accepted.
pub(crate) trait ObservedBatch: Send + Sync {
    /// Runs in the transaction at the copy; `writing` writes the batch.
    fn commit<'b>(&'b self, tx: &'b Tx, writing: &'b dyn WriteBatch) -> BoxFuture<'b, Result<()>>;
}

/// Writes the batch at hand.
pub(crate) trait WriteBatch: Send + Sync {
    fn write(&self) -> BoxFuture<'_, Result<()>>;
}
