//! The comparison of both ends, and what is done when a server has failed over.
//!
//! A server that takes over may lack the last transactions of the one before: rows that were copied from it and
//! never were, entries that were applied and consumed, and the capture itself. So the capture is installed again,
//! both ends are compared, and rows that differ are copied again from the end that serves.

use crate::backend::Position;
use crate::catalog::JobState;
use crate::connect::State;
use crate::error::Result;
use crate::reshard::driver::Driver;
use crate::reshard::mover::{End, is_urgent};
use crate::reshard::replay::{Ends, backlog};
use crate::reshard::verify::{differences, mismatch, still_differing};

/// How often a row that differs is compared again.
const COMPARISONS: usize = 20;

impl Driver {
    /// Brings both ends together again after a failover.
    pub(super) async fn repair(&mut self, from: End) -> Result<()> {
        self.read_blueprint().await?;
        let state = match (from, self.standings().await?) {
            (End::Source, (state, _)) | (End::Target, (_, state)) => state,
        };
        // While it is closed, nobody else writes there.
        if state == State::Active {
            self.capture(from).await?;
        }
        self.copied.failovers += 1;
        // Rows that are still to be copied are compared later.
        if self.job.state > JobState::Levelling && !self.compare(from).await? {
            return Ok(());
        }
        for end in [End::Source, End::Target] {
            let position = self.place(end).await?.position.clone();
            *self.trusted(end) = position.map(|position| position.text());
        }
        self.note().await;
        self.done.suspect = false;
        self.done.level = false;
        self.done.drained = false;
        Ok(())
    }

    /// Compares all tables with those of the end that serves. False if an operator wants something else meanwhile.
    pub(super) async fn compare(&mut self, from: End) -> Result<bool> {
        for table in &self.tables.clone() {
            let (there, here, state) = self.names(from, table).await?;
            let Ends {
                from: one, to: two, ..
            } = self.ends(from, state).await?;
            let mut differing = differences(one, two, &there, &here).await?;
            let (mut round, mut is_repaired) = (0, self.copied.failovers == 0);
            while !differing.is_empty() {
                let wish = self.latest().borrow().as_ref().map(|job| job.wish);
                if wish.is_some_and(|wish| is_urgent(wish, self.job.state)) {
                    return Ok(false);
                }
                self.pass(from).await?;
                let mut ends = self.ends(from, state).await?;
                differing = still_differing(ends.from, ends.to, &there, &here, &differing).await?;
                if backlog(ends.from, std::slice::from_ref(table)).await? == 0 {
                    round += 1;
                }
                if round < COMPARISONS || differing.is_empty() {
                    continue;
                }
                if is_repaired {
                    return Err(mismatch(table, &differing));
                }
                ends.copy_again(&there, &here, &differing).await?;
                self.copied.repaired += differing.len() as u64;
                (round, is_repaired) = (0, true);
            }
        }
        Ok(true)
    }

    /// The two ends, for changes that come from one of them.
    pub(super) async fn ends(&mut self, from: End, into: State) -> Result<Ends<'_>> {
        let (source, target) = self.both().await?;
        let (from, to) = match from {
            End::Source => (source, target),
            End::Target => (target, source),
        };
        Ok(Ends { from, to, into })
    }

    /// Notes which history the server of an end has.
    pub(in crate::reshard) fn note_history(&mut self, end: End, found: Option<&Position>) {
        let Some(found) = found else {
            return;
        };
        let is_preparing = self.job.state == JobState::Preparing;
        let trusted = self.trusted(end);
        match trusted.as_deref().and_then(Position::from_text) {
            Some(trusted) if found.is_of(&trusted) => {}
            Some(_) if !is_preparing => {
                self.done.suspect = true;
                tracing::warn!(
                    target: "shard_orm",
                    job = self.job.id,
                    ?end,
                    "the server of a job's end has failed over or was restarted; both ends are compared"
                );
            }
            _ => {
                *trusted = Some(found.text());
                self.done.created = false;
                self.done.captured = false;
            }
        }
    }

    fn trusted(&mut self, end: End) -> &mut Option<String> {
        match end {
            End::Source => &mut self.copied.histories.source,
            End::Target => &mut self.copied.histories.target,
        }
    }
}
