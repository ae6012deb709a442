//! Rows without a shard key, where logical shards are merged, or a split goes back.
//!
//! Nobody could tell any more of which logical shard such a row is. So only the one that keeps its number may have some, and
//! the rows of the others are never read. A plan refuses them, and so does the runner of the job, since rows may be written
//! after the plan: early, and once all namespaces are closed.

use super::columns::Columns;
use super::driver::Driver;
use super::failure::Misfit;
use super::mover::End;
use super::place::Place;
use super::planned::Planned;
use super::rows::MovedTable;
use crate::catalog::JobState;
use crate::connect::State;
use crate::error::{Error, ErrorKind, Result};

impl Planned {
    /// What stands against a merge of tables whose rows have no key.
    pub(super) async fn keyless(&mut self, columns: &Columns, sources: &mut [Place]) -> Result<()> {
        let keyless = self.keys.iter().filter(|(_, columns)| columns.is_empty());
        let keyless: Vec<String> = keyless.map(|(table, _)| table.clone()).collect();
        let kept = self.sources.first().map_or(0, |part| part.shard);
        for table in keyless {
            let mut holders = Vec::new();
            for (part, place) in self.sources.iter().zip(&mut *sources).skip(1) {
                if place.has_rows(&table).await? {
                    holders.push(part.shard);
                }
            }
            let about = format!("table `{table}`");
            if !holders.is_empty() {
                let message = format!("{}; move or delete the others", mixed(&holders, kept));
                self.against(&about, &message);
            } else if !columns.kept.contains(&table) {
                let message = format!(
                    "has no shard key, and is in all logical shards that are merged: its rows would be mixed; if only \
                     logical shard {kept} has rows of it, say so with `--keep {table}`"
                );
                self.against(&about, &message);
            }
        }
        Ok(())
    }
}

impl Driver {
    /// Whether the rows of a table have no key, and only the namespaces with the number that is kept have rows that the job
    /// reads and writes. Of a part that stays, no such row is read or written anywhere.
    pub(super) fn is_keyless(&self, table: &MovedTable) -> bool {
        let columns = self.job.keys.get(&table.def.name);
        columns.is_some_and(Vec::is_empty) && !self.stays()
    }

    /// Refuses rows without a key in the namespaces of an end that do not keep the number.
    ///
    /// # Errors
    /// `Conflict` with the tables that have some, which is a misfit.
    pub(super) async fn refuse_keyless(&mut self, end: End) -> Result<()> {
        let (job, mut tables) = (self.job.clone(), self.tables.clone());
        tables.retain(|table| self.is_keyless(table));
        let parts = match end {
            End::Source => &job.sources,
            End::Target => &job.targets,
        };
        let mut found = Vec::new();
        for table in &tables {
            let mut holders = Vec::new();
            // The first one keeps the number.
            for (site, part) in self.sites(end).into_iter().zip(parts).skip(1) {
                let state = self.standing_at(site).await?;
                let blueprint = self.blueprint(site);
                let place = self.place(site).await?;
                let name = match state {
                    State::Fenced => blueprint.fence(place).held(&table.def.name),
                    _ => table.def.name.clone(),
                };
                if place.has_rows(&name).await? {
                    holders.push(part.shard);
                }
            }
            if !holders.is_empty() {
                let kept = parts.first().map_or(0, |part| part.shard);
                let mixed = mixed(&holders, kept);
                found.push(format!("table `{}` {mixed}", table.def.name));
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let help = match self.job.state {
            state if state < JobState::Switching => {
                "move or delete the others and run the job again, or abort it"
            }
            JobState::Switching => "move or delete the others, and merge again",
            _ => "move or delete the others and reverse the job again, or finish it",
        };
        let message = format!("{}; {help}", found.join("; "));
        Err(Error::new(ErrorKind::Conflict, message).with_source(Misfit))
    }
}

/// What is wrong with a table that has rows without a key in some logical shards beside the one that is kept.
fn mixed(holders: &[u32], kept: u32) -> String {
    let holders: Vec<String> = holders.iter().map(ToString::to_string).collect();
    format!(
        "has no shard key, and rows in logical shard {}, which would be mixed with those of logical shard {kept}: only that \
         one may have rows of it",
        holders.join(" and ")
    )
}
