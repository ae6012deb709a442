//! The comparison of both ends, and what is done when a server has failed over.
//!
//! A server that takes over may lack the last transactions of the one before: rows that were copied from it and
//! never were, entries that were applied and consumed, and the capture itself. So the capture is installed again,
//! both ends are compared, and rows that differ are copied again from the end that serves.

use sea_query::Value;

use crate::backend::Position;
use crate::catalog::JobState;
use crate::connect::State;
use crate::error::Result;
use crate::reshard::driver::Driver;
use crate::reshard::mover::{End, is_urgent};
use crate::reshard::places::Site;
use crate::reshard::replay::has_entries_of;
use crate::reshard::rows::MovedTable;
use crate::reshard::verify::{differences, mismatch, single_and_several, still_differing};

/// How often a row that differs is compared again.
const COMPARISONS: usize = 20;

impl Driver {
    /// Brings both ends together again after a failover.
    pub(super) async fn repair(&mut self, from: End) -> Result<()> {
        self.read_blueprints().await?;
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
        for site in self.all_sites() {
            let position = self.place(site).await?.position.clone();
            *self.trusted(site) = position.map(|position| position.text());
        }
        self.note().await;
        self.done.suspect = false;
        self.done.level = false;
        self.done.drained = false;
        Ok(())
    }

    /// Compares all tables with those of the end that serves. False if an operator wants something else meanwhile.
    pub(super) async fn compare(&mut self, from: End) -> Result<bool> {
        let divider = self.divider.clone();
        let divider = divider.as_deref();
        for table in &self.tables.clone() {
            let mut differing = {
                let (mut sources, mut targets) = self.sides(table).await?;
                let (single, several) = single_and_several(&mut sources, &mut targets)?;
                differences(single, several, divider).await?
            };
            let mut is_repaired = self.copied.failovers == 0;
            loop {
                let Some(left) = self.still_different(from, table, differing).await? else {
                    return Ok(false);
                };
                if left.is_empty() {
                    break;
                }
                if is_repaired {
                    return Err(mismatch(table, &left));
                }
                let mut ends = self.ends(from, 0, table).await?;
                ends.copy_again(&left).await?;
                self.copied.repaired += left.len() as u64;
                (differing, is_repaired) = (left, true);
            }
        }
        Ok(true)
    }

    /// The keys among these whose rows differ each time they are compared while no change of them waits. `None` if an
    /// operator wants something else meanwhile.
    pub(super) async fn still_different(
        &mut self,
        from: End,
        table: &MovedTable,
        mut differing: Vec<Vec<Value>>,
    ) -> Result<Option<Vec<Vec<Value>>>> {
        let divider = self.divider.clone();
        let mut round = 0;
        while !differing.is_empty() && round < COMPARISONS {
            let wish = self.latest().borrow().as_ref().map(|job| job.wish);
            if wish.is_some_and(|wish| is_urgent(wish, self.job.state)) {
                return Ok(None);
            }
            self.pass(from).await?;
            let (mut sources, mut targets) = self.sides(table).await?;
            let (single, several) = single_and_several(&mut sources, &mut targets)?;
            differing = still_differing(single, several, divider.as_deref(), &differing).await?;
            let logs = match from {
                End::Source => sources,
                End::Target => targets,
            };
            let mut waits = false;
            for log in logs {
                waits |= has_entries_of(log.place, table, &differing).await?;
            }
            round += usize::from(!waits);
        }
        Ok(Some(differing))
    }

    /// Notes which history the server of a namespace has.
    pub(in crate::reshard) fn note_history(&mut self, site: Site, found: Option<&Position>) {
        let Some(found) = found else {
            return;
        };
        let is_preparing = self.job.state == JobState::Preparing;
        let trusted = self.trusted(site);
        match trusted.as_deref().and_then(Position::from_text) {
            Some(trusted) if found.is_of(&trusted) => {}
            Some(_) if !is_preparing => {
                self.done.suspect = true;
                tracing::warn!(
                    target: "shard_orm",
                    job = self.job.id,
                    ?site,
                    "the server of a job's namespace has failed over or was restarted; both ends are compared"
                );
            }
            _ => {
                *trusted = Some(found.text());
                self.done.created = false;
                self.done.captured = false;
            }
        }
    }

    fn trusted(&mut self, site: Site) -> &mut Option<String> {
        let histories = &mut self.copied.histories;
        let of_end = match site.end {
            End::Source => &mut histories.sources,
            End::Target => &mut histories.targets,
        };
        of_end.resize(of_end.len().max(site.number + 1), None);
        &mut of_end[site.number]
    }
}
