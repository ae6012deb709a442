//! Applies or reverts one migration in one namespace.
//!
//! Where DDL is transactional, the statements and the record of the version are one transaction.
//! Elsewhere, and for files that start with `-- no-transaction`, statements run one by one, and each is
//! recorded, so that an interrupted migration is completed by the next run.

mod backoff;
mod batches;
mod decide;
mod steps;
mod transaction;

use std::time::Duration;

use sea_query::Expr;

use super::backfill::{self, Backfill, Pace};
use super::effect::{is_setting, needs_no_transaction, transaction_control};
use super::event::Event;
use super::file::{Direction, Script};
use super::history::{self, Entry, State};
use super::mark::Resolution;
use super::migrations::Migration;
use super::plan::script;
use super::session::Session;
use super::survey::Found;
use crate::backend::Failure;
use crate::backend::script::{ScriptStatement, statements};
use crate::cluster::Location;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};

/// How long the creation of the table of versions waits for locks, which others hold on the catalog for
/// moments.
const PREPARATION: Duration = Duration::from_secs(10);

/// One migration in one direction, for one kind of database.
pub(super) struct Work<'m> {
    pub(super) migration: &'m Migration,
    pub(super) script: &'m Script,
    pub(super) direction: Direction,
    pub(super) dialect: Dialect,
    statements: Vec<ScriptStatement>,
    /// Whether all statements run in one transaction.
    transactional: bool,
    /// The statement, if it runs in batches.
    pub(super) backfill: Option<Backfill>,
}

impl<'m> Work<'m> {
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the migration has no file for the database, or
    /// controls a transaction within the transaction that it runs in.
    pub(super) fn new(
        migration: &'m Migration,
        direction: Direction,
        dialect: Dialect,
    ) -> Result<Self> {
        let script = script(migration, direction, dialect)?;
        let statements = statements(dialect, &script.text);
        let path = &script.path;
        let backfill = match &script.backfill {
            Some(head) if direction == Direction::Down => {
                return Err(Error::configuration(format!(
                    "migration file `{path}`, line {}: a file that reverts a version does not run in \
                     batches; write the reverse as a backfill of its own",
                    head.line
                )));
            }
            Some(head) => Some(Backfill::new(dialect, path, head, &statements)?),
            None => None,
        };
        let transactional = dialect.capability().transactional_ddl
            && !script.no_transaction
            && !statements
                .iter()
                .any(|one| needs_no_transaction(&one.tokens));
        let controls = statements
            .iter()
            .find(|one| transaction_control(&one.tokens).is_some());
        if let Some(statement) = controls.filter(|_| transactional) {
            return Err(Error::configuration(format!(
                "migration file `{}`, line {}: a migration runs in a transaction of its own; remove \
                 the statement, or begin the file with the line `-- no-transaction`",
                script.path, statement.line
            )));
        }
        Ok(Self {
            migration,
            script,
            direction,
            dialect,
            statements,
            transactional,
            backfill,
        })
    }

    /// Whether it changes settings of its session.
    pub(super) fn has_settings(&self) -> bool {
        self.statements.iter().any(|one| is_setting(&one.tokens))
    }

    /// The entry of a version whose statements are about to run.
    fn entry(&self, state: State) -> Entry {
        let migration = self.migration;
        let checksum = self.script.checksum.clone();
        Entry::new(migration.version(), migration.name(), checksum, state)
    }
}

/// The waits of a migration, and the receiver of its events.
pub(super) struct Context<'a> {
    /// The longest wait for all locks.
    pub(super) lock_wait: Duration,
    pub(super) location: &'a Location,
    pub(super) notify: &'a (dyn Fn(Event) + Sync),
    /// Whether the lock of the group is still held.
    pub(super) is_held: &'a (dyn Fn() -> bool + Sync),
    pub(super) pace: &'a Pace,
}

/// A migration that failed.
#[derive(Debug)]
pub(super) struct Stopped {
    pub(super) error: Error,
    /// The line of the statement.
    pub(super) line: Option<usize>,
}

impl Stopped {
    fn at(line: usize) -> impl FnOnce(Failure) -> Self {
        move |failure| Self {
            error: failure.error,
            line: Some(line),
        }
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        failure.error.into()
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self { error, line: None }
    }
}

/// Applies or reverts a migration in the namespace of a session.
pub(super) async fn apply(
    session: &mut Session,
    work: &Work<'_>,
    context: &Context<'_>,
) -> Result<(), Stopped> {
    if let Some(backfill) = &work.backfill {
        batches::run(session, work, backfill, context).await
    } else if work.transactional {
        transaction::run(session, work, context).await
    } else {
        steps::run(session, work, context).await
    }
}

