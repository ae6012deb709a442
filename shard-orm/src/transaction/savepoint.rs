//! A point in a transaction to which it can be rolled back.

use super::Tx;
use crate::error::Result;

/// A point in a transaction to which it can be rolled back.
///
/// When it is dropped, the savepoint remains until the transaction ends.
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # async fn run(tx: Tx) -> shard_orm::Result<()> {
/// let point = tx.savepoint().await?;
/// // .. something that may fail ..
/// point.rollback().await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "keep it to roll back to it or to release it"]
pub struct Savepoint<'t> {
    tx: &'t Tx,
    number: u32,
}

impl Tx {
    /// Sets a savepoint (`SAVEPOINT`).
    ///
    /// # Errors
    /// As any statement of the transaction.
    pub async fn savepoint(&self) -> Result<Savepoint<'_>> {
        let number = self.next_savepoint().await?;
        self.batch(&format!("SAVEPOINT shard_orm_{number}")).await?;
        Ok(Savepoint { tx: self, number })
    }
}

impl Savepoint<'_> {
    /// Rolls back to the savepoint (`ROLLBACK TO SAVEPOINT`). On PostgreSQL, this also makes the
    /// transaction usable again after a failed statement.
    ///
    /// # Errors
    /// As any statement of the transaction.
    pub async fn rollback(self) -> Result<()> {
        self.tx
            .batch(&format!("ROLLBACK TO SAVEPOINT shard_orm_{}", self.number))
            .await?;
        self.tx.clear_failure().await
    }

    /// Releases the savepoint and keeps the changes (`RELEASE SAVEPOINT`).
    ///
    /// # Errors
    /// As any statement of the transaction.
    pub async fn release(self) -> Result<()> {
        self.tx
            .batch(&format!("RELEASE SAVEPOINT shard_orm_{}", self.number))
            .await
    }
}
