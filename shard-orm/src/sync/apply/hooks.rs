//! The hooks of a model, called where a batch is committed.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};

use super::{Applied, Copy, How};
use crate::error::Result;
use crate::model::CopyId;
use crate::record::{Changes, DynBatch, DynTransmitHooks, TransmitContext, WriteBatch};
use crate::sync::compare::Change;
use crate::transaction::Tx;

/// What a model does around the writing of one copy.
#[derive(Clone)]
pub(in crate::sync) struct Hooks {
    pub(in crate::sync) connected: &'static dyn DynTransmitHooks,
    pub(in crate::sync) copy: CopyId,
}

/// A batch that may be written.
pub(super) struct Hooked {
    batch: Box<dyn DynBatch>,
    copy: CopyId,
}

impl Hooks {
    /// Calls what comes before the transaction, which may refuse the batch.
    pub(super) async fn before(&self, changes: &[Change]) -> Result<Hooked> {
        let mut sorted = Changes::default();
        for change in changes {
            match change {
                Change::Put(cells) => sorted.put.push(cells),
                Change::Delete(key) => sorted.deleted.push(key),
            }
        }
        let batch = self.connected.batch(&self.copy, &sorted)?;
        batch.before().await?;
        Ok(Hooked {
            batch,
            copy: self.copy.clone(),
        })
    }
}

impl Hooked {
    /// Writes the batch as the model does it.
    pub(super) async fn transmit(
        &self,
        copy: &Copy,
        tx: &Tx,
        changes: &[Change],
        how: How,
    ) -> Result<Applied> {
        let writing = WriteMarker {
            copy,
            tx,
            changes,
            how,
            applied: Mutex::default(),
        };
        let on = TransmitContext::new(tx, &self.copy, &writing);
        self.batch.transmit(on).await?;
        let applied = writing.applied.into_inner();
        Ok(applied.unwrap_or_else(PoisonError::into_inner))
    }
}

/// The writing of a batch within its transaction.
struct WriteMarker<'w> {
    copy: &'w Copy,
    tx: &'w Tx,
    changes: &'w [Change],
    how: How,
    applied: Mutex<Applied>,
}

impl WriteBatch for WriteMarker<'_> {
    fn write(&self) -> BoxFuture<'_, Result<()>> {
        async {
            let done = self.copy.write(self.tx, self.changes, self.how).await?;
            // No code that can panic runs under the lock.
            let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
            applied.add(done);
            Ok(())
        }
        .boxed()
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hooks({})", self.copy)
    }
}
