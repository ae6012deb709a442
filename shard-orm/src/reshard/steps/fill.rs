//! The steps that make the target equal to the source, while the source serves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::catalog::{ThrottleReason, Throttling, Wish};
use crate::connect::State;
use crate::error::{Error, ErrorKind, Result};
use crate::reshard::blueprint::Stage;
use crate::reshard::copy::{OnPage, copy_table};
use crate::reshard::crowd::Crowded;
use crate::reshard::driver::Driver;
use crate::reshard::mover::{End, is_urgent, state};
use crate::reshard::places::Site;
use crate::reshard::pulse::Pulse;
use crate::reshard::regroup::{divide_table, gather_table};
use crate::reshard::replay::{BATCH, Ends, Side, backlog, twice};
use crate::reshard::rows::MovedTable;

/// A backlog of so many entries is small, and so is one that is applied in this time: writes wait for it at the switch.
const SMALL: u64 = 200;
const SOON: Duration = Duration::from_millis(20);
/// How long a backlog may stay large before the job says so, and says it again.
const TOO_LONG: Duration = Duration::from_secs(20);
/// How often a row of one source may stand in the way of another one's, until changes of it are applied.
const COLLISIONS: u32 = 20;
/// How long rows are copied before the job's progress is noted.
const WHILE: Duration = Duration::from_millis(500);
/// The least time between two counts of the changes that wait while rows are copied, and how many times as long as one
/// count takes.
const COUNTS: (Duration, u32) = (Duration::from_secs(2), 20);

/// What is known of the changes that wait.
#[derive(Debug, Default)]
pub(in crate::reshard) struct Backlog {
    /// Since when there are more than are applied at a switch.
    behind: Option<Instant>,
    /// When they are counted again while rows are copied.
    next_count: Option<Instant>,
}

