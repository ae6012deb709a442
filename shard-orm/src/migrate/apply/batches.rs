//! A backfill: one statement in batches, each in one transaction with its progress.

use std::ops::Bound;
use std::time::{Duration, Instant};

use sea_query::SelectStatement;

use super::backoff::Backoff;
use super::transaction::fenced_off;
use super::{Context, PREPARATION, Stopped, Work, read, write};
use crate::backend::{Failure, Row};
use crate::error::{Error, ErrorKind, Result};
use crate::migrate::backfill::{Backfill, BackfillTable, Progress, create, delete, select_version};
use crate::migrate::event::Event;
use crate::migrate::history::{Entry, State};
use crate::migrate::session::Session;
use crate::replicate::{Key, Range};

/// A backfill in one namespace.
struct Batches<'a> {
    work: &'a Work<'a>,
    backfill: &'a Backfill,
    table: BackfillTable,
    /// The last key when the run began; `None` of a table without rows.
    last: Option<Key>,
    /// The rows of a batch.
    size: u64,
    /// The time that earlier runs have taken.
    before: Duration,
    since: Instant,
}

/// What became of a batch.
enum Moved {
    /// It is committed; was it the last one?
    On(Progress, bool),
    /// Another run has committed a batch meanwhile.
    Elsewhere,
}

pub(super) async fn run(
    session: &mut Session,
    work: &Work<'_>,
    backfill: &Backfill,
    context: &Context<'_>,
) -> Result<(), Stopped> {
    let at_line = || Stopped::at(backfill.line);
    let tables = session.own_tables().await.map_err(at_line())?;
    let table = BackfillTable::of(backfill, &tables, work.dialect)?;
    let handle = session.handle().clone();
    let create = create(&handle.namespace);
    session.batch_within(&create, PREPARATION, false).await?;
    let Some((mut entry, mut progress)) = begin(session, work, backfill).await? else {
        return Ok(());
    };
    let mut batches = Batches {
        work,
        backfill,
        table,
        last: None,
        size: context
            .pace
            .throttle
            .batch
            .unwrap_or(backfill.head.batch)
            .max(1),
        before: Duration::from_millis(u64::try_from(progress.duration_ms).unwrap_or(0)),
        since: Instant::now(),
    };
    batches.refuse_null(session).await?;
    batches.find_last(session).await.map_err(at_line())?;
    let mut is_last = false;
    while !is_last {
        context.pace.start(&handle.server, batches.size).await;
        let mut backoff = Backoff::new();
        loop {
            if !(context.is_held)() {
                return Err(fenced_off().into());
            }
            match batches.next(session, &mut entry, &progress).await {
                Ok(Moved::On(moved, last)) => {
                    (progress, is_last) = (moved, last);
                    break;
                }
                Ok(Moved::Elsewhere) => {}
                Err(failure) => {
                    let kind = failure.error.kind();
                    let waits = matches!(
                        kind,
                        ErrorKind::Timeout | ErrorKind::Deadlock | ErrorKind::Serialization
                    );
                    if failure.lost || !waits {
                        if !failure.lost {
                            session.rollback().await;
                        }
                        return Err(stopped(failure, backfill, &progress));
                    }
                    session.rollback().await;
                    backoff.pause(session, context, Some(backfill.line)).await?;
                }
            }
            // A session of an interrupted run may have committed its last batch by now.
            let Some(found) = progress_of(session, progress.version).await? else {
                return Ok(());
            };
            progress = found;
        }
        (context.notify)(Event::Batch {
            location: context.location.clone(),
            version: progress.version,
            batches: u64::try_from(progress.batches).unwrap_or(0),
            rows: u64::try_from(progress.rows).unwrap_or(0),
        });
        if !is_last {
            context.pace.rest().await;
        }
    }
    Ok(())
}

/// The entry of the version, and the progress of its backfill, both written before the first batch;
/// `None` if it is done.
async fn begin(
    session: &mut Session,
    work: &Work<'_>,
    backfill: &Backfill,
) -> Result<Option<(Entry, Progress)>, Stopped> {
    let version = work.migration.version();
    let found = read(session, version).await?;
    if let Some(entry) = &found {
        if entry.state == State::Applied {
            return Ok(None);
        }
        if entry.started > 0 {
            return Err(backfill
                .wrong_head(
                    "some statements of this file have run one by one, when it was no backfill; restore \
                     them, and put the backfill into a file of its own",
                )
                .into());
        }
        if let Some(progress) = progress_of(session, version).await? {
            if progress.batches > 0 && progress.checksum != backfill.checksum {
                return Err(Stopped {
                    error: changed(backfill, &progress),
                    line: Some(backfill.line),
                });
            }
            return Ok(Some((entry.clone(), progress)));
        }
    }
    let handle = session.handle().clone();
    let entry = work.entry(State::Applying);
    let progress = Progress::new(version, backfill.checksum.clone());
    session.begin().await?;
    let written = async {
        write(session, &entry, found.is_some()).await?;
        // Of a version that was reverted before it was done.
        let former = delete(&handle.namespace, version);
        session.run(&former, &mut |_| Ok(())).await?;
        let insert = progress.insert(&handle.namespace).map_err(Failure::own)?;
        session.run(&insert, &mut |_| Ok(())).await?;
        session.commit().await
    };
    if let Err(failure) = written.await {
        if !failure.lost {
            session.rollback().await;
        }
        return Err(failure.into());
    }
    Ok(Some((entry, progress)))
}

