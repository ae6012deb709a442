//! Changes, written to a copy together with the position that they lead to.
//!
//! A row is inserted, updated in place or deleted, and never replaced: rows of the shards may point
//! to it. Rows that are as they should be already are not written, so that changes may be handed on
//! twice.

mod aside;
mod careful;
mod hooks;
mod update;

use std::collections::HashMap;
use std::sync::Arc;

use sea_query::Query;

use self::hooks::Hooked;
pub(super) use self::hooks::Hooks;
use super::compare::Change;
use super::keys::{KEYS_PER_STATEMENT, bytes_of, key_of, one_of};
use super::pointing::OwnKey;
use super::position::Position;
use super::source::Cells;
use super::source::{read_rows, select};
use super::status::StatusRow;
use crate::error::{ErrorKind, Result};
use crate::exec::{Executor as _, Intent, NoRows, own};
use crate::record::insert_cells;
use crate::transaction::Tx;

/// How often a transaction is begun that met a deadlock.
const ROUNDS: usize = 3;

/// About how many bytes a row has in a statement.
fn weight(cells: &[sea_query::Value]) -> usize {
    let weight = |value: &sea_query::Value| match value {
        sea_query::Value::String(Some(text)) => text.len(),
        sea_query::Value::Bytes(Some(bytes)) => bytes.len(),
        #[cfg(feature = "json")]
        sea_query::Value::Json(Some(json)) => json.to_string().len(),
        _ => 8,
    };
    cells.iter().map(weight).sum()
}

/// What was done to a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Applied {
    pub(super) inserted: u64,
    pub(super) updated: u64,
    pub(super) deleted: u64,
    /// Rows that were asked to be deleted, and that others point to.
    pub(super) blocked: u64,
    /// Rows that were read at the copy.
    pub(super) read: u64,
}

impl Applied {
    pub(super) fn add(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.blocked += other.blocked;
        self.read += other.read;
    }

    pub(super) fn written(&self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

/// Changes that are committed together, and the hooks that were called for them.
struct Batch<'c> {
    changes: &'c [Change],
    hooked: Option<Hooked>,
}

/// How rows that are in each other's way are dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Not at all.
    AtOnce,
    /// In smaller and smaller parts, until all get through.
    Carefully,
    /// Likewise, without those that do not get through.
    InPart,
}

/// One model's copy on one server, as one run writes to it.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) status: StatusRow,
    /// The run's own number.
    pub(super) generation: i64,
    /// What the model does around the writing.
    pub(super) hooks: Option<Hooks>,
    /// The foreign keys of the table to itself.
    pub(super) own_keys: Arc<[OwnKey]>,
    /// Whether a table that it points to points to it.
    pub(super) is_in_circle: bool,
}

impl Copy {
    /// Writes changes, each of another primary key, and the position behind them, if there is one:
    /// both or none. `level` says that nothing was left at the source.
    ///
    /// # Errors
    /// [`Overtaken`](ErrorKind::Overtaken) when another run has begun since; otherwise what the
    /// database says of a row.
    pub(super) async fn commit(
        &self,
        changes: &[Change],
        position: Option<&Position>,
        level: bool,
    ) -> Result<Applied> {
        let batch = self.batch(changes).await?;
        match self.try_commit(&batch, position, level, How::AtOnce).await {
            // A row that is in the way may be one that is changed or deleted by the same changes.
            Err(error) if matches!(error.kind(), ErrorKind::Unique | ErrorKind::ForeignKey) => {
                self.try_commit(&batch, position, level, How::Carefully)
                    .await
            }
            outcome => outcome,
        }
    }

    /// As [`commit`](Self::commit), and fails when a row is in the way of another.
    pub(super) async fn commit_at_once(
        &self,
        changes: &[Change],
        position: Option<&Position>,
        level: bool,
    ) -> Result<Applied> {
        let batch = self.batch(changes).await?;
        self.try_commit(&batch, position, level, How::AtOnce).await
    }

    /// Writes those changes that get through, and no position: all of them come again. None where
    /// hooks are told of whole batches.
    pub(super) async fn commit_in_part(&self, changes: &[Change]) -> Result<Applied> {
        if self.hooks.is_some() {
            return Ok(Applied::default());
        }
        let batch = self.batch(changes).await?;
        self.try_commit(&batch, None, false, How::InPart).await
    }

