//! A run: the only one that commits to its copy, from its start on, in rounds.
//!
//! Called by `sync`, once for a sync or for as long as a supervisor keeps the copy up to date.

mod initial_copy;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sea_query::Value;

use self::initial_copy::BinaryCopy;
use super::apply::{Applied, CopyWriter};
use super::blocked;
use super::compare::{Apply, Change, compare};
use super::compatibility::{check, inspect};
use super::conflict;
use super::declaration::Claim;
use super::feed::{ChangeFeed, Entry};
use super::foreign_keys::ForeignKeys;
use super::keys::{bytes_of, key_of};
use super::location::TableLocation;
use super::mode::Strategy;
use super::observer::Observer;
use super::position::{Mark, Position};
use super::progress::Progress;
use super::self_references::{in_order, self_references};
use super::source::Source;
use super::watermark::Watermark;
use crate::error::{Error, Result};

/// The maximum number of changes in one transaction at a copy.
const CHANGED: u64 = 1_000;

/// The interval at which a run that finds no changes records that its copy has caught up.
const RECORDED: Duration = Duration::from_mins(1);

/// A source and its copy, the way in which the copy learns of changes, and a participant.
#[derive(Debug)]
pub(crate) struct Replication {
    pub(crate) source: Source,
    pub(crate) copy: TableLocation,
    pub(crate) strategy: Strategy,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) claim: Claim,
}

/// The work that a run has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Work {
    /// Rows and entries of feeds that were read at the source.
    pub(crate) read: u64,
    pub(crate) applied: Applied,
}

/// One table at one place, from the moment at which no earlier run can commit.
#[derive(Debug)]
pub(crate) struct Run {
    source: Source,
    copy: CopyWriter,
    strategy: Arc<Strategy>,
    position: Option<Position>,
    /// Entries of the feed behind the position that this run has already followed.
    ahead: HashSet<Mark>,
    /// The rows of an initial copy pass as bytes, where both ends have the same form.
    binary: Option<BinaryCopy>,
    pub(crate) foreign_keys: ForeignKeys,
    pub(crate) work: Work,
    /// When it last recorded that the copy has caught up.
    recorded: Option<Instant>,
}

impl Run {
    /// Starts a run: fences off all others, and reads the position of the last one.
    pub(crate) async fn start(replication: Replication) -> Result<Self> {
        let Replication {
            source,
            copy,
            strategy,
            observer,
            claim,
        } = replication;
        let (shape, binary) = {
            // Before any row is touched, everything that one end cannot store is reported. And before
            // others are fenced off: catalogs are slow, and runs would fence each other off meanwhile.
            let (at_source, at_copy) = (source.table_at(), copy.table_at());
            let (there, here) = (inspect(&at_source).await?, inspect(&at_copy).await?);
            check((&at_source, &there), (&at_copy, &here))?;
            // Observers see rows, and a subset changes them.
            let is_plain = observer.is_none() && source.subset.is_none();
            let binary = BinaryCopy::between((&at_source, &there), (&at_copy, &here));
            (here, binary.filter(|_| is_plain))
        };
        let foreign_keys = ForeignKeys::of(&shape);
        let ordered: &[usize] = match &strategy {
            Strategy::Incremental { watermark, .. } => &watermark.ordinals,
            Strategy::Capture(_) | Strategy::Full => &[],
        };
        let progress = Progress { at: copy };
        let mode = claim.mode_name(source.mode_name(strategy.mode()));
        let started = progress.start(&mode, &claim).await?;
        let position = started
            .position
            .map(|text| Position::parse(&text, source.def(), ordered))
            .transpose()?;
        Ok(Self {
            copy: CopyWriter {
                token: started.token,
                observer,
                self_references: self_references(source.def(), &shape).into(),
                is_cyclic: foreign_keys.is_cyclic(),
                progress,
            },
            foreign_keys,
            source,
            strategy: Arc::new(strategy),
            position,
            ahead: HashSet::new(),
            binary,
            work: Work::default(),
            recorded: None,
        })
    }