/// How far a backfill is; `None` if it has no row.
pub(super) async fn progress_of(
    session: &mut Session,
    version: i64,
) -> Result<Option<Progress>, Failure> {
    let select = select_version(&session.handle().clone().namespace, version);
    let mut found = None;
    let on_row = &mut |row: &Row<'_>| {
        found = Some(Progress::read(row)?);
        Ok(())
    };
    session.run(&select, on_row).await?;
    Ok(found)
}

impl Batches<'_> {
    /// Finds the last key of all. Rows that are inserted behind it meanwhile are written by programs that
    /// know what the backfill fills, and would be followed without end.
    async fn find_last(&mut self, session: &mut Session) -> Result<(), Failure> {
        let handle = session.handle().clone();
        let at = handle.namespace.own_table(self.table.name());
        let select = self.table.select_last(at, handle.dialect());
        self.last = self.key(session, &select).await?;
        Ok(())
    }

    /// The key that a query gives.
    async fn key(
        &self,
        session: &mut Session,
        select: &SelectStatement,
    ) -> Result<Option<Key>, Failure> {
        let mut key = None;
        let on_row = &mut |row: &Row<'_>| {
            key = Some(self.table.key(row)?);
            Ok(())
        };
        session.run(select, on_row).await?;
        Ok(key)
    }

    /// Refuses a table with a row that would be in no batch.
    async fn refuse_null(&self, session: &mut Session) -> Result<(), Stopped> {
        let namespace = session.handle().clone();
        let at = namespace.namespace.own_table(self.table.name());
        let Some(select) = self.table.select_null(at) else {
            return Ok(());
        };
        let mut found = false;
        let on_row = &mut |_: &Row<'_>| {
            found = true;
            Ok(())
        };
        session.run(&select, on_row).await?;
        if found {
            let what = format!(
                "table `{}` has rows whose key is NULL, which would be in no batch; name another key with \
                 `key=`",
                self.table.name()
            );
            return Err(self.backfill.wrong_head(&what).into());
        }
        Ok(())
    }

    /// Runs and commits the batch after `progress`.
    async fn next(
        &mut self,
        session: &mut Session,
        entry: &mut Entry,
        progress: &Progress,
    ) -> Result<Moved, Failure> {
        let handle = session.handle().clone();
        let namespace = &handle.namespace;
        let after = match progress.last_key.as_str() {
            "" => None,
            text => Some(self.table.parse(text).ok_or_else(|| {
                Failure::own(self.backfill.wrong_head(
                    "the backfill has begun by another key; restore it, or begin anew with `migrate \
                     resolve --again`",
                ))
            })?),
        };
        let mut range = Range {
            from: after.map_or(Bound::Unbounded, Bound::Excluded),
            until: self.last.clone().map_or(Bound::Unbounded, Bound::Included),
        };
        let at = namespace.own_table(self.table.name());
        let select = self
            .table
            .select_end(at, handle.dialect(), &range, self.size);
        let end = self.key(session, &select).await?;
        if let Some(end) = &end {
            range.until = Bound::Included(end.clone());
        }
        let (text, values) = self.backfill.sql(self.table.within(&range));
        session.begin().await?;
        let changed = session.ask_here(&text, &values, &mut |_| Ok(())).await?;
        let is_last = end.is_none();
        let mut next = progress.clone();
        next.batches += 1;
        next.rows = next
            .rows
            .saturating_add(i64::try_from(changed).unwrap_or(i64::MAX));
        let duration = (self.before + self.since.elapsed()).as_millis();
        next.duration_ms = i64::try_from(duration).unwrap_or(i64::MAX);
        if let Some(end) = &end {
            next.last_key = BackfillTable::text(end).map_err(Failure::own)?;
        }
        let update = next.update(namespace, progress.batches);
        if session.run(&update, &mut |_| Ok(())).await? == 0 {
            session.rollback().await;
            return Ok(Moved::Elsewhere);
        }
        if is_last {
            let mut done = entry.clone();
            done.state = State::Applied;
            done.checksum = self.work.script.checksum.clone();
            done.duration_ms = next.duration_ms;
            write(session, &done, true).await?;
            let delete = delete(namespace, next.version);
            session.run(&delete, &mut |_| Ok(())).await?;
            *entry = done;
        }
        session.commit().await?;
        Ok(Moved::On(next, is_last))
    }
}

/// A failure, with how far the backfill is.
fn stopped(failure: Failure, backfill: &Backfill, progress: &Progress) -> Stopped {
    let error = failure.error;
    if progress.batches == 0 {
        return Stopped {
            error,
            line: Some(backfill.line),
        };
    }
    let message = format!(
        "{}; {} batches are done, and the next run continues behind them",
        error.message(),
        progress.batches
    );
    Stopped {
        error: Error::new(error.kind(), message),
        line: Some(backfill.line),
    }
}

fn changed(backfill: &Backfill, progress: &Progress) -> Error {
    Error::configuration(format!(
        "the statement was changed after {} batches of version {} had run, which changed {} rows; restore \
         it, or decide with `Migrate::resolve` or `shard-orm migrate resolve --at {} --only {}`: `--done` \
         keeps these rows and continues behind them with the new statement, `--again` begins with the \
         first row",
        progress.batches,
        progress.version,
        progress.rows,
        progress.version,
        backfill.path.split('/').next().unwrap_or_default(),
    ))
}
