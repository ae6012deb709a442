//! The first copy of a table: all rows, in the order of their primary key.
//!
//! Called by a run in the mode `capture` whose position is before the last row. Nothing is at the
//! copy beyond the position, so that rows are inserted without a look at what is there; a page that a
//! row is in the way of goes by the way that all changes go.

mod pass;

use futures_util::future::join;

pub(super) use self::pass::Passage;
use self::pass::Ready;
use super::Run;
use crate::error::{Error, ErrorKind, Result};
use crate::sync::apply::Applied;
use crate::sync::compare::Change;
use crate::sync::keys::key_of;
use crate::sync::position::{Mark, Position};
use crate::sync::source::Cells;
use crate::transaction::Tx;

/// How many rows one transaction at a copy writes at most.
const COPIED: usize = 5_000;
/// How many rows one transaction at a copy writes, more or less, where they pass as bytes.
const PASSED: usize = 20_000;

impl Run {
    /// Copies all rows, in the order of their primary key, from where an earlier run has stopped.
    pub(super) async fn copy_all(&mut self, from: Mark) -> Result<()> {
        // It stays until it is passed: a round that fails is gone on with by the next.
        let mut done = match &self.position {
            Some(Position::Copying { done, .. }) => done.clone(),
            _ => None,
        };
        if done.is_none() && self.copy.has_rows().await? {
            return self.compare(Position::Followed(from)).await;
        }
        while let Some(passage) = self.passage.clone() {
            let refused = match self.pass_all(&passage, from, &mut done).await {
                Err(error) if is_refusal(&error) => error,
                outcome => return outcome,
            };
            tracing::debug!(
                target: "shard_orm",
                table = self.task.def.table,
                server = &*self.task.server,
                error = %refused.kind(),
                "rows are copied as values for a while"
            );
            // Another refusal than for a row that is in the way would be repeated.
            let most = if is_in_the_way(&refused) {
                PASSED
            } else {
                self.passage = None;
                usize::MAX
            };
            match self.copy_values(from, done, most).await? {
                Some(key) => done = Some(key),
                None => return Ok(()),
            }
        }
        self.copy_values(from, done, usize::MAX).await.map(drop)
    }

    /// Passes rows on as bytes until all are at the copy; `done` is the key of the last one that is.
    /// The bounds of the next page are looked for while one is written.
    async fn pass_all(
        &mut self,
        passage: &Passage,
        from: Mark,
        done: &mut Option<Vec<sea_query::Value>>,
    ) -> Result<()> {
        let source = self.source.clone();
        let mut ahead = None;
        loop {
            let page = match ahead.take() {
                Some(page) => page,
                None => Ready::after(passage, &source, done.as_deref()).await?,
            };
            let last = page.last.clone();
            let position = match last.clone() {
                None => Position::Followed(from),
                done => Position::Copying { from, done },
            };
            let next = async {
                let last = last.as_deref()?;
                // Without a connection to spare it is looked for afterwards.
                Ready::after(passage, &source, Some(last)).await.ok()
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

    /// Copies the next rows as values, `most` of them more or less, and gives the key of the last one
    /// when there may be further ones. The next page is read while one is written.
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
            let key = key_of(self.task.def, last);
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

    /// Commits rows that are not at the copy yet.
    async fn commit_new(&mut self, rows: Vec<Cells>, position: Position) -> Result<()> {
        if self.copy.hooks.is_some() {
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
            Err(error) if is_in_the_way(&error) => {
                let changes: Vec<Change> = rows.into_iter().map(Change::Put).collect();
                self.commit(&changes, position, false).await
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether a row of the copy is in the way, or one that is pointed to is not there.
fn is_in_the_way(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unique | ErrorKind::ForeignKey)
}

/// Whether rows that did not pass as bytes may be copied as values all the same.
fn is_refusal(error: &Error) -> bool {
    use ErrorKind as Kind;
    is_in_the_way(error)
        || matches!(
            error.kind(),
            Kind::NotNull | Kind::Check | Kind::Timeout | Kind::Unsupported | Kind::Database
        )
}
