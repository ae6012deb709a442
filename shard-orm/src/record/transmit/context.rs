//! What a batch is written on: what a hook runs its own statements on.

use futures_util::future::BoxFuture;

use crate::cluster::Address;
use crate::error::Result;
use crate::exec::{Executor, Sealed, Target};
use crate::model::CopyId;
use crate::transaction::Tx;

/// What a batch is written on: the transaction at the copy, in which hooks run their statements.
///
/// It is an [`Executor`]: rows of models with `transmit = false` are read and written on it, at the
/// address that [`server`](Self::server) gives.
#[derive(Clone, Copy)]
pub struct TransmitContext<'e> {
    tx: &'e Tx,
    copy: &'e CopyId,
    writing: &'e dyn WriteBatch,
}

/// Writes the batch at hand.
pub(crate) trait WriteBatch: Send + Sync {
    fn write(&self) -> BoxFuture<'_, Result<()>>;
}

impl<'e> TransmitContext<'e> {
    pub(crate) fn new(tx: &'e Tx, copy: &'e CopyId, writing: &'e dyn WriteBatch) -> Self {
        Self { tx, copy, writing }
    }

    /// Writes the batch as it is written without hooks. A second time it writes nothing.
    ///
    /// # Errors
    /// What the database says of a row.
    pub async fn write(self) -> Result<()> {
        self.writing.write().await
    }

    /// The server of the copy, for rows of models with `transmit = false`.
    #[must_use]
    pub fn server(self) -> Address {
        Address::of_server(self.copy.group.clone(), self.copy.server.clone())
    }
}

impl Sealed for TransmitContext<'_> {}

impl<'e> Executor<'e> for TransmitContext<'e> {
    #[allow(private_interfaces)]
    fn target(self) -> Target<'e> {
        self.tx.target()
    }
}

impl std::fmt::Debug for TransmitContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TransmitContext({})", self.copy)
    }
}
