//! The executor of a batch, on which hooks run their own statements.

use crate::cluster::Address;
use crate::error::Result;
use crate::exec::{Executor, Sealed, Target};
use crate::model::CopyId;
use crate::replicate::WriteBatch;
use crate::transaction::Tx;

/// The transaction at the copy, on which hooks run their statements.
///
/// Rows of models with `transmit = false` are read and written on this [`Executor`], at the address
/// returned by [`server`](Self::server).
#[derive(Clone, Copy)]
pub struct TransmitContext<'e> {
    tx: &'e Tx,
    copy: &'e CopyId,
    writing: &'e dyn WriteBatch,
}

impl<'e> TransmitContext<'e> {
    pub(crate) fn new(tx: &'e Tx, copy: &'e CopyId, writing: &'e dyn WriteBatch) -> Self {
        Self { tx, copy, writing }
    }

    /// Writes the batch. A second call writes nothing.
    ///
    /// # Errors
    /// Any error of the database.
    pub async fn write(self) -> Result<()> {
        self.writing.write().await
    }

    /// Returns the address of the copy's server, for rows of models with `transmit = false`.
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