/// Decides about a backfill whose statement was changed after it had begun, in the namespace of a
/// session. False if none has begun.
pub(super) async fn resolve_backfill(
    session: &mut Session,
    migration: &Migration,
    resolution: Resolution,
) -> Result<bool, Failure> {
    let handle = session.handle().clone();
    let work = Work::new(migration, Direction::Up, handle.dialect()).map_err(Failure::own)?;
    let Some(backfill) = &work.backfill else {
        return Ok(false);
    };
    let Some(mut progress) = batches::progress_of(session, migration.version()).await? else {
        return Ok(false);
    };
    match resolution {
        Resolution::Done => {
            progress.checksum = backfill.checksum.clone();
            let update = progress.update(&handle.namespace, progress.batches);
            session.run(&update, &mut |_| Ok(())).await?;
        }
        Resolution::Again => {
            let delete = backfill::delete(&handle.namespace, migration.version());
            session.run(&delete, &mut |_| Ok(())).await?;
        }
    }
    Ok(true)
}

/// Decides about the statement at which a version was interrupted.
pub(super) fn resolve(
    entry: &mut Entry,
    migration: &Migration,
    dialect: Dialect,
    resolution: Resolution,
) -> Result<()> {
    let direction = match entry.state {
        State::Reverting => Direction::Down,
        State::Applied | State::Applying => Direction::Up,
    };
    let work = Work::new(migration, direction, dialect)?;
    entry.resolve(&work, resolution == Resolution::Done);
    Ok(())
}

/// Creates the table of versions, with the versions that sqlx has recorded.
pub(super) async fn prepare(session: &mut Session, found: &Found) -> Result<(), Stopped> {
    if found.table {
        return Ok(());
    }
    let handle = session.handle().clone();
    let create = history::create(&handle.namespace);
    session.batch_within(&create, PREPARATION, false).await?;
    if found.entries.is_empty() {
        return Ok(());
    }
    session.begin().await?;
    for entry in found.entries.values() {
        let insert = entry.insert(&handle.namespace)?;
        match session.run(&insert, &mut |_| Ok(())).await {
            Err(failure) => {
                session.rollback().await;
                return Err(failure.into());
            }
            Ok(_) => continue,
        }
    }
    session.commit().await?;
    Ok(())
}

/// Writes the entry of a version, in place of a former one if it has one.
pub(super) async fn write(
    session: &mut Session,
    entry: &Entry,
    exists: bool,
) -> Result<(), Failure> {
    let handle = session.handle().clone();
    let namespace = &handle.namespace;
    if !exists {
        let insert = entry.insert(namespace).map_err(Failure::own)?;
        session.run(&insert, &mut |_| Ok(())).await?;
        return Ok(());
    }
    let rows = session
        .run(&entry.update(namespace), &mut |_| Ok(()))
        .await?;
    if rows == 0 {
        return Err(Failure::own(Error::new(
            ErrorKind::Database,
            format!(
                "the record of version {} was removed while its statements ran; another run may be at \
                 work",
                entry.version
            ),
        )));
    }
    Ok(())
}

/// Reads the entry of a version.
pub(super) async fn read(session: &mut Session, version: i64) -> Result<Option<Entry>, Failure> {
    let handle = session.handle().clone();
    let select = history::select_version(&handle.namespace, Expr::val(version));
    let mut found = None;
    session
        .run(&select, &mut |row| {
            found = Some(Entry::read(row, 1)?);
            Ok(())
        })
        .await?;
    Ok(found)
}

/// Begins a transaction, and reads the entry of a version; in one round trip where the database has
/// statement lists.
pub(super) async fn begin_and_read(
    session: &mut Session,
    version: i64,
) -> Result<Option<Entry>, Failure> {
    let handle = session.handle().clone();
    if !handle.dialect().capability().statement_lists {
        session.begin().await?;
        return read(session, version).await;
    }
    let select = history::select_version(&handle.namespace, history::literal(version));
    let mut found = None;
    session
        .begin_with(&select, &mut |row| {
            found = Some(Entry::read(row, 1)?);
            Ok(())
        })
        .await?;
    Ok(found)
}

pub(super) async fn forget(session: &mut Session, version: i64) -> Result<(), Failure> {
    let handle = session.handle().clone();
    let delete = history::delete(&handle.namespace, version);
    session.run(&delete, &mut |_| Ok(())).await.map(drop)
}
