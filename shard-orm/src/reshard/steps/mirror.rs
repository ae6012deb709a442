//! The mirror: applications send a share of their reads to both ends, and the rows that they found to differ are compared
//! again here, once the target has all changes.
//!
//! What is equal then was lag. What differs still is kept with the job, which does not switch while there is such a row.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sea_query::{Alias, Expr, ExprTrait as _, Query, Value};

use crate::backend::Row;
use crate::catalog::{DifferingRow, Store};
use crate::error::{Error, ErrorKind, Result};
use crate::replicate::{bytes_of, selected, values};
use crate::reshard::driver::Driver;
use crate::reshard::failure::may_pass;
use crate::reshard::mover::End;
use crate::reshard::place::Place;
use crate::reshard::rows::MovedTable;

/// The pause of a round in which nothing was to be applied.
const IDLE: Duration = Duration::from_millis(200);
/// The time between two looks at what processes have found.
const PERIOD: Duration = Duration::from_millis(500);
/// The time after which no process sends reads any more, once they were told not to, and all have said what they found.
const LAST: Duration = Duration::from_secs(2);
/// The most rows that are kept with the job. Once there are so many, no more are looked at.
const KEPT: usize = 100;
/// The most rows that are named in an error.
const NAMED: usize = 5;
/// The most rows with one primary key of a model, whose table may have a longer one.
const OF_KEY: u64 = 10;

/// What a runner knows of the reads that processes send to the target.
#[derive(Default)]
pub(in crate::reshard) struct Watch {
    /// The number of the last row of each process that was looked at.
    seen: BTreeMap<String, u64>,
    /// Since when this runner has mirrored or shifted reads, without the time that is noted.
    pub(super) since: Option<Instant>,
    /// When processes were asked last.
    pub(super) asked: Option<Instant>,
    /// Since when processes are told to send no more reads.
    over: Option<Instant>,
}

impl Driver {
    /// Whether reads are compared before the switch.
    pub(in crate::reshard) fn mirrors(&self) -> bool {
        self.job.mirror.is_some_and(|mirror| !mirror.is_none())
    }

    /// Keeps the target level, and looks at what applications have found to differ.
    ///
    /// # Errors
    /// `Conflict` with the rows that differ: at the end, and at once if there were some when the job stopped before.
    pub(super) async fn mirror(&mut self) -> Result<()> {
        self.read_blueprints().await?;
        let applied = self.pass(End::Source).await?;
        let is_first = self.watch.since.is_none();
        let since = *self.watch.since.get_or_insert_with(Instant::now);
        if is_first && !self.look_at_known().await? {
            return Ok(());
        }
        let most = match self.job.mirror {
            Some(mirror) if !mirror.is_none() => mirror.duration(),
            _ => Duration::ZERO,
        };
        let has_enough = self.copied.mirrored.lasted + since.elapsed() >= most;
        let is_told = self.watch.over.filter(|_| has_enough);
        let is_over = is_told.is_some_and(|told| told.elapsed() >= LAST);
        let is_due = self
            .watch
            .asked
            .is_none_or(|asked| asked.elapsed() >= PERIOD);
        if is_due || is_over || has_enough && is_told.is_none() {
            self.copied.mirrored.lasted += since.elapsed();
            self.watch.since = Some(Instant::now());
            if !self.ask_processes().await? {
                return Ok(());
            }
            // By this, processes are told that it was enough.
            self.note().await;
            self.watch.over = has_enough.then(|| is_told.unwrap_or_else(Instant::now));
        }
        if is_over {
            self.done.mirrored = self.look_at_known().await?;
            self.done.level = false;
            self.watch = Watch::default();
        } else if applied == 0 {
            tokio::time::sleep(IDLE).await;
        }
        Ok(())
    }

    /// Looks at the rows that processes have found to differ since the last time. False if an operator wants something
    /// else meanwhile, as of what follows.
    async fn ask_processes(&mut self) -> Result<bool> {
        let handle = self.cluster.catalog_handle()?;
        let findings = Store::new(&handle).findings(self.job.id).await?;
        let (mut compared, mut skipped) = (0, 0);
        let mut found: Vec<DifferingRow> = Vec::new();
        let mut seen = BTreeMap::new();
        for (process, findings) in findings {
            compared += findings.compared;
            skipped += findings.skipped;
            let before = self.watch.seen.get(&process).copied().unwrap_or_default();
            let mut last = before;
            for (number, row) in findings.rows {
                last = std::cmp::max(last, number);
                if number > before && !found.contains(&row) {
                    found.push(row);
                }
            }
            seen.insert(process, last);
        }
        self.watch.asked = Some(Instant::now());
        self.copied.mirrored.compared = compared;
        self.copied.mirrored.skipped = skipped;
        found.retain(|row| !self.copied.mirrored.differing.contains(row));
        found.truncate(KEPT.saturating_sub(self.copied.mirrored.differing.len()));
        let looked_at = found.len() as u64;
        let Some(differing) = self.differing_still(found).await? else {
            return Ok(false);
        };
        self.watch.seen = seen;
        self.copied.mirrored.lagging += looked_at - differing.len() as u64;
        for row in &differing {
            let message = format!(
                "{}: a row differs between source and target: {row}",
                self.job
            );
            tracing::error!(target: "shard_orm", job = self.job.id, "{message}");
            let epoch = self.cluster.topology().epoch();
            let store = Store::new(&handle);
            store
                .note_event("job", &self.owner.name, epoch, &message)
                .await;
        }
        self.copied.mirrored.differing.extend(differing);
        Ok(true)
    }

