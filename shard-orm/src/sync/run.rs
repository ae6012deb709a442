//! A run: from its beginning on it alone commits to the copy, round after round.

mod first;

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_query::Value;

use self::first::Passage;
use super::apply::{Applied, Copy};
use super::blocked;
use super::capture::Entry;
use super::compare::{Apply, Change, compare};
use super::conflict;
use super::consumer::Following;
use super::criterion::Criterion;
use super::keys::{bytes_of, key_of};
use super::mode::Mode;
use super::neighbours::Neighbours;
use super::pointing::{in_order, own_keys};
use super::position::{Mark, Position};
use super::shape::{check, inspect};
use super::source::Source;
use super::task::Task;
use crate::error::{Error, Result};

/// How many changes one transaction at a copy writes at most.
const CHANGED: u64 = 1_000;

/// What a run has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Work {
    /// Rows and entries of logs that were read at the source.
    pub(super) read: u64,
    pub(super) applied: Applied,
}

/// One model on one server, from the moment at which no earlier run commits any more.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) task: Task,
    pub(super) source: Source,
    pub(super) copy: Copy,
    mode: Mode,
    overlap: Duration,
    pub(super) position: Option<Position>,
    /// Entries of the log behind the position that this run has followed already.
    ahead: HashSet<Mark>,
    /// How the rows of a first copy pass, where they do.
    pub(super) passage: Option<Passage>,
    /// The tables beside the copy that it points to, and that point to it.
    pub(super) neighbours: Neighbours,
    pub(super) work: Work,
}

impl Run {
    /// Begins a run: overtakes all others, and finds the position that they have left.
    pub(super) async fn begin(task: Task, mode: Option<Mode>, overlap: Duration) -> Result<Self> {
        let source = task.source()?;
        let status = task.status()?;
        let mode = mode.unwrap_or_else(|| Mode::of(task.def, source.dialect()));
        let criterion = match mode {
            Mode::Criterion => Criterion::of(task.def, source.dialect())?.ordinals,
            Mode::Capture | Mode::Full => Vec::new(),
        };
        let (shape, passage) = {
            // Before any row is touched: what one side could not hold is said whole. And before others
            // are overtaken: catalogs are slow to ask, and runs would overtake each other meanwhile.
            let (at_source, at_copy) = (source.table_at(), status.table_at());
            let (own, its) = (inspect(&at_source).await?, inspect(&at_copy).await?);
            check((&at_source, &own), (&at_copy, &its))?;
            // Hooks see rows, and make others of them.
            let is_plain = task.hooks().is_none() && source.collection.is_none();
            let passage = Passage::between((&at_source, &own), (&at_copy, &its));
            (its, passage.filter(|_| is_plain))
        };
        let neighbours = Neighbours::of(&shape);
        let begun = status.begin(&source.mode_name(mode)).await?;
        let position = begun
            .position
            .map(|text| Position::parse(&text, task.def, &criterion))
            .transpose()?;
        Ok(Self {
            copy: Copy {
                status,
                generation: begun.generation,
                hooks: task.hooks(),
                own_keys: own_keys(task.def, &shape).into(),
                is_in_circle: neighbours.is_in_circle(),
            },
            neighbours,
            task,
            source,
            mode,
            overlap,
            position,
            ahead: HashSet::new(),
            passage,
            work: Work::default(),
        })
    }

    /// Brings the copy up to what the source has now.
    pub(super) async fn round(&mut self) -> Result<()> {
        match self.mode {
            Mode::Capture => self.follow().await?,
            Mode::Criterion => self.read_in_order().await?,
            Mode::Full => self.compare(Position::Compared).await?,
        }
        self.try_blocked().await
    }

    /// The error of a round, with the tables whose rows it may have waited for.
    pub(super) fn explain(&self, error: Error) -> Error {
        let at = (self.task.def.table, &*self.task.server);
        self.neighbours.explain(at, error)
    }

    /// Up to where the copy has its source's changes.
    pub(super) fn position_text(&self) -> Option<String> {
        self.position
            .as_ref()
            .and_then(|position| position.text().ok())
    }

