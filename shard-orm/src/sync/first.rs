//! The first copy of a table: all rows, in the order of their primary key.
//!
//! Called by a run in the mode `capture` whose position is before the last row.

use super::compare::Change;
use super::keys::key_of;
use super::position::{Mark, Position};
use super::run::Run;
use crate::error::Result;

/// How many rows one transaction at a copy writes at most.
const COPIED: u64 = 5_000;

impl Run {
    /// Copies all rows, in the order of their primary key, from where an earlier run has stopped.
    pub(super) async fn copy_all(&mut self, from: Mark) -> Result<()> {
        let done = match self.position.take() {
            Some(Position::Copying { done, .. }) => done,
            _ => None,
        };
        if done.is_none() && self.copy.has_rows().await? {
            return self.compare(Position::Followed(from)).await;
        }
        let mut done = done;
        loop {
            let rows = self.source.rows_after(done.as_deref(), COPIED).await?;
            self.work.read += rows.len() as u64;
            let Some(last) = rows.last() else { break };
            let key = key_of(self.task.def, last);
            let changes: Vec<Change> = rows.into_iter().map(Change::Put).collect();
            let position = Position::Copying {
                from,
                done: Some(key.clone()),
            };
            self.commit(&changes, position, false).await?;
            done = Some(key);
        }
        self.commit(&[], Position::Followed(from), false).await
    }
}