    /// Compares the rows again that were found to differ before, and holds the job if they still do.
    async fn look_at_known(&mut self) -> Result<bool> {
        let known = self.copied.mirrored.differing.clone();
        let Some(left) = self.differing_still(known).await? else {
            return Ok(false);
        };
        self.copied.mirrored.differing.clone_from(&left);
        if left.is_empty() {
            return Ok(true);
        }
        // The next runner mirrors for as long again.
        self.copied.mirrored.lasted = Duration::ZERO;
        self.note().await;
        let named: Vec<String> = left.iter().take(NAMED).map(ToString::to_string).collect();
        let more = match left.len() - named.len() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "rows that applications have read differ between source and target although all changes were applied \
                 ({}{more}): something else writes to the target, or a trigger changes rows there. Abort the job, look \
                 for it, and begin anew; or correct the rows at the target and run the job again, which compares them \
                 first",
                named.join("; ")
            ),
        ))
    }

    /// The rows among these that differ although all changes were applied.
    async fn differing_still(
        &mut self,
        rows: Vec<DifferingRow>,
    ) -> Result<Option<Vec<DifferingRow>>> {
        let mut differing = Vec::new();
        for table in &self.tables.clone() {
            let own: Vec<&DifferingRow> = rows
                .iter()
                .filter(|row| row.table == table.def.name)
                .collect();
            if own.is_empty() {
                continue;
            }
            let mut keys = BTreeMap::new();
            for (number, row) in own.iter().enumerate() {
                for key in self.keys_of(table, row).await? {
                    keys.insert(bytes_of(&key)?, (key, number));
                }
            }
            let all = keys.values().map(|(key, _)| key.clone()).collect();
            let Some(left) = self.still_different(End::Source, table, all).await? else {
                return Ok(None);
            };
            let mut numbers = Vec::new();
            for key in left {
                let number = keys.get(&bytes_of(&key)?).map(|(_, number)| *number);
                numbers.extend(number.filter(|number| !numbers.contains(number)));
            }
            differing.extend(numbers.into_iter().map(|number| own[number].clone()));
        }
        Ok(Some(differing))
    }

    /// The primary keys of a row as the job has them, by those of the model: at whichever end the row is. None if it is
    /// gone, or if the columns of the model are not those of the table.
    async fn keys_of(&mut self, table: &MovedTable, row: &DifferingRow) -> Result<Vec<Vec<Value>>> {
        let is_known = |name: &String| table.def.columns.iter().any(|own| own.name == *name);
        if row.columns.is_empty() || !row.columns.iter().all(|(name, _)| is_known(name)) {
            return Ok(Vec::new());
        }
        let mut keys = Vec::new();
        for site in self.all_sites() {
            let place = self.place(site).await?;
            match keys_at(place, table, row).await {
                Ok(found) => keys.extend(found),
                Err(error) if may_pass(&error) => return Err(error),
                // A value that this database does not compare with the column.
                Err(error) => {
                    tracing::warn!(target: "shard_orm", %error, "a row that an application has read is not found");
                }
            }
        }
        Ok(keys)
    }
}

/// The primary keys of a row at a namespace.
async fn keys_at(
    place: &mut Place,
    table: &MovedTable,
    row: &DifferingRow,
) -> Result<Vec<Vec<Value>>> {
    let ordinals = table.def.primary_key.as_slice();
    let mut select = Query::select();
    select
        .exprs(selected(
            &table.def,
            ordinals.iter().copied(),
            place.dialect(),
        ))
        .from(Alias::new(&table.name))
        .limit(OF_KEY);
    for (name, value) in &row.columns {
        select.and_where(Expr::col(Alias::new(name)).eq(Expr::Value(value.clone())));
    }
    let read = |row: &Row<'_>| values(&table.def, ordinals, row, 0);
    place.rows(&select, read).await
}
