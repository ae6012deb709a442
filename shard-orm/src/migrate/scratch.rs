//! A scratch namespace: what the migration files make of an empty one.
//!
//! Used by `drift`, which compares it with the namespaces, and by `generate`, which compares it with
//! the models. It has no record, so nothing takes it for a logical shard. On SQLite it is in memory, on
//! PostgreSQL in a transaction that is rolled back, and on MySQL and MariaDB a database beside the
//! others, which is dropped at the end.

mod database;
mod statement;

use std::sync::Arc;
use std::time::Duration;

use self::statement::{Treatment, treatment};
use super::effect::{is_setting, locked_table, needs_no_transaction};
use super::file::{Direction, Script};
use super::migrations::Migration;
use super::plan::script;
use super::run::message;
use super::session::Session;
use crate::backend::migration::About;
use crate::backend::scratch::{create_scratch, locked_outside, without_keyword, without_namespace};
use crate::backend::script::{ScriptStatement, statements};
use crate::backend::{Failure, Field as _, Row};
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::random::random;
use crate::schema::TableDef;

/// Where a scratch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a database in memory.
    Memory,
    /// In a transaction that is rolled back.
    Transaction,
    /// In a database that is dropped.
    Database,
}

/// A scratch namespace.
pub(super) struct Scratch {
    /// `None` once it is removed.
    session: Option<Session>,
    handle: Arc<NamespaceHandle>,
    place: Place,
    name: String,
    /// The name of the namespaces' own, with which a file may qualify its tables.
    own: Option<String>,
    lock_wait: Duration,
}

/// The waits for locks, which a foreign key to another namespace needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    /// Of one attempt.
    pub(super) lock_timeout: Duration,
    /// Of all attempts.
    pub(super) lock_wait: Duration,
}

impl Default for Waits {
    /// 10 ms, and a minute.
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_millis(10),
            lock_wait: Duration::from_mins(1),
        }
    }
}

/// The tables that migrations make of an empty namespace beside these.
pub(super) async fn tables_after(
    handles: &[Arc<NamespaceHandle>],
    migrations: &[Migration],
) -> Result<Vec<TableDef>> {
    let handles: Vec<_> = handles.iter().collect();
    let mut scratch = Scratch::beside(&handles, Waits::default()).await?;
    let built = async {
        for migration in migrations {
            scratch.apply(migration).await?;
        }
        scratch.tables().await
    };
    let built = built.await;
    let removed = scratch.remove().await;
    let tables = built?;
    removed.map(|()| tables)
}

impl Scratch {
    /// Creates an empty namespace on the first server of these namespaces that answers. They need not
    /// exist.
    pub(super) async fn beside(handles: &[&Arc<NamespaceHandle>], waits: Waits) -> Result<Self> {
        let mut outcome = Err(Error::configuration("there is no namespace"));
        let mut tried: Vec<&str> = Vec::new();
        for handle in handles {
            if tried.contains(&&*handle.server) {
                continue;
            }
            tried.push(&handle.server);
            outcome = Self::open(handle, waits).await;
            let is_away = |error: &Error| error.kind() == ErrorKind::Unavailable;
            if !outcome.as_ref().is_err_and(is_away) {
                break;
            }
        }
        outcome
    }

    async fn open(handle: &Arc<NamespaceHandle>, waits: Waits) -> Result<Self> {
        let capability = handle.dialect().capability();
        let place = if capability.file_per_namespace {
            Place::Memory
        } else if capability.transactional_ddl {
            Place::Transaction
        } else {
            Place::Database
        };
        let opened = match place {
            Place::Memory => Session::in_memory(handle, waits.lock_timeout).await?,
            Place::Transaction | Place::Database => {
                Session::on_server(handle, waits.lock_timeout).await?
            }
        };
        let mut scratch = Self {
            session: Some(opened),
            handle: Arc::clone(handle),
            place,
            name: String::new(),
            own: None,
            lock_wait: waits.lock_wait,
        };
        if let Err(failure) = scratch.create().await {
            let error = Error::new(
                failure.error.kind(),
                format!(
                    "cannot create a scratch namespace on server `{}`, in which the migration files \
                     are run: {}; use an account that may create namespaces",
                    handle.server,
                    failure.error.message()
                ),
            );
            return Err(error.with_source(failure.error));
        }
        Ok(scratch)
    }

    async fn create(&mut self) -> Result<(), Failure> {
        let handle = Arc::clone(&self.handle);
        let dialect = handle.dialect();
        let namespace = &handle.namespace;
        self.own = if namespace.is_sharded() || namespace.is_static() {
            Some(namespace.name().to_string())
        } else {
            self.session()?.namespace().await?
        };
        let base = self.own.as_deref().unwrap_or(namespace.name());
        // Like the others, so that a grant on a pattern of their names includes it.
        let suffix = format!("_scratch_{:016x}", random());
        let longest = dialect.capability().name_bytes - suffix.len();
        let base: String = base.chars().take(longest).collect();
        self.name = base + &suffix;
        match self.place {
            Place::Memory => Ok(()),
            Place::Transaction => {
                let name = self.name.clone();
                let session = self.session()?;
                session.begin().await?;
                if let Some(create) = create_scratch(dialect, &name, None) {
                    session.batch(&create).await?;
                }
                self.enter().await
            }
            Place::Database => self.create_database().await,
        }
    }

