//! Changes whose rows are in each other's way: in smaller and smaller parts, until no further one
//! gets through.
//!
//! A value of a unique index that passes from one row to another, a row that points to one of the
//! same changes, a row that is deleted once nothing points to it: each gets through when another one
//! has. Only a circle of unique values is left then, and is cut by putting the values aside.

use super::{Applied, Copy};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::blocked;
use crate::sync::compare::Change;
use crate::sync::keys::key_of;
use crate::sync::source::Cells;
use crate::transaction::Tx;

impl Copy {
    pub(super) async fn apply_carefully(&self, tx: &Tx, changes: &[Change]) -> Result<Applied> {
        let (mut applied, left, failed) = self.apply_what_gets_through(tx, changes).await?;
        let puts: Vec<Cells> = left
            .iter()
            .filter_map(|change| match change {
                Change::Put(cells) => Some(cells.clone()),
                Change::Delete(_) => None,
            })
            .collect();
        if !puts.is_empty() {
            applied.add(self.exchange(tx, &puts, failed).await?);
        }
        let gone: Vec<_> = left
            .iter()
            .filter_map(|change| match change {
                Change::Delete(key) => Some(key.clone()),
                Change::Put(_) => None,
            })
            .collect();
        for key in gone {
            let one = [Change::Delete(key.clone())];
            match self.unless_in_the_way(tx, &one).await? {
                Ok(done) => applied.add(done),
                Err(error) => {
                    blocked::note(&self.status, tx, &key, &error).await?;
                    applied.blocked += 1;
                }
            }
        }
        Ok(applied)
    }

    /// Applies what gets through, and gives the changes that do not, with the last error of a row that
    /// is to be there.
    pub(super) async fn apply_what_gets_through(
        &self,
        tx: &Tx,
        changes: &[Change],
    ) -> Result<(Applied, Vec<Change>, Option<Error>)> {
        let mut applied = Applied::default();
        let mut left = changes.to_vec();
        let mut failed = None;
        while !left.is_empty() {
            let before = left.len();
            left = self
                .apply_in_parts(tx, &left, &mut applied, &mut failed)
                .await?;
            if left.len() == before {
                break;
            }
        }
        Ok((applied, left, failed))
    }

    /// Applies what gets through, and gives the changes that do not, with the last error of a row that
    /// is to be there.
    /// What fails is tried again in halves, so that the cost follows the rows that are in the way.
    async fn apply_in_parts(
        &self,
        tx: &Tx,
        changes: &[Change],
        applied: &mut Applied,
        failed: &mut Option<Error>,
    ) -> Result<Vec<Change>> {
        let mut left = Vec::new();
        let mut parts = vec![changes];
        while let Some(part) = parts.pop() {
            match (self.unless_in_the_way(tx, part).await?, part) {
                (Ok(done), _) => applied.add(done),
                // It points to another table's row, which nothing in here brings.
                (Err(error), [Change::Put(_)])
                    if error.kind() == ErrorKind::ForeignKey
                        && self.own_keys.is_empty()
                        && !self.is_in_circle =>
                {
                    return Err(error);
                }
                (Err(error), [only]) => {
                    left.push(only.clone());
                    if matches!(only, Change::Put(_)) {
                        *failed = Some(error);
                    }
                }
                (Err(_), part) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
            }
        }
        Ok(left)
    }

    /// Applies changes, and undoes them when the database says that a row is in the way.
    async fn unless_in_the_way(
        &self,
        tx: &Tx,
        changes: &[Change],
    ) -> Result<Result<Applied, Error>> {
        let point = tx.savepoint().await?;
        match self.apply(tx, changes).await {
            Ok(applied) => {
                point.release().await?;
                Ok(Ok(applied))
            }
            Err(error) if matches!(error.kind(), ErrorKind::Unique | ErrorKind::ForeignKey) => {
                point.rollback().await?;
                Ok(Err(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Puts the rows' unique values aside and gives them those that they should have. Where that
    /// cannot be done, takes the rows out and puts them back; the error is then, of rows to which
    /// others point, the one that stood in the way before.
    async fn exchange(&self, tx: &Tx, rows: &[Cells], failed: Option<Error>) -> Result<Applied> {
        let cut = match failed {
            Some(error) if error.kind() != ErrorKind::Unique => return Err(error),
            other => other,
        };
        let point = tx.savepoint().await?;
        let outcome = async {
            self.put_aside(tx, rows).await?;
            let changes: Vec<Change> = rows.iter().cloned().map(Change::Put).collect();
            self.apply(tx, &changes).await
        }
        .await;
        match outcome {
            Ok(applied) => {
                point.release().await?;
                return Ok(applied);
            }
            Err(error) if error.is_retryable() => return Err(error),
            Err(_) => point.rollback().await?,
        }
        let keys: Vec<_> = rows
            .iter()
            .map(|cells| key_of(self.status.def, cells))
            .collect();
        let point = tx.savepoint().await?;
        let outcome = async {
            let updated = self.delete(tx, &keys).await?;
            let put = self.insert(tx, rows).await?;
            Ok(Applied {
                inserted: put.saturating_sub(updated),
                updated,
                ..Applied::default()
            })
        }
        .await;
        match outcome {
            Ok(applied) => {
                point.release().await?;
                Ok(applied)
            }
            Err(error) => {
                point.rollback().await?;
                Err(cut.unwrap_or(error))
            }
        }
    }
}
