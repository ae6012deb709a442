//! The initial copy of a table: all rows, in the order of their primary key.
//!
//! Called by a run that follows a feed, while its position is before the last row. The copy has no rows
//! beyond the position, so rows are inserted without a read of the copy; a page with a conflict is
//! applied like any other change.

mod binary;

use futures_util::future::join;

pub(super) use self::binary::BinaryCopy;
use self::binary::Page;
use super::Run;
use crate::error::{Error, ErrorKind, Result};
use crate::replicate::apply::{Applied, is_conflict};
use crate::replicate::compare::Change;
use crate::replicate::keys::{Cells, key_of};
use crate::replicate::position::{Mark, Position};
use crate::transaction::Tx;

/// The maximum number of rows in one transaction at a copy.
const COPIED: usize = 5_000;
/// The approximate number of rows in one transaction at a copy, where they pass as bytes.
const PASSED: usize = 20_000;

impl Run {
    /// Copies all rows, in the order of their primary key, from the position at which an earlier run
    /// stopped.
    pub(super) async fn copy_all(&mut self, from: Mark) -> Result<()> {
        // Kept across failed rounds: the next round resumes from it.
        let mut done = match &self.position {
            Some(Position::Copying { done, .. }) => done.clone(),
            _ => None,
        };
        if done.is_none() && self.copy.has_rows().await? {
            return self.compare(Position::Followed(from)).await;
        }
        while let Some(binary) = self.binary.clone() {
            let refused = match self.pass_all(&binary, from, &mut done).await {
                Err(error) if is_refusal(&error) => error,
                outcome => return outcome,
            };
            tracing::debug!(
                target: "shard_orm",
                table = self.source.at.name(),
                server = &*self.copy.at().handle.server,
                error = %refused.kind(),
                "rows are copied as values for a while"
            );
            // A refusal for another reason than a conflict would be repeated.
            let most = if is_conflict(&refused) {
                PASSED
            } else {
                self.binary = None;
                usize::MAX
            };
            match self.copy_values(from, done, most).await? {
                Some(key) => done = Some(key),
                None => return Ok(()),
            }
        }
        self.copy_values(from, done, usize::MAX).await.map(drop)
    }

    /// Passes rows as bytes until all are at the copy; `done` is the key of the last one that is. The
    /// bounds of the next page are read while one is written.
    async fn pass_all(
        &mut self,
        binary: &BinaryCopy,
        from: Mark,
        done: &mut Option<Vec<sea_query::Value>>,
    ) -> Result<()> {
        let source = self.source.clone();
        let mut ahead = None;
        loop {
            let page = match ahead.take() {
                Some(page) => page,
                None => Page::after(binary, &source, done.as_deref()).await?,
            };
            let last = page.last.clone();
            let position = match last.clone() {
                None => Position::Followed(from),
                done => Position::Copying { from, done },
            };
            let next = async {
                let last = last.as_deref()?;
                // Without a free connection it is read afterwards.
                Page::after(binary, &source, Some(last)).await.ok()
            };
            let (passed, next) = join(page.pass(&self.copy, &position), next).await;
            let rows = passed?;
            self.work.read += rows;
            self.work.applied.inserted += rows;
            self.position = Some(position);
            if last.is_none() {
                return Ok(());
            }
            *done = last;
            ahead = next;
        }
    }

    /// Copies about `most` of the next rows as values, and returns the key of the last one when there may
    /// be further ones. The next page is read while one is written.
    async fn copy_values(
        &mut self,
        from: Mark,
        done: Option<Vec<sea_query::Value>>,
        most: usize,
    ) -> Result<Option<Vec<sea_query::Value>>> {
        let source = self.source.clone();
        let read = async |after: Option<&[_]>| source.rows_after(after, COPIED as u64).await;
        let mut left = most;
        let mut rows = read(done.as_deref()).await?;
        while let Some(last) = rows.last() {
            let key = key_of(source.def(), last);
            self.work.read += rows.len() as u64;
            let is_last = rows.len() < COPIED;
            left = left.saturating_sub(rows.len());
            let position = Position::Copying {
                from,
                done: Some(key.clone()),
            };
            let ahead = async {
                if is_last || left == 0 {
                    Ok(Vec::new())
                } else {
                    read(Some(&key)).await
                }
            };
            let (written, next) = join(self.commit_new(rows, position), ahead).await;
            written?;
            if left == 0 && !is_last {
                return Ok(Some(key));
            }
            rows = next?;
        }
        self.commit(&[], Position::Followed(from), false).await?;
        Ok(None)
    }

    /// Commits rows that the copy does not have yet.
    async fn commit_new(&mut self, rows: Vec<Cells>, position: Position) -> Result<()> {
        if self.copy.observer.is_some() {
            let changes: Vec<Change> = rows.into_iter().map(Change::Put).collect();
            return self.commit(&changes, position, false).await;
        }
        let insert = async |tx: Tx| {
            Ok(Applied {
                inserted: self.copy.insert(&tx, &rows).await?,
                ..Applied::default()
            })
        };
        match self.copy.transact(Some(&position), false, insert).await {
            Ok(applied) => {
                self.work.applied.add(applied);
                self.position = Some(position);
                Ok(())
            }
            Err(error) if is_conflict(&error) => {
                let changes: Vec<Change> = rows.into_iter().map(Change::Put).collect();
                self.commit(&changes, position, false).await
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether rows that were refused as bytes may still be copied as values.
fn is_refusal(error: &Error) -> bool {
    use ErrorKind as Kind;
    is_conflict(error)
        || matches!(
            error.kind(),
            Kind::NotNull | Kind::Check | Kind::Timeout | Kind::Unsupported | Kind::Database
        )
}