impl Driver {
    /// Copies rows for a while.
    pub(super) async fn copy(&mut self) -> Result<()> {
        self.read_blueprints().await?;
        self.refuse_keyless(End::Source).await?;
        let throttle = Arc::clone(&self.throttle);
        let lagging = match throttle.is_full() {
            true => None,
            false => self.lagging().await?,
        };
        let is_waiting = lagging.is_some();
        self.copied.throttling = self.throttling(lagging.as_deref());
        let hindrance = lagging.as_deref().map(waits).or_else(|| self.crowded());
        self.note_hindrance(hindrance).await;
        if is_waiting {
            tokio::time::sleep(WHILE).await;
            return Ok(());
        }
        let begun = Instant::now();
        let tables = self.tables.clone();
        if self.pulse.is_none() && throttle.is_gentle() {
            let mut ends = Vec::new();
            for site in self.all_sites() {
                ends.push((site.end, self.handle(site).await?));
            }
            self.pulse = Some(Pulse::start(&self.cluster, ends, &throttle).await);
        }
        for table in &tables {
            let (latest, state) = (self.latest(), self.job.state);
            let divider = self.divider.clone();
            let (mut copied, mut collision) = (0, None);
            let done = {
                let is_keyless = self.is_keyless(table);
                let (mut sources, mut targets) = self.both_fed().await?;
                if is_keyless {
                    sources.truncate(1);
                    targets.truncate(1);
                }
                let mut on_page = |rows: u64| {
                    copied += rows;
                    let wish = latest.borrow().as_ref().map_or(Wish::Run, |job| job.wish);
                    !is_urgent(wish, state) && begun.elapsed() < WHILE
                };
                let pages = (&*throttle, &mut on_page as &mut OnPage<'_>);
                match (sources.as_mut_slice(), targets.as_mut_slice()) {
                    ([source], [target]) => copy_table(source, target, table, pages).await?,
                    ([source], targets) => {
                        let divider = divider.ok_or_else(without_divider)?;
                        divide_table((source, targets, &divider), table, pages).await?
                    }
                    (sources, [target]) => {
                        match gather_table(sources, target, table, pages).await {
                            Err(error) if error.kind() == ErrorKind::Unique => {
                                collision = Some(error);
                                false
                            }
                            gathered => gathered?,
                        }
                    }
                    _ => return Err(without_divider()),
                }
            };
            if let Some(error) = collision {
                // A row that was copied may have another value by now, which is logged.
                self.collisions += 1;
                if self.pass(End::Source).await? == 0 || self.collisions > COLLISIONS {
                    return Err(twice(table, &error));
                }
                return Ok(());
            }
            self.copied.rows += copied;
            self.count_now_and_then().await?;
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

    /// Why rows are copied slower than they could be.
    fn throttling(&self, lagging: Option<&str>) -> Option<Throttling> {
        if let Some(server) = lagging {
            return Some(Throttling {
                reason: ThrottleReason::ReplicaLag,
                server: Some(server.to_owned()),
                rows_per_second: 0,
                because: format!("a replica of server `{server}` lags"),
            });
        }
        if let Some(rows_per_second) = self.throttle.set_by_operator() {
            return Some(Throttling {
                reason: ThrottleReason::Limit,
                server: None,
                rows_per_second,
                because: "an operator has set this pace".to_owned(),
            });
        }
        if let Some((server, Crowded { before, most }, rows_per_second)) = self.throttle.crowded() {
            return Some(Throttling {
                reason: ThrottleReason::Statements,
                because: format!(
                    "more than {most} statements run on server `{server}`, and {before} ran before the copy"
                ),
                server: Some(server.to_string()),
                rows_per_second,
            });
        }
        let (slowed, rows_per_second) = self.throttle.slowed()?;
        let parts = match slowed.end {
            End::Source => &self.job.sources,
            End::Target => &self.job.targets,
        };
        let mut names: Vec<&str> = parts.iter().map(|part| &*part.server).collect();
        names.dedup();
        Some(Throttling {
            reason: ThrottleReason::Latency,
            because: format!(
                "short statements on server `{}` took {:.1?} while rows were copied, and {:.1?} between",
                names.join("`, `"),
                slowed.copying,
                slowed.between,
            ),
            server: names.first().map(|name| (*name).to_owned()),
            rows_per_second,
        })
    }

    /// The server of a replica at either end that lags, and would lag more.
    async fn lagging(&self) -> Result<Option<String>> {
        for site in self.all_sites() {
            let handle = self.handle(site).await?;
            if handle.has_lagging_replica() {
                return Ok(Some(handle.server.to_string()));
            }
        }
        Ok(None)
    }

    /// Applies logged changes until few are left.
    pub(super) async fn level(&mut self) -> Result<()> {
        self.read_blueprints().await?;
        let begun = Instant::now();
        let applied = self.pass(End::Source).await?;
        let took = begun.elapsed();
        let left = self.count_backlog().await?;
        self.done.level = left <= SMALL || will_take(left, applied, took) <= SOON;
        if self.done.level {
            self.backlog.behind = None;
            self.note_hindrance(None).await;
        } else if self.backlog.behind.get_or_insert(begun).elapsed() > TOO_LONG {
            self.backlog.behind = Some(Instant::now());
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

    /// Counts the changes that wait.
    async fn count_backlog(&mut self) -> Result<u64> {
        let tables = self.tables.clone();
        let mut left = 0;
        for site in self.sites(End::Source) {
            let mut read = tables.clone();
            read.retain(|table| site.number == 0 || !self.is_keyless(table));
            left += backlog(self.place(site).await?, &read).await?;
        }
        self.copied.backlog = left;
        Ok(left)
    }

    /// The same while rows are copied, for those who look at the job: without taking much of the time.
    async fn count_now_and_then(&mut self) -> Result<()> {
        let begun = Instant::now();
        if self.backlog.next_count.is_none_or(|next| next <= begun) {
            self.count_backlog().await?;
            let (least, times) = COUNTS;
            let pause = least.max(begun.elapsed().saturating_mul(times));
            self.backlog.next_count = Some(Instant::now() + pause);
        }
        Ok(())
    }

    /// Applies one pass of the logs of an end to the other one, and returns the number of entries.
    pub(super) async fn pass(&mut self, from: End) -> Result<u64> {
        let mut applied = 0;
        for table in &self.tables.clone() {
            let logs = match self.is_keyless(table) {
                true => 1,
                false => self.sites(from).len(),
            };
            for log in 0..logs {
                // From the beginning in each pass: a number may be committed after a higher one.
                let mut last = 0;
                loop {
                    let mut ends = self.ends(from, log, table).await?;
                    let Some((read, entries)) = ends.replay(last).await? else {
                        break;
                    };
                    last = read;
                    applied += entries;
                    self.copied.changes += entries;
                    // Entries since then wait for the next pass, so that each pass ends.
                    if entries < BATCH {
                        break;
                    }
                }
            }
        }
        Ok(applied)
    }

    /// Both ends of a table, for the changes of one of the namespaces of the end `from`.
    pub(super) async fn ends(
        &mut self,
        from: End,
        log: usize,
        table: &MovedTable,
    ) -> Result<Ends<'_>> {
        let divider = self.divider.clone();
        let (sources, targets) = self.sides(table).await?;
        let (from, to, into) = match from {
            End::Source => (sources, targets, State::Incoming),
            End::Target => (targets, sources, State::Fenced),
        };
        Ok(Ends {
            from,
            to,
            log,
            into,
            divider,
        })
    }

    /// A table at the sources, and at the targets whose rows are copied. Without a key, it is at the first of each, which
    /// keeps the number.
    pub(super) async fn sides(
        &mut self,
        table: &MovedTable,
    ) -> Result<(Vec<Side<'_>>, Vec<Side<'_>>)> {
        let mut names = Vec::new();
        for site in [self.sites(End::Source), self.fed()].concat() {
            let state = self.standing_at(site).await?;
            let fence = self.blueprint(site);
            let place = self.place(site).await?;
            // While a namespace is closed, its tables have other names.
            names.push(match state {
                State::Fenced => table.named(fence.fence(place).held(&table.def.name)),
                _ => table.clone(),
            });
        }
        let is_keyless = self.is_keyless(table);
        let (mut sources, mut targets) = self.both_fed().await?;
        let of_targets = names.split_off(sources.len());
        if is_keyless {
            sources.truncate(1);
            targets.truncate(1);
        }
        let side = |(place, table)| Side { place, table };
        Ok((
            sources.into_iter().zip(names).map(side).collect(),
            targets.into_iter().zip(of_targets).map(side).collect(),
        ))
    }

    /// Builds the indexes.
    pub(super) async fn index(&mut self) -> Result<()> {
        self.read_blueprints().await?;
        for site in self.fed() {
            self.index_at(site).await?;
        }
        self.done.indexed = true;
        self.done.level = false;
        Ok(())
    }

    async fn index_at(&mut self, site: Site) -> Result<()> {
        let (blueprint, tables) = (self.blueprint(site), self.tables.clone());
        let there = self.created_at(site).await?;
        let target = self.place(site).await?;
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
        for table in &tables {
            if let Some(text) = crate::backend::analyze(target.dialect(), &table.name) {
                target.batch(&text).await?;
            }
        }
        Ok(())
    }

    /// Compares source and target.
    pub(super) async fn verify(&mut self) -> Result<()> {
        self.read_blueprints().await?;
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
            _ => Err(without_record()),
        }
    }

    /// The state in the record of a namespace.
    pub(in crate::reshard) async fn standing_at(&mut self, site: Site) -> Result<State> {
        let seen = self.seen_at(site).await?;
        state(seen).ok_or_else(without_record)
    }
}

fn without_divider() -> Error {
    Error::decode("a job with several sources and targets")
}

fn without_record() -> Error {
    Error::decode("a namespace without a record")
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

/// What to say of a server with a replica that lags.
fn waits(server: &str) -> String {
    format!(
        "the copy waits, since a replica of server `{server}` lags; at the pace `full` it would go on"
    )
}
