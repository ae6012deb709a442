//! A migration in one transaction with its record.

use std::time::Instant;

use super::backoff::Backoff;
use super::{Context, Stopped, Work, begin_and_read, forget, read, write};
use crate::backend::Failure;
use crate::error::{Error, ErrorKind, Result};
use crate::migrate::effect::locked_table;
use crate::migrate::file::Direction;
use crate::migrate::history::{Entry, State};
use crate::migrate::report::FENCED_OFF;
use crate::migrate::session::Session;

/// The failure of an attempt.
struct Attempt {
    failure: Failure,
    line: Option<usize>,
    /// Whether the answer to the commit was lost.
    committing: bool,
}

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            line: None,
            committing: false,
        }
    }
}

pub(super) async fn run(
    session: &mut Session,
    work: &Work<'_>,
    context: &Context<'_>,
) -> Result<(), Stopped> {
    let mut backoff = Backoff::new();
    loop {
        if !(context.is_held)() {
            return Err(fenced_off().into());
        }
        let Err(attempt) = attempt(session, work).await else {
            return Ok(());
        };
        let Attempt {
            failure,
            line,
            committing,
        } = attempt;
        if failure.lost {
            return outcome(session, work, committing, failure, line).await;
        }
        session.rollback().await;
        let kind = failure.error.kind();
        if !matches!(
            kind,
            ErrorKind::Timeout | ErrorKind::Deadlock | ErrorKind::Serialization
        ) {
            return Err(Stopped {
                error: failure.error,
                line,
            });
        }
        backoff.pause(session, context, line).await?;
    }
}

async fn attempt(session: &mut Session, work: &Work<'_>) -> Result<(), Attempt> {
    let version = work.migration.version();
    let started = Instant::now();
    let entry = begin_and_read(session, version).await?;
    let is_done = match work.direction {
        Direction::Up => entry
            .as_ref()
            .is_some_and(|entry| entry.state == State::Applied),
        Direction::Down => entry.is_none(),
    };
    if is_done {
        // By another operator, whose lock has expired.
        session.rollback().await;
        return Ok(());
    }
    let is_begun = |entry: &Entry| entry.state != State::Applied && entry.started > 0;
    if entry.as_ref().is_some_and(is_begun) {
        let error = Error::configuration(
            "some of its statements have run one by one, when the file began with \
             `-- no-transaction`; restore that line, so that the run continues behind them",
        );
        return Err(Failure::own(error).into());
    }
    let mut tables: Vec<String> = Vec::new();
    for table in work
        .statements
        .iter()
        .filter_map(|one| locked_table(&one.tokens))
    {
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    if tables.len() > 1 {
        session.lock_tables(&tables).await?;
    }
    for statement in &work.statements {
        session
            .batch(&statement.text)
            .await
            .map_err(|failure| Attempt {
                failure,
                line: Some(statement.line),
                committing: false,
            })?;
    }
    match work.direction {
        Direction::Up => {
            let mut done = work.entry(State::Applied);
            done.duration_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
            write(session, &done, entry.is_some()).await?;
        }
        Direction::Down => forget(session, version).await?,
    }
    session.commit().await.map_err(|failure| Attempt {
        failure,
        line: None,
        committing: true,
    })
}

/// Finds out on another connection whether a commit without an answer has succeeded.
async fn outcome(
    session: &mut Session,
    work: &Work<'_>,
    committing: bool,
    failure: Failure,
    line: Option<usize>,
) -> Result<(), Stopped> {
    if committing && session.reopen().await.is_ok() {
        let entry = read(session, work.migration.version()).await?;
        let is_done = match work.direction {
            Direction::Up => entry.is_some_and(|entry| entry.state == State::Applied),
            Direction::Down => entry.is_none(),
        };
        if is_done {
            return Ok(());
        }
    }
    Err(Stopped {
        error: failure.error,
        line,
    })
}

/// The error of a run that no longer holds the lock of its group.
pub(super) fn fenced_off() -> Error {
    Error::new(ErrorKind::Unavailable, FENCED_OFF)
}
