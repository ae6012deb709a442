//! The hooks of a model, as the observer of its copy.

use std::fmt;

use futures_util::future::{BoxFuture, FutureExt};

use crate::error::Result;
use crate::model::CopyId;
use crate::record::{Changes, DynBatch, DynTransmitHooks, TransmitContext};
use crate::replicate::{Change, ObservedBatch, Observer, WriteBatch};
use crate::transaction::Tx;

/// The hooks of a model, for one copy.
#[derive(Clone)]
pub(super) struct Hooks {
    pub(super) connected: &'static dyn DynTransmitHooks,
    pub(super) copy: CopyId,
}

/// A batch that the hooks have accepted.
struct Hooked {
    batch: Box<dyn DynBatch>,
    copy: CopyId,
}

impl Observer for Hooks {
    fn before<'c>(
        &'c self,
        changes: &'c [Change],
    ) -> BoxFuture<'c, Result<Box<dyn ObservedBatch>>> {
        async move {
            let mut sorted = Changes::default();
            for change in changes {
                match change {
                    Change::Put(cells) => sorted.put.push(cells),
                    Change::Delete(key) => sorted.deleted.push(key),
                }
            }
            let batch = self.connected.batch(&self.copy, &sorted)?;
            batch.before().await?;
            let hooked: Box<dyn ObservedBatch> = Box::new(Hooked {
                batch,
                copy: self.copy.clone(),
            });
            Ok(hooked)
        }
        .boxed()
    }
}

impl ObservedBatch for Hooked {
    fn commit<'b>(&'b self, tx: &'b Tx, writing: &'b dyn WriteBatch) -> BoxFuture<'b, Result<()>> {
        let on = TransmitContext::new(tx, &self.copy, writing);
        self.batch.transmit(on)
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hooks({})", self.copy)
    }
}
