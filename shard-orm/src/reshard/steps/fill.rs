//! The steps that make the target equal to the source, while the source serves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::catalog::Wish;
use crate::connect::State;
use crate::error::{Error, Result};
use crate::reshard::blueprint::{Stage, read_structure};
use crate::reshard::copy::copy_table;
use crate::reshard::crowd::Crowded;
use crate::reshard::driver::Driver;
use crate::reshard::mover::{End, is_urgent};
use crate::reshard::pulse::Pulse;
use crate::reshard::replay::{BATCH, backlog};
use crate::reshard::rows::MovedTable;

/// A backlog of so many entries is small, and so is one that is applied in this time: writes wait for it at the switch.
const SMALL: u64 = 200;
const SOON: Duration = Duration::from_millis(20);
/// How long a backlog may stay large before the job says so, and says it again.
const TOO_LONG: Duration = Duration::from_secs(20);
/// How long rows are copied before the job's progress is noted.
const WHILE: Duration = Duration::from_millis(500);

impl Driver {
    /// Copies rows for a while.
    pub(super) async fn copy(&mut self) -> Result<()> {
        self.read_blueprint().await?;
        let throttle = Arc::clone(&self.throttle);
        let lagging = match throttle.is_full() {
            true => None,
            false => self.lagging().await?,
        };
        let is_waiting = lagging.is_some();
        let hindrance = lagging.or_else(|| self.crowded());
        self.note_hindrance(hindrance).await;
        if is_waiting {
            tokio::time::sleep(WHILE).await;
            return Ok(());
        }
        let begun = Instant::now();
        let tables = self.tables.clone();
        if self.pulse.is_none() && throttle.is_gentle() {
            let source = (End::Source, self.handle(End::Source).await?);
            let target = (End::Target, self.handle(End::Target).await?);
            self.pulse = Some(Pulse::start(&self.cluster, [source, target], &throttle).await);
        }
        for table in &tables {
            let (latest, state) = (self.latest(), self.job.state);
            let mut copied = 0;
            let done = {
                let (source, target) = self.both().await?;
                let mut on_page = |rows: u64| {
                    copied += rows;
                    let wish = latest.borrow().as_ref().map_or(Wish::Run, |job| job.wish);
                    !is_urgent(wish, state) && begun.elapsed() < WHILE
                };
                copy_table(source, target, table, &throttle, &mut on_page).await?
            };
            self.copied.rows += copied;
            self.note().await;
            if !done {
                return Ok(());
            }
        }
        self.done.copied = true;
        Ok(())
    }

    /// What to say of a server to whose statements the copy gives way.
    fn crowded(&self) -> Option<String> {
        let (server, Crowded { before, most }, rate) = self.throttle.crowded()?;
        Some(format!(
            "the copy gives way to the statements on server `{server}`, and copies {rate} rows a second: more than \
             {most} run there, and {before} ran before the copy; at the pace `full` it would go on"
        ))
    }

    /// What to say of a replica at either end that lags, and would lag more.
    async fn lagging(&self) -> Result<Option<String>> {
        for end in [End::Source, End::Target] {
            let handle = self.handle(end).await?;
            if handle.has_lagging_replica() {
                return Ok(Some(format!(
                    "the copy waits, since a replica of server `{}` lags; at the pace `full` it would go on",
                    handle.server
                )));
            }
        }
        Ok(None)
    }

    /// Applies logged changes until few are left.
    pub(super) async fn level(&mut self) -> Result<()> {
        self.read_blueprint().await?;
        let begun = Instant::now();
        let applied = self.pass(End::Source).await?;
        let took = begun.elapsed();
        let tables = self.tables.clone();
        let left = backlog(self.place(End::Source).await?, &tables).await?;
        self.copied.backlog = left;
        self.done.level = left <= SMALL || will_take(left, applied, took) <= SOON;
        if self.done.level {
            self.behind = None;
            self.note_hindrance(None).await;
        } else if self.behind.get_or_insert(begun).elapsed() > TOO_LONG {
            self.behind = Some(Instant::now());
            let message = format!(
                "{left} changes wait to be applied, and as many come as are applied ({:.0} a second): the switch waits \
                 until the application writes less; or abort the job",
                f64_of(applied) / took.as_secs_f64()
            );
            self.note_hindrance(Some(message)).await;
        }
        self.note().await;
        Ok(())
    }

