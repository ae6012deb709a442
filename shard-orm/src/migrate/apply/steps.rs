//! A migration whose statements run one by one, each with a record.

use std::time::Instant;

use super::backoff::Backoff;
use super::decide::has_run;
use super::transaction::fenced_off;
use super::{Context, Stopped, Work, forget, read, write};
use crate::backend::Failure;
use crate::backend::script::ScriptStatement;
use crate::error::{Error, ErrorKind, Result};
use crate::migrate::checksum::Checksum;
use crate::migrate::effect::{
    Effect, Object, is_dml, is_setting, needs_no_transaction, transaction_control,
};
use crate::migrate::file::Direction;
use crate::migrate::history::{Entry, State};
use crate::migrate::session::Session;

pub(super) async fn run(
    session: &mut Session,
    work: &Work<'_>,
    context: &Context<'_>,
) -> Result<(), Stopped> {
    let mut backoff = Backoff::new();
    while !session.lock_steps().await? {
        // A statement of an interrupted run is still running on its server.
        backoff.pause(session, context, None).await?;
    }
    let outcome = run_locked(session, work, context).await;
    // A lost session has lost its lock too.
    let unlocked = session.unlock_steps().await;
    outcome?;
    Ok(unlocked?)
}

async fn run_locked(
    session: &mut Session,
    work: &Work<'_>,
    context: &Context<'_>,
) -> Result<(), Stopped> {
    let started = Instant::now();
    let Some(mut entry) = entry(session, work).await? else {
        return Ok(());
    };
    if entry.started > entry.completed {
        let interrupted = position(entry.completed);
        if let Some(statement) = work.statements.get(interrupted) {
            let ran = has_run(session, work, statement).await?;
            entry.resolve(work, ran);
            write(session, &entry, true).await?;
        }
    }
    let done = position(entry.completed);
    for setting in work.statements.iter().take(done) {
        if is_setting(&setting.tokens) {
            session
                .batch(&setting.text)
                .await
                .map_err(Stopped::at(setting.line))?;
        }
    }
    let mut in_transaction = false;
    for (at, statement) in work.statements.iter().enumerate().skip(done) {
        let mut backoff = Backoff::new();
        loop {
            if !(context.is_held)() {
                return Err(fenced_off().into());
            }
            let Err(failure) = step(session, work, &mut entry, at, in_transaction).await else {
                break;
            };
            if failure.lost {
                return Err(Stopped::at(statement.line)(failure));
            }
            session.rollback().await;
            entry.started = entry.completed;
            let waits = matches!(
                failure.error.kind(),
                ErrorKind::Timeout | ErrorKind::Deadlock | ErrorKind::Serialization
            );
            // The statements of a user's own transaction are rolled back with it.
            if in_transaction {
                return Err(Stopped::at(statement.line)(failure));
            }
            write(session, &entry, true).await?;
            if !waits {
                return Err(Stopped::at(statement.line)(failure));
            }
            backoff
                .pause(session, context, Some(statement.line))
                .await?;
        }
        in_transaction = transaction_control(&statement.tokens).unwrap_or(in_transaction);
    }
    match work.direction {
        Direction::Up => {
            entry.state = State::Applied;
            entry.checksum = work.script.checksum.clone();
            entry.duration_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
            write(session, &entry, true).await?;
        }
        Direction::Down => forget(session, entry.version).await?,
    }
    Ok(())
}

/// The entry of the version, written before its first statement; `None` if nothing is left to do.
async fn entry(session: &mut Session, work: &Work<'_>) -> Result<Option<Entry>, Stopped> {
    let found = read(session, work.migration.version()).await?;
    let state = match work.direction {
        Direction::Up => State::Applying,
        Direction::Down => State::Reverting,
    };
    let Some(found) = found else {
        if work.direction == Direction::Down {
            return Ok(None);
        }
        let entry = work.entry(state);
        write(session, &entry, false).await?;
        return Ok(Some(entry));
    };
    if found.state != state {
        if work.direction == Direction::Up && found.state == State::Applied {
            return Ok(None);
        }
        // A version that was applied begins to be reverted. Its checksum stays that of the file that
        // was applied; one that is interrupted is reverted from its first statement on.
        let mut entry = found;
        entry.state = state;
        (entry.completed, entry.started) = (0, 0);
        entry.prefix.clear();
        write(session, &entry, true).await?;
        return Ok(Some(entry));
    }
    if found.prefix != prefix(work, position(found.completed)) {
        return Err(Error::configuration(format!(
            "migration file `{}` was changed in one of its first {} statements, which have run \
             already; restore them, and mend the rest",
            work.script.path, found.completed
        ))
        .into());
    }
    Ok(Some(found))
}

/// Runs one statement and records it.
async fn step(
    session: &mut Session,
    work: &Work<'_>,
    entry: &mut Entry,
    at: usize,
    in_transaction: bool,
) -> Result<(), Failure> {
    let statement = &work.statements[at];
    if is_dml(&statement.tokens) && !in_transaction {
        session.begin().await?;
        session.batch(&statement.text).await?;
        let mut next = entry.clone();
        next.advance(work, at);
        write(session, &next, true).await?;
        session.commit().await?;
        *entry = next;
        return Ok(());
    }
    entry.started = entry.completed + 1;
    write(session, entry, true).await?;
    let is_concurrent = needs_no_transaction(&statement.tokens);
    if is_concurrent {
        drop_invalid(session, statement).await?;
        // Nobody queues behind it.
        session.limit_lock_wait(false).await?;
    }
    let ran = session.batch(&statement.text).await;
    if is_concurrent && ran.as_ref().err().is_none_or(|failure| !failure.lost) {
        session.limit_lock_wait(true).await?;
    }
    ran?;
    entry.advance(work, at);
    write(session, entry, true).await
}

/// Drops the index that an interrupted `CREATE INDEX CONCURRENTLY` has left.
async fn drop_invalid(session: &mut Session, statement: &ScriptStatement) -> Result<(), Failure> {
    let creates = statement
        .tokens
        .first()
        .is_some_and(|first| first.is("CREATE"));
    if !creates {
        return Ok(());
    }
    let Some(Effect {
        object: Object::Index { index, .. },
        ..
    }) = Effect::of(&statement.tokens)
    else {
        return Err(Failure::own(Error::configuration(
            "`CREATE INDEX CONCURRENTLY` needs a name for the index, so that an interrupted build can \
             be found and repeated",
        )));
    };
    session.drop_invalid_index(&index).await
}

impl Entry {
    /// Records whether the statement at which it was interrupted has run.
    pub(super) fn resolve(&mut self, work: &Work<'_>, ran: bool) {
        self.started = self.completed;
        if ran {
            self.advance(work, position(self.completed));
        }
    }

    /// Records a statement as completed.
    fn advance(&mut self, work: &Work<'_>, at: usize) {
        self.completed = i64::try_from(at + 1).unwrap_or(i64::MAX);
        self.started = self.completed;
        self.prefix = prefix(work, at + 1);
    }
}

fn position(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// The checksum of the first statements.
fn prefix(work: &Work<'_>, count: usize) -> String {
    if count == 0 {
        return String::new();
    }
    let texts: Vec<&str> = work
        .statements
        .iter()
        .take(count)
        .map(|one| &*one.text)
        .collect();
    Checksum::of(&texts.join(";")).as_str().to_owned()
}
