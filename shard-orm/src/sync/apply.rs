//! Changes, written to a copy together with the position that they lead to.
//!
//! A row is inserted, updated in place or deleted, and never replaced: rows of the shards may point
//! to it. Rows that are as they should be already are not written, so that changes may be handed on
//! twice.

mod careful;
mod update;

use std::collections::HashMap;

use sea_query::Query;

use super::compare::Change;
use super::keys::{KEYS_PER_STATEMENT, bytes_of, key_of, one_of};
use super::position::Position;
use super::source::Cells;
use super::source::{read_rows, select};
use super::status::StatusRow;
use crate::error::{ErrorKind, Result};
use crate::exec::{Executor as _, Intent, NoRows, own};
use crate::record::insert_cells;
use crate::transaction::Tx;

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

/// One model's copy on one server, as one run writes to it.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) status: StatusRow,
    /// The run's own number.
    pub(super) generation: i64,
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
        match self.try_commit(changes, position, level, false).await {
            // A row that is in the way may be one that is changed or deleted by the same changes.
            Err(error) if matches!(error.kind(), ErrorKind::Unique | ErrorKind::ForeignKey) => {
                self.try_commit(changes, position, level, true).await
            }
            outcome => outcome,
        }
    }

    /// Whether there is any row.
    pub(super) async fn has_rows(&self) -> Result<bool> {
        let (def, place) = (self.status.def, &self.status.place);
        let mut select = select(def, place);
        select.limit(1);
        let on = self.status.cluster.read_from(crate::Read::Primary);
        let rows = read_rows(on.target(), place, def, &select).await?;
        Ok(!rows.is_empty())
    }

    async fn try_commit(
        &self,
        changes: &[Change],
        position: Option<&Position>,
        level: bool,
        careful: bool,
    ) -> Result<Applied> {
        let status = &self.status;
        let tx = status.cluster.begin_in(&status.place).await?;
        let outcome = async {
            // The first statement of all: whoever comes second waits for it.
            status
                .advance(&tx, self.generation, position, level)
                .await?;
            let applied = if careful {
                self.apply_carefully(&tx, changes).await?
            } else {
                self.apply(&tx, changes).await?
            };
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
        let (def, place) = (self.status.def, &self.status.place);
        let keys: Vec<_> = rows.iter().map(|cells| key_of(def, cells)).collect();
        let mut present = HashMap::with_capacity(rows.len());
        for keys in keys.chunks(KEYS_PER_STATEMENT) {
            let mut select = select(def, place);
            select.and_where_option(one_of(def, keys));
            for cells in read_rows(tx.target(), place, def, &select).await? {
                present.insert(self.key_bytes(&cells)?, cells);
            }
        }
        Ok(present)
    }

    fn key_bytes(&self, cells: &[sea_query::Value]) -> Result<Vec<u8>> {
        bytes_of(&key_of(self.status.def, cells))
    }

    async fn insert(&self, tx: &Tx, rows: &[Cells]) -> Result<u64> {
        let (def, place) = (self.status.def, &self.status.place);
        insert_cells(tx.target(), place, def, rows).await?;
        Ok(rows.len() as u64)
    }

    async fn delete(&self, tx: &Tx, keys: &[Vec<sea_query::Value>]) -> Result<u64> {
        let (def, place) = (self.status.def, &self.status.place);
        let Some(condition) = one_of(def, keys) else {
            return Ok(0);
        };
        let mut delete = Query::delete();
        delete
            .from_table(place.namespace.table_of(def))
            .and_where(condition);
        let label = ("delete", def.table);
        own::send(
            tx.target(),
            place,
            Intent::Write,
            label,
            &delete,
            &mut NoRows,
        )
        .await
    }
}