    /// Calls the hooks that come before a transaction.
    async fn batch<'c>(&self, changes: &'c [Change]) -> Result<Batch<'c>> {
        let hooked = match &self.hooks {
            Some(hooks) if !changes.is_empty() => Some(hooks.before(changes).await?),
            _ => None,
        };
        Ok(Batch { changes, hooked })
    }

    /// Whether there is any row.
    pub(super) async fn has_rows(&self) -> Result<bool> {
        let (def, handle) = (self.status.def, &self.status.handle);
        let mut select = select(def, handle);
        select.limit(1);
        let on = self.status.cluster.read_from(crate::Read::Primary);
        let rows = read_rows(on.target(), handle, def, &select).await?;
        Ok(!rows.is_empty())
    }

    /// A transaction that the database ended for another one's sake is begun again.
    async fn try_commit(
        &self,
        batch: &Batch<'_>,
        position: Option<&Position>,
        level: bool,
        how: How,
    ) -> Result<Applied> {
        let mut round = 1;
        loop {
            match self.commit_once(batch, position, level, how).await {
                Err(error) if error.is_retryable() && round < ROUNDS => round += 1,
                outcome => return outcome,
            }
        }
    }

    async fn commit_once(
        &self,
        batch: &Batch<'_>,
        position: Option<&Position>,
        level: bool,
        how: How,
    ) -> Result<Applied> {
        self.transact(position, level, async |tx: Tx| match &batch.hooked {
            None => self.write(&tx, batch.changes, how).await,
            Some(hooked) => hooked.transmit(self, &tx, batch.changes, how).await,
        })
        .await
    }

    /// Commits what is done within a transaction together with the position behind it: both or none.
    pub(super) async fn transact(
        &self,
        position: Option<&Position>,
        level: bool,
        work: impl AsyncFnOnce(Tx) -> Result<Applied>,
    ) -> Result<Applied> {
        let status = &self.status;
        let tx = status.cluster.begin_in(&status.handle).await?;
        let outcome = async {
            // The first statement of all: whoever comes second waits for it.
            status
                .advance(&tx, self.generation, position, level)
                .await?;
            let applied = work(tx.clone()).await?;
            if applied.written() > 0 {
                status.count(&tx, applied.written()).await?;
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
                // The error that is given says why; a connection that is lost rolls back too.
                let _ = tx.rollback().await;
                Err(error)
            }
        }
    }

    /// Writes changes.
    pub(super) async fn write(&self, tx: &Tx, changes: &[Change], how: How) -> Result<Applied> {
        match how {
            How::AtOnce => self.apply(tx, changes).await,
            How::Carefully => self.apply_carefully(tx, changes).await,
            How::InPart => Ok(self.apply_what_gets_through(tx, changes).await?.0),
        }
    }

    async fn apply(&self, tx: &Tx, changes: &[Change]) -> Result<Applied> {
        let mut applied = Applied::default();
        let mut gone = Vec::new();
        let mut put = Vec::new();
        for change in changes {
            match change {
                Change::Delete(key) => gone.push(key.clone()),
                Change::Put(cells) => put.push(cells.clone()),
            }
        }
        for keys in gone.chunks(KEYS_PER_STATEMENT) {
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

    /// The rows of the copy that have the primary keys of these, by it.
    async fn present(&self, tx: &Tx, rows: &[Cells]) -> Result<HashMap<Vec<u8>, Cells>> {
        let (def, handle) = (self.status.def, &self.status.handle);
        let keys: Vec<_> = rows.iter().map(|cells| key_of(def, cells)).collect();
        let mut present = HashMap::with_capacity(rows.len());
        for keys in keys.chunks(KEYS_PER_STATEMENT) {
            let mut select = select(def, handle);
            select.and_where_option(one_of(def, keys));
            for cells in read_rows(tx.target(), handle, def, &select).await? {
                present.insert(self.key_bytes(&cells)?, cells);
            }
        }
        Ok(present)
    }

    fn key_bytes(&self, cells: &[sea_query::Value]) -> Result<Vec<u8>> {
        bytes_of(&key_of(self.status.def, cells))
    }

    pub(super) async fn insert(&self, tx: &Tx, rows: &[Cells]) -> Result<u64> {
        let (def, handle) = (self.status.def, &self.status.handle);
        insert_cells(tx.target(), handle, def, rows).await?;
        Ok(rows.len() as u64)
    }

    async fn delete(&self, tx: &Tx, keys: &[Vec<sea_query::Value>]) -> Result<u64> {
        let (def, handle) = (self.status.def, &self.status.handle);
        let Some(condition) = one_of(def, keys) else {
            return Ok(0);
        };
        let mut delete = Query::delete();
        delete
            .from_table(handle.namespace.table_of(def))
            .and_where(condition);
        let label = ("delete", def.table);
        own::send(
            tx.target(),
            handle,
            Intent::Write,
            label,
            &delete,
            &mut NoRows,
        )
        .await
    }
}
