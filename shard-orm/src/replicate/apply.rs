//! Writes changes to a copy together with the position that they lead to.
//!
//! A row is inserted, updated in place or deleted, and never replaced: other tables may refer to it. Rows
//! that already have the wanted values are not written, so that changes may be applied twice.

mod batch;
mod bisect;
mod unique_cycle;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _};
use sea_query::{Query, Value};

use self::batch::Batch;
#[cfg(feature = "reshard")]
pub(crate) use self::batch::rows_per_statement;
use super::compare::Change;
use super::keys::{Cells, KEYS_PER_STATEMENT, bytes_of, key_of, one_of};
use super::location::TableLocation;
use super::observer::{ObservedBatch, Observer, WriteBatch};
use super::position::Position;
use super::progress::Progress;
use super::self_references::SelfReference;
use crate::error::{Error, ErrorKind, Result};
use crate::transaction::Tx;

/// The number of attempts of a transaction that meets deadlocks.
const ATTEMPTS: usize = 3;

/// The rows of a copy that were read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Applied {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    /// Rows that could not be deleted, because others refer to them.
    pub(crate) blocked: u64,
    /// Rows that were read.
    pub(crate) read: u64,
}

impl Applied {
    pub(crate) fn add(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.blocked += other.blocked;
        self.read += other.read;
    }

    pub(crate) fn written(&self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

/// The treatment of changes that a unique value or a foreign key refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnConflict {
    /// Fails.
    Fail,
    /// Splits the changes until all are applied.
    Bisect,
    /// Splits the changes, and skips those that are still refused.
    Skip,
}

/// Changes that are committed together, and the observer that has accepted them.
struct Accepted<'c> {
    changes: &'c [Change],
    observed: Option<Box<dyn ObservedBatch>>,
}

/// Writes to one copy, for one run.
#[derive(Debug, Clone)]
pub(crate) struct CopyWriter {
    pub(crate) progress: Progress,
    /// The fencing token of the run.
    pub(crate) token: i64,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// The foreign keys of the table to itself.
    pub(crate) self_references: Arc<[SelfReference]>,
    /// Whether a table that it refers to refers to it.
    pub(crate) is_cyclic: bool,
}

impl CopyWriter {
    pub(crate) fn at(&self) -> &TableLocation {
        &self.progress.at
    }

    /// Writes changes, each with another primary key, and the position behind them, if there is one:
    /// both or none. `caught_up` says that nothing was left at the source.
    ///
    /// # Errors
    /// [`Fenced`](ErrorKind::Fenced) when another run has started since; otherwise the error of the
    /// database for a row.
    pub(crate) async fn commit(
        &self,
        changes: &[Change],
        position: Option<&Position>,
        caught_up: bool,
    ) -> Result<Applied> {
        let batch = self.accepted(changes).await?;
        let at_once = self.try_commit(&batch, position, caught_up, OnConflict::Fail);
        match at_once.await {
            // The conflicting row may be one that the same changes change or delete.
            Err(error) if is_conflict(&error) => {
                self.try_commit(&batch, position, caught_up, OnConflict::Bisect)
                    .await
            }
            outcome => outcome,
        }
    }

    /// As [`commit`](Self::commit), and fails on the first conflict.
    pub(crate) async fn commit_at_once(
        &self,
        changes: &[Change],
        position: Option<&Position>,
        caught_up: bool,
    ) -> Result<Applied> {
        let batch = self.accepted(changes).await?;
        self.try_commit(&batch, position, caught_up, OnConflict::Fail)
            .await
    }

    /// Writes the changes that meet no conflict, and no position: all changes are applied again later.
    /// Writes nothing where an observer expects whole batches.
    pub(crate) async fn commit_in_part(&self, changes: &[Change]) -> Result<Applied> {
        if self.observer.is_some() {
            return Ok(Applied::default());
        }
        let batch = self.accepted(changes).await?;
        self.try_commit(&batch, None, false, OnConflict::Skip).await
    }