    /// Brings the copy up to the present state of its source.
    pub(crate) async fn round(&mut self) -> Result<()> {
        let strategy = Arc::clone(&self.strategy);
        match &*strategy {
            Strategy::Capture(feed) => self.follow(&**feed).await?,
            Strategy::Incremental { watermark, overlap } => {
                self.read_in_order(watermark, *overlap).await?;
            }
            Strategy::Full => self.compare(Position::Compared).await?,
        }
        self.try_blocked().await?;
        if self.recorded.is_none_or(|at| at.elapsed() >= RECORDED) {
            self.commit_at(&[], None, true).await?;
        }
        Ok(())
    }

    /// The error of a round, with the tables whose rows it may have waited for.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let copy = self.copy.at();
        self.foreign_keys
            .explain((copy.name(), &copy.handle.server), error)
    }

    /// The position up to which the copy has its source's changes.
    pub(crate) fn position_text(&self) -> Option<String> {
        let position = self.position.as_ref();
        position.and_then(|position| position.text().ok())
    }

    /// Records the reason why the run has failed. A failure to record it is not an error.
    pub(crate) async fn note(&self, problem: &Error) {
        let problem = problem.to_string();
        let noted = self.copy.progress.note(self.copy.token, &problem);
        if let Err(error) = noted.await {
            tracing::debug!(target: "shard_orm", error = %error.kind(), "a problem was not recorded");
        }
    }

    /// Commits changes and the position behind them, and continues from there.
    async fn commit(
        &mut self,
        changes: &[Change],
        position: Position,
        caught_up: bool,
    ) -> Result<()> {
        self.commit_at(changes, Some(&position), caught_up).await?;
        self.position = Some(position);
        Ok(())
    }

    async fn commit_at(
        &mut self,
        changes: &[Change],
        position: Option<&Position>,
        caught_up: bool,
    ) -> Result<()> {
        let (source, copy) = (&self.source, &self.copy);
        let done = &mut self.work.applied;
        conflict::commit(source, copy, changes, position, caught_up, done).await?;
        if caught_up {
            self.recorded = Some(Instant::now());
        }
        Ok(())
    }

    /// Follows a feed.
    async fn follow(&mut self, feed: &dyn ChangeFeed) -> Result<()> {
        let kept = feed.kept().await?;
        let has_entries = |mark| kept.is_some_and(|kept| kept <= mark);
        match &self.position {
            Some(Position::Followed(mark)) if has_entries(*mark) => {}
            Some(Position::Copying { from, .. }) if has_entries(*from) => {}
            _ => {
                // A run that is fenced off must not take the entries away from the newer one.
                self.copy.commit(&[], None, false).await?;
                // Entries are kept from before the first row is read.
                let from = feed.end().await?;
                feed.keep(from).await?;
                self.position = Some(Position::Copying { from, done: None });
            }
        }
        if let Some(Position::Copying { from, .. }) = self.position {
            self.copy_all(from).await?;
        }
        let Some(Position::Followed(mut mark)) = self.position else {
            return Ok(());
        };
        let first = mark;
        let mut read_to = mark;
        let mut ahead = HashSet::new();
        loop {
            let entries = feed.entries_after(read_to, CHANGED).await?;
            self.work.read += entries.len() as u64;
            let Some(last) = entries.last() else { break };
            read_to = last.mark;
            // Behind an entry that was not settled when it was read, another may have appeared since
            // that no later page shows.
            let settled = entries
                .iter()
                .filter(|entry| entry.settled && ahead.is_empty());
            let settled = settled.map(|entry| entry.mark).max().unwrap_or(mark);
            let caught_up = (entries.len() as u64) < CHANGED;
            let marks = entries.iter().map(|entry| entry.mark);
            ahead.extend(marks.filter(|one| *one > settled));
            let fresh = entries.iter().filter(|one| !self.ahead.contains(&one.mark));
            let (all, keys) = changed(fresh)?;
            if all {
                self.compare(Position::Followed(settled)).await?;
            } else if !keys.is_empty() || settled > mark {
                let changes = self.source.changes(&keys).await?;
                self.work.read += changes.len() as u64;
                self.commit(&changes, Position::Followed(settled), caught_up)
                    .await?;
            }
            mark = settled;
            // Entries since then wait for the next round, so that each round ends.
            if caught_up {
                break;
            }
        }
        self.ahead = ahead;
        if mark > first || kept.is_none_or(|kept| kept < mark) {
            feed.keep(mark).await?;
            feed.trim().await?;
        }
        Ok(())
    }

    /// Reads rows in the order of a watermark column.
    async fn read_in_order(&mut self, watermark: &Watermark, overlap: Duration) -> Result<()> {
        let source = self.source.clone();
        if let Some(last) = self.position.clone()
            && let Some(mut from) = watermark.before(&last, overlap)
        {
            while let Some(page) = watermark
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
            let next = watermark
                .rows_after(&source, read_to.as_ref(), CHANGED)
                .await?;
            let Some(page) = next else { break };
            self.work.read += page.changes.len() as u64;
            let caught_up = (page.changes.len() as u64) < CHANGED;
            // As with a feed: rows that are settled behind one that was not are read in the next round
            // too.
            let settled = page.settled.filter(|_| all_settled);
            all_settled = settled.as_ref() == Some(&page.last);
            match settled.or_else(|| self.position.clone()) {
                Some(settled) => self.commit(&page.changes, settled, caught_up).await?,
                // Nothing is settled yet: the next run begins at the first row again.
                None => self.commit_at(&page.changes, None, false).await?,
            }
            read_to = Some(page.last);
            if caught_up {
                break;
            }
        }
        Ok(())
    }

    /// Compares all rows, also where a run cannot continue from a position.
    async fn compare(&mut self, position: Position) -> Result<()> {
        let mut repairing = Repairing {
            source: &self.source,
            copy: &self.copy,
            applied: Applied::default(),
        };
        let (source, copy) = (self.source.table_at(), self.copy.at().table_at());
        let found = compare(&source, &copy, &mut repairing).await;
        // Batches that were committed before a failure count.
        let applied = repairing.applied;
        self.work.applied.add(applied);
        let found = found?;
        self.work.read += found.source.rows;
        // Written rows were read once more, in the transaction that wrote them.
        self.work.applied.read += found.copy.rows;
        self.commit(&[], position, true).await
    }

    /// Tries again to delete blocked rows, and counts those that are still blocked.
    async fn try_blocked(&mut self) -> Result<()> {
        let at = self.copy.at().clone();
        let mut keys = blocked::keys(&at).await?;
        let position = self.position.clone().filter(|_| !keys.is_empty());
        while let Some(position) = &position {
            let changes = self.source.changes(&keys).await?;
            // Rows that refer to others of them go first.
            let changes = in_order(&at, &self.copy.self_references, changes).await?;
            let before = keys.len();
            keys.clear();
            for change in changes {
                let key = match &change {
                    Change::Put(cells) => key_of(at.def(), cells),
                    Change::Delete(key) => key.clone(),
                };
                let (source, copy) = (&self.source, &self.copy);
                let change = [change];
                let mut applied = Applied::default();
                let done = &mut applied;
                conflict::commit(source, copy, &change, Some(position), false, done).await?;
                if applied.blocked == 0 {
                    self.work.applied.add(applied);
                    blocked::forget(&at, &key).await?;
                } else {
                    keys.push(key);
                }
            }
            if keys.is_empty() || keys.len() == before || self.copy.self_references.is_empty() {
                break;
            }
        }
        self.work.applied.blocked = keys.len() as u64;
        Ok(())
    }
}

/// Commits the changes that a comparison finds; the position stays until all rows were compared.
struct Repairing<'r> {
    source: &'r Source,
    copy: &'r CopyWriter,
    applied: Applied,
}

impl Apply for Repairing<'_> {
    fn apply(&mut self, changes: Vec<Change>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let done = &mut self.applied;
            conflict::commit(self.source, self.copy, &changes, None, false, done).await
        })
    }
}

/// The primary keys that entries name, each once, and whether one is for all rows.
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
