//! Changes whose rows conflict with each other: applied in smaller and smaller parts, until no further
//! part succeeds.
//!
//! A unique value that passes from one row to another, a row that refers to one of the same changes, a
//! row that is deleted once nothing refers to it: each succeeds after another one has. Only cycles of
//! unique values are left then (`unique_cycle`).

use super::{Applied, CopyWriter, is_conflict, sorted};
use crate::error::{Error, ErrorKind, Result};
use crate::replicate::blocked;
use crate::replicate::compare::Change;
use crate::replicate::keys::{Cells, key_of};
use crate::transaction::Tx;

impl CopyWriter {
    /// Applies all changes, but for deletions of rows that others still refer to, which it lists.
    pub(super) async fn apply_bisected(&self, tx: &Tx, changes: &[Change]) -> Result<Applied> {
        let (mut applied, left, failed) = self.apply_without_conflicts(tx, changes).await?;
        let (puts, deleted) = sorted(&left);
        if !puts.is_empty() {
            applied.add(self.exchange(tx, &puts, failed).await?);
        }
        for key in deleted {
            let one = [Change::Delete(key.clone())];
            match self.unless_conflicting(tx, &one).await? {
                Ok(done) => applied.add(done),
                Err(error) => {
                    blocked::note(self.at(), tx, &key, &error).await?;
                    applied.blocked += 1;
                }
            }
        }
        Ok(applied)
    }

    /// Applies the changes that meet no conflict. Returns the others, and the last error of a row that is
    /// to be put.
    pub(super) async fn apply_without_conflicts(
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

    /// One pass of [`apply_without_conflicts`](Self::apply_without_conflicts). A part that fails is tried
    /// again in halves, so that the cost is proportional to the number of conflicting rows.
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
            match (self.unless_conflicting(tx, part).await?, part) {
                (Ok(done), _) => applied.add(done),
                // It refers to a row of another table, which these changes do not bring.
                (Err(error), [Change::Put(_)])
                    if error.kind() == ErrorKind::ForeignKey
                        && self.self_references.is_empty()
                        && !self.is_cyclic =>
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

    /// Applies changes, and undoes them when one of them meets a conflict.
    async fn unless_conflicting(
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
            Err(error) if is_conflict(&error) => {
                point.rollback().await?;
                Ok(Err(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Gives rows temporary unique values, and then the wanted ones. Where that is impossible, deletes and
    /// inserts the rows; if others refer to them, the error is that of the earlier conflict.
    async fn exchange(&self, tx: &Tx, rows: &[Cells], failed: Option<Error>) -> Result<Applied> {
        let earlier = match failed {
            Some(error) if error.kind() != ErrorKind::Unique => return Err(error),
            other => other,
        };
        let point = tx.savepoint().await?;
        let outcome = async {
            self.break_cycle(tx, rows).await?;
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
            .map(|cells| key_of(self.at().def(), cells))
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
                Err(earlier.unwrap_or(error))
            }
        }
    }
}