    fn session(&mut self) -> Result<&mut Session, Failure> {
        let removed = || Failure::own(Error::unsupported("the scratch namespace was removed"));
        self.session.as_mut().ok_or_else(removed)
    }

    /// Runs the statements of a migration that change tables.
    ///
    /// # Errors
    /// The file, the line and the error of the database.
    pub(super) async fn apply(&mut self, migration: &Migration) -> Result<()> {
        let dialect = self.handle.dialect();
        let script = script(migration, Direction::Up, dialect)?;
        let text = match &self.own {
            Some(own) => without_namespace(dialect, &script.text, own),
            None => script.text.clone(),
        };
        let statements = statements(dialect, &text);
        for statement in &statements {
            let ran = self.run(statement).await;
            ran.map_err(|failure| self.failed(script, statement.line, &failure.error))?;
        }
        if let Some(last) = statements.last() {
            let checked = self.check_outside().await;
            checked.map_err(|failure| self.failed(script, last.line, &failure.error))?;
        }
        if statements.iter().any(|one| is_setting(&one.tokens)) && self.place != Place::Memory {
            self.enter().await.map_err(|failure| failure.error)?;
        }
        Ok(())
    }

    async fn enter(&mut self) -> Result<(), Failure> {
        let name = self.name.clone();
        self.session()?.enter_named(&name).await
    }

    async fn run(&mut self, statement: &ScriptStatement) -> Result<(), Failure> {
        match treatment(&statement.tokens, self.place != Place::Database) {
            Treatment::Skip => return Ok(()),
            Treatment::Refuse(reason) => return Err(Failure::own(Error::configuration(reason))),
            Treatment::Run => {}
        }
        if self.place == Place::Transaction && self.is_of_others(statement).await? {
            return Ok(());
        }
        let text = if needs_no_transaction(&statement.tokens) {
            // The tables are empty, and nobody uses them.
            without_keyword(self.handle.dialect(), &statement.text, "CONCURRENTLY")
        } else {
            statement.text.clone()
        };
        let wait = self.lock_wait;
        let is_nested = self.place == Place::Transaction;
        self.session()?.batch_within(&text, wait, is_nested).await
    }

    /// Whether a statement changes a table that the scratch does not have, and the search path could
    /// find elsewhere. A statement that may find none (`IF EXISTS`) is passed over.
    async fn is_of_others(&mut self, statement: &ScriptStatement) -> Result<bool, Failure> {
        let Some(table) = locked_table(&statement.tokens) else {
            return Ok(false);
        };
        if self.session()?.has(About::Table(&table)).await? {
            return Ok(false);
        }
        if statement.tokens.iter().take(4).any(|one| one.is("EXISTS")) {
            return Ok(true);
        }
        Err(Failure::own(Error::new(
            ErrorKind::UndefinedTable,
            format!("table `{table}` does not exist"),
        )))
    }

    /// Checks that the files have changed nothing outside of the scratch, of which the rollback would
    /// not be in time for the application.
    async fn check_outside(&mut self) -> Result<(), Failure> {
        let Some(text) = locked_outside(self.handle.dialect()) else {
            return Ok(());
        };
        let mut found = None;
        let on_row = &mut |row: &Row<'_>| {
            found = Some(String::read(row, 0)?);
            Ok(())
        };
        self.session()?.ask(text, &[], on_row).await?;
        match found {
            None => Ok(()),
            Some(table) => Err(Failure::own(Error::configuration(format!(
                "the file changes `{table}`, which is outside of the namespace"
            )))),
        }
    }

    fn failed(&self, script: &Script, line: usize, error: &Error) -> Error {
        Error::new(
            error.kind(),
            format!(
                "migration file `{}`, line {line}, does not run in a scratch namespace on server `{}`, \
                 which has what the files before it create: {}",
                script.path,
                self.handle.server,
                message(error)
            ),
        )
    }

    /// The tables that the files have made.
    pub(super) async fn tables(&mut self) -> Result<Vec<TableDef>> {
        let name = (self.place != Place::Memory).then(|| self.name.clone());
        let tables = async { self.session()?.tables(name.as_deref()).await };
        tables.await.map_err(|failure| failure.error)
    }

    /// Removes it.
    ///
    /// # Errors
    /// With the name of what is left.
    pub(super) async fn remove(mut self) -> Result<()> {
        let removed = match self.place {
            Place::Memory => Ok(()),
            Place::Transaction => {
                if let Some(session) = &mut self.session {
                    session.rollback().await;
                }
                Ok(())
            }
            Place::Database => self.drop_database().await,
        };
        if let Err(failure) = removed {
            return Err(Error::new(
                failure.error.kind(),
                format!(
                    "cannot drop the scratch database `{}` on server `{}`: {}; the next run drops it",
                    self.name,
                    self.handle.server,
                    failure.error.message()
                ),
            ));
        }
        if let Some(session) = self.session.take() {
            session.close().await;
        }
        Ok(())
    }
}