    /// Writes down why the run has failed. That it could not be written down is no further error.
    pub(super) async fn note(&self, problem: &Error) {
        let problem = problem.to_string();
        let noted = self.copy.status.note(self.copy.generation, &problem);
        if let Err(error) = noted.await {
            tracing::debug!(target: "shard_orm", error = %error.kind(), "a problem was not noted");
        }
    }

    /// Commits changes and the position behind them, and goes on from there.
    pub(super) async fn commit(
        &mut self,
        changes: &[Change],
        position: Position,
        level: bool,
    ) -> Result<()> {
        let (source, copy) = (&self.source, &self.copy);
        let done = &mut self.work.applied;
        conflict::commit(source, copy, changes, Some(&position), level, done).await?;
        self.position = Some(position);
        Ok(())
    }

    /// The mode `capture`.
    async fn follow(&mut self) -> Result<()> {
        let source = self.source.clone();
        let following = Following {
            source: &source,
            target: self.task.target(),
        };
        let kept = following.mark().await?;
        let has_log = |mark| kept.is_some_and(|kept| kept <= mark);
        match &self.position {
            Some(Position::Followed(mark)) if has_log(*mark) => {}
            Some(Position::Copying { from, .. }) if has_log(*from) => {}
            _ => {
                // One that was overtaken does not take the log away from the one that goes on.
                self.copy.commit(&[], None, false).await?;
                // The log is kept from before the first row is read.
                let from = source.end_of_log().await?;
                following.keep(from).await?;
                self.position = Some(Position::Copying { from, done: None });
            }
        }
        if let Some(Position::Copying { from, .. }) = self.position {
            self.copy_all(from).await?;
        }
        let Some(Position::Followed(mut mark)) = self.position else {
            return Ok(());
        };
        let begun = mark;
        let mut read_to = mark;
        let mut ahead = HashSet::new();
        loop {
            let entries = source.entries_after(read_to, CHANGED).await?;
            self.work.read += entries.len() as u64;
            let Some(last) = entries.last() else { break };
            read_to = last.mark;
            // Behind an entry that was not settled when it was read, one may have come since that no
            // later page shows.
            let settled = entries
                .iter()
                .filter(|entry| entry.settled && ahead.is_empty());
            let settled = settled.map(|entry| entry.mark).max().unwrap_or(mark);
            let level = (entries.len() as u64) < CHANGED;
            let marks = entries.iter().map(|entry| entry.mark);
            ahead.extend(marks.filter(|one| *one > settled));
            let fresh = entries.iter().filter(|one| !self.ahead.contains(&one.mark));
            let (all, keys) = changed(fresh)?;
            if all {
                self.compare(Position::Followed(settled)).await?;
            } else if !keys.is_empty() || settled > mark {
                let changes = source.changes(&keys).await?;
                self.work.read += changes.len() as u64;
                self.commit(&changes, Position::Followed(settled), level)
                    .await?;
            }
            mark = settled;
            // What has come since waits for the next round, so that each comes to its end.
            if level {
                break;
            }
        }
        self.ahead = ahead;
        if mark > begun || kept.is_none_or(|kept| kept < mark) {
            following.keep(mark).await?;
            if let Some(least) = following.least().await? {
                source.trim_log(least).await?;
            }
        }
        Ok(())
    }