    /// Lets the observer see the changes before the transaction.
    async fn accepted<'c>(&self, changes: &'c [Change]) -> Result<Accepted<'c>> {
        let observed = match &self.observer {
            Some(observer) if !changes.is_empty() => Some(observer.before(changes).await?),
            _ => None,
        };
        Ok(Accepted { changes, observed })
    }

    /// Whether the copy has any row.
    pub(crate) async fn has_rows(&self) -> Result<bool> {
        let mut select = self.at().select_all();
        select.limit(1);
        Ok(!self.at().read_rows(None, &select).await?.is_empty())
    }

    /// Retries a transaction that was chosen as a deadlock victim.
    async fn try_commit(
        &self,
        batch: &Accepted<'_>,
        position: Option<&Position>,
        caught_up: bool,
        on_conflict: OnConflict,
    ) -> Result<Applied> {
        let mut attempt = 1;
        loop {
            let work = async |tx: Tx| match &batch.observed {
                None => self.write(&tx, batch.changes, on_conflict).await,
                Some(observed) => {
                    let writing = Writing {
                        copy: self,
                        tx: &tx,
                        changes: batch.changes,
                        on_conflict,
                        applied: Mutex::default(),
                    };
                    observed.commit(&tx, &writing).await?;
                    let applied = writing.applied.into_inner();
                    Ok(applied.unwrap_or_else(PoisonError::into_inner))
                }
            };
            match self.transact(position, caught_up, work).await {
                Err(error) if error.is_retryable() && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    /// Commits the work of a transaction together with the position behind it: both or none.
    pub(crate) async fn transact(
        &self,
        position: Option<&Position>,
        caught_up: bool,
        work: impl AsyncFnOnce(Tx) -> Result<Applied>,
    ) -> Result<Applied> {
        let progress = &self.progress;
        let tx = self.at().cluster.begin_in(&self.at().handle).await?;
        let outcome = async {
            // The first statement of all: a second run waits for it.
            progress
                .advance(&tx, self.token, position, caught_up)
                .await?;
            let applied = work(tx.clone()).await?;
            if applied.written() > 0 {
                progress.count(&tx, applied.written()).await?;
            }
            Ok(applied)
        }
        .await;
        match outcome {
            Ok(applied) => {
                tx.commit().await?;
                Ok(applied)
            }
            Err(error) => {
                // The first error says why; a lost connection rolls back too.
                let _ = tx.rollback().await;
                Err(error)
            }
        }
    }

    /// Writes changes.
    async fn write(&self, tx: &Tx, changes: &[Change], on_conflict: OnConflict) -> Result<Applied> {
        match on_conflict {
            OnConflict::Fail => self.apply(tx, changes).await,
            OnConflict::Bisect => self.apply_bisected(tx, changes).await,
            OnConflict::Skip => Ok(self.apply_without_conflicts(tx, changes).await?.0),
        }
    }

    async fn apply(&self, tx: &Tx, changes: &[Change]) -> Result<Applied> {
        let mut applied = Applied::default();
        let (put, deleted) = sorted(changes);
        for keys in deleted.chunks(KEYS_PER_STATEMENT) {
            applied.deleted += self.delete(tx, keys).await?;
        }
        let present = self.present(tx, &put).await?;
        applied.read += present.len() as u64;
        let (mut missing, mut changed) = (Vec::new(), Vec::new());
        for cells in put {
            match present.get(&self.key_bytes(&cells)?) {
                None => missing.push(cells),
                Some(own) if *own == cells => {}
                Some(_) => changed.push(cells),
            }
        }
        applied.updated += self.update(tx, &changed).await?;
        applied.inserted += self.insert(tx, &missing).await?;
        Ok(applied)
    }

    /// The rows of the copy that have the primary keys of these, by their keys.
    async fn present(&self, tx: &Tx, rows: &[Cells]) -> Result<HashMap<Vec<u8>, Cells>> {
        let def = self.at().def();
        let keys: Vec<_> = rows.iter().map(|cells| key_of(def, cells)).collect();
        let mut present = HashMap::with_capacity(rows.len());
        for keys in keys.chunks(KEYS_PER_STATEMENT) {
            let mut select = self.at().select_all();
            select.and_where_option(one_of(def, keys));
            for cells in self.at().read_rows(Some(tx), &select).await? {
                present.insert(self.key_bytes(&cells)?, cells);
            }
        }
        Ok(present)
    }

    fn key_bytes(&self, cells: &[Value]) -> Result<Vec<u8>> {
        bytes_of(&key_of(self.at().def(), cells))
    }

    /// Inserts rows, and returns their number.
    pub(crate) async fn insert(&self, tx: &Tx, rows: &[Cells]) -> Result<u64> {
        Batch::Insert.send(self.at(), tx, rows).await
    }

    /// Updates existing rows, and returns their number.
    async fn update(&self, tx: &Tx, rows: &[Cells]) -> Result<u64> {
        let def = self.at().def();
        if def.columns.len() == def.primary_key.len() {
            // Rows with the same primary key are the same.
            return Ok(0);
        }
        Batch::Update.send(self.at(), tx, rows).await
    }

    async fn delete(&self, tx: &Tx, keys: &[Vec<Value>]) -> Result<u64> {
        let copy = self.at();
        let Some(condition) = one_of(copy.def(), keys) else {
            return Ok(0);
        };
        let mut delete = Query::delete();
        delete
            .from_table(copy.reference(copy.name()))
            .and_where(condition);
        copy.write(Some(tx), ("delete", copy.name()), &delete).await
    }
}

/// Whether a unique value or a foreign key refuses a row.
pub(crate) fn is_conflict(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unique | ErrorKind::ForeignKey)
}

/// The rows that are put, and the primary keys that are deleted.
pub(crate) fn sorted(changes: &[Change]) -> (Vec<Cells>, Vec<Vec<Value>>) {
    let (mut put, mut deleted) = (Vec::new(), Vec::new());
    for change in changes {
        match change {
            Change::Put(cells) => put.push(cells.clone()),
            Change::Delete(key) => deleted.push(key.clone()),
        }
    }
    (put, deleted)
}

/// Writes a batch in its transaction, when its observer says so.
struct Writing<'w> {
    copy: &'w CopyWriter,
    tx: &'w Tx,
    changes: &'w [Change],
    on_conflict: OnConflict,
    applied: Mutex<Applied>,
}

impl WriteBatch for Writing<'_> {
    fn write(&self) -> BoxFuture<'_, Result<()>> {
        async {
            let done = self.copy.write(self.tx, self.changes, self.on_conflict);
            let done = done.await?;
            // No code that can panic runs under the lock.
            let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
            applied.add(done);
            Ok(())
        }
        .boxed()
    }
}