    /// Applies one pass of the logs of an end to the other one, and returns the number of entries.
    pub(super) async fn pass(&mut self, from: End) -> Result<u64> {
        let tables = self.tables.clone();
        let mut applied = 0;
        for table in &tables {
            let mut cursor = self.cursors.get(table.number).copied().unwrap_or_default();
            loop {
                let (logged, into, state) = self.names(from, table).await?;
                let mut ends = self.ends(from, state).await?;
                let Some((last, entries)) = ends.replay(&logged, &into, cursor).await? else {
                    break;
                };
                cursor = last;
                applied += entries;
                self.copied.changes += entries;
                // Entries since then wait for the next pass, so that each pass ends.
                if entries < BATCH {
                    break;
                }
            }
            // From the beginning again in the next pass: a number may be committed after a higher one.
            if let Some(own) = self.cursors.get_mut(table.number) {
                *own = 0;
            }
        }
        Ok(applied)
    }

    /// The names of a table at the end where its changes are logged, and where they are applied, and the
    /// state that the record has there.
    pub(super) async fn names(
        &mut self,
        from: End,
        table: &MovedTable,
    ) -> Result<(MovedTable, MovedTable, State)> {
        let (source, target) = self.standings().await?;
        let blueprint = self.blueprint.clone().unwrap_or_default();
        let held = {
            let place = self.place(End::Source).await?;
            table.named(blueprint.fence(place).held(&table.def.name))
        };
        let at_source = if source == State::Fenced {
            held.clone()
        } else {
            table.clone()
        };
        let at_target = if target == State::Fenced {
            held
        } else {
            table.clone()
        };
        Ok(match from {
            End::Source => (at_source, at_target, State::Incoming),
            End::Target => (at_target, at_source, State::Fenced),
        })
    }

    /// Builds the indexes.
    pub(super) async fn index(&mut self) -> Result<()> {
        self.read_blueprint().await?;
        let blueprint = self.blueprint.clone().unwrap_or_default();
        let target = self.place(End::Target).await?;
        let name = target.handle.namespace.name().to_string();
        let there = read_structure(target, &name).await?;
        for text in blueprint.texts(Stage::Index) {
            if there.indexes.contains(&text) {
                continue;
            }
            target.begin_as(State::Incoming).await?;
            if !target.dialect().capability().transactional_ddl {
                target.commit().await?;
            }
            target.batch(&text).await?;
            if target.dialect().capability().transactional_ddl {
                target.commit().await?;
            }
        }
        for table in &self.tables.clone() {
            let target = self.place(End::Target).await?;
            if let Some(text) = crate::backend::analyze(target.dialect(), &table.name) {
                target.batch(&text).await?;
            }
        }
        self.done.indexed = true;
        self.done.level = false;
        Ok(())
    }

    /// Compares source and target.
    pub(super) async fn verify(&mut self) -> Result<()> {
        self.read_blueprint().await?;
        if self.compare(End::Source).await? {
            self.done.verified = true;
            self.done.level = false;
        }
        Ok(())
    }

    /// The states in the records of both ends.
    pub(super) async fn standings(&mut self) -> Result<(State, State)> {
        match self.records().await? {
            (Some(source), Some(target)) => Ok((source, target)),
            _ => Err(Error::decode("a namespace without a record")),
        }
    }
}

/// How long it takes to apply so many entries, after others took this long.
fn will_take(left: u64, applied: u64, took: Duration) -> Duration {
    Duration::try_from_secs_f64(took.as_secs_f64() * f64_of(left) / f64_of(applied))
        .unwrap_or(Duration::MAX)
}

#[allow(clippy::cast_precision_loss)] // An estimate.
fn f64_of(entries: u64) -> f64 {
    entries as f64
}

/// The statements among these that create what is not there yet.
pub(super) fn missing(texts: Vec<String>, there: &[String]) -> Vec<String> {
    texts
        .into_iter()
        .filter(|text| !there.contains(text))
        .collect()
}