    /// The mode `criterion`.
    async fn read_in_order(&mut self) -> Result<()> {
        let source = self.source.clone();
        let criterion = Criterion::of(self.task.def, source.dialect())?;
        if let Some(last) = self.position.clone()
            && let Some(mut from) = criterion.before(&last, self.overlap)
        {
            while let Some(page) = criterion
                .rows_between(&source, (&from, &last), CHANGED)
                .await?
            {
                self.work.read += page.changes.len() as u64;
                self.commit(&page.changes, last.clone(), false).await?;
                from = page.last;
            }
        }
        let mut read_to = self.position.clone();
        let mut all_settled = true;
        loop {
            let next = criterion
                .rows_after(&source, read_to.as_ref(), CHANGED)
                .await?;
            let Some(page) = next else { break };
            self.work.read += page.changes.len() as u64;
            let level = (page.changes.len() as u64) < CHANGED;
            let changes = page.changes;
            // As with a log: what is settled behind a row that was not comes in the next round too.
            let settled = page.settled.filter(|_| all_settled);
            all_settled = settled.as_ref() == Some(&page.last);
            match settled.or_else(|| self.position.clone()) {
                Some(settled) => self.commit(&changes, settled, level).await?,
                // Nothing is settled yet: the next run begins at the first row again.
                None => self.commit_unplaced(&changes).await?,
            }
            read_to = Some(page.last);
            if level {
                break;
            }
        }
        Ok(())
    }

    /// Commits changes to a copy whose position is still before the first row.
    async fn commit_unplaced(&mut self, changes: &[Change]) -> Result<()> {
        let (source, copy) = (&self.source, &self.copy);
        let done = &mut self.work.applied;
        conflict::commit(source, copy, changes, None, false, done).await
    }

    /// The mode `full`, and whatever else cannot go on from a position.
    pub(super) async fn compare(&mut self, position: Position) -> Result<()> {
        let mut repairing = Repairing {
            source: self.source.clone(),
            copy: self.copy.clone(),
            applied: Applied::default(),
        };
        let (source, copy) = (self.source.table_at(), self.copy.status.table_at());
        let found = compare(&source, &copy, &mut repairing).await;
        // What was committed before it failed counts.
        self.work.applied.add(repairing.applied);
        let found = found?;
        self.work.read += found.source.rows;
        // Those that were written were read once more, in the transaction that has written them.
        self.work.applied.read += found.copy.rows;
        self.commit(&[], position, true).await
    }

    /// Tries the rows again that could not be deleted, and counts those that still cannot.
    async fn try_blocked(&mut self) -> Result<()> {
        let status = self.copy.status.clone();
        let mut keys = blocked::keys(&status).await?;
        let position = self.position.clone().filter(|_| !keys.is_empty());
        while let Some(position) = &position {
            let changes = self.source.changes(&keys).await?;
            // Those that point to others of them go first.
            let changes = in_order(&status, &self.copy.own_keys, changes).await?;
            let before = keys.len();
            keys.clear();
            for change in changes {
                let key = match &change {
                    Change::Put(cells) => key_of(self.task.def, cells),
                    Change::Delete(key) => key.clone(),
                };
                let (source, copy) = (&self.source, &self.copy);
                let change = [change];
                let mut applied = Applied::default();
                let done = &mut applied;
                conflict::commit(source, copy, &change, Some(position), false, done).await?;
                if applied.blocked == 0 {
                    self.work.applied.add(applied);
                    blocked::forget(&status, &key).await?;
                } else {
                    keys.push(key);
                }
            }
            if keys.is_empty() || keys.len() == before || self.copy.own_keys.is_empty() {
                break;
            }
        }
        self.work.applied.blocked = keys.len() as u64;
        Ok(())
    }
}

/// Commits what a comparison finds; the position stays until all was compared.
struct Repairing {
    source: Source,
    copy: Copy,
    applied: Applied,
}

impl Apply for Repairing {
    fn apply(&mut self, changes: Vec<Change>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let (source, copy) = (&self.source, &self.copy);
            let done = &mut self.applied;
            conflict::commit(source, copy, &changes, None, false, done).await
        })
    }
}

/// The primary keys that entries name, each once, and whether one is of all rows.
fn changed<'e>(entries: impl Iterator<Item = &'e Entry>) -> Result<(bool, Vec<Vec<Value>>)> {
    let (mut all, mut keys) = (false, Vec::new());
    let mut seen = HashSet::new();
    for entry in entries {
        match &entry.key {
            None => all = true,
            Some(key) => {
                if seen.insert(bytes_of(key)?) {
                    keys.push(key.clone());
                }
            }
        }
    }
    Ok((all, keys))
}
