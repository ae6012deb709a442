//! A dedicated connection to the primary of a namespace, for its migrations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_query::{QueryStatementWriter, Value};

use super::blocker::Blocker;
use crate::backend::migration::{
    About, drop_index_concurrently, lock_tables, session_settings, unbounded_lock_wait,
};
use crate::backend::{
    AbandonedSession, AdvisoryLock, Conn, Failure, Field, OnRow, Row, begin, current_namespace,
    render, use_namespace,
};
use crate::connect::NamespaceHandle;
use crate::error::{ErrorKind, Result};

/// The time that the server may wait for a silent session that applies statements one by one.
const SILENCE: Duration = Duration::from_hours(24);
/// The pause before a text is sent again that did not get a lock.
pub(super) const PAUSE: Duration = Duration::from_millis(50);
/// Around an attempt in a transaction.
const SAVEPOINT: &str = "SAVEPOINT shard_orm_attempt";
const UNDO: &str = "ROLLBACK TO SAVEPOINT shard_orm_attempt";

/// A connection whose statements find the tables of one namespace by their plain names.
pub(super) struct Session {
    conn: Conn,
    handle: Arc<NamespaceHandle>,
    lock_timeout: Duration,
    /// The name of the namespace that was entered; `None` where the address names it.
    entered: Option<String>,
    /// Whether statements are prepared that name tables without their namespace.
    prepared_here: bool,
}

impl Session {
    /// Opens a connection to the primary, in the namespace.
    ///
    /// # Errors
    /// [`ReadOnly`](ErrorKind::ReadOnly) if the server is a replica.
    pub(super) async fn open(
        handle: &Arc<NamespaceHandle>,
        lock_timeout: Duration,
    ) -> Result<Self> {
        let mut session = Self::on_server(handle, lock_timeout).await?;
        session.enter(handle).await?;
        Ok(session)
    }

    /// Opens a connection to the primary; the namespace need not exist.
    pub(super) async fn on_server(
        handle: &Arc<NamespaceHandle>,
        lock_timeout: Duration,
    ) -> Result<Self> {
        let (conn, _) = handle.open_primary("migrations run on primaries").await?;
        let mut session = Self {
            conn,
            handle: Arc::clone(handle),
            lock_timeout,
            entered: None,
            prepared_here: false,
        };
        if let Some(settings) = session_settings(handle.dialect(), lock_timeout) {
            session
                .batch(&settings)
                .await
                .map_err(|failure| failure.error)?;
        }
        Ok(session)
    }

    /// Opens a private database in memory, with the options of the namespace's sessions (SQLite).
    pub(super) async fn in_memory(
        handle: &Arc<NamespaceHandle>,
        lock_timeout: Duration,
    ) -> Result<Self> {
        Ok(Self {
            conn: handle.writer()?.open_in_memory().await?,
            handle: Arc::clone(handle),
            lock_timeout,
            entered: None,
            prepared_here: false,
        })
    }

    /// Replaces a connection that was lost.
    pub(super) async fn reopen(&mut self) -> Result<()> {
        *self = Self::open(&self.handle.clone(), self.lock_timeout).await?;
        Ok(())
    }

    /// The namespace.
    pub(super) fn handle(&self) -> &Arc<NamespaceHandle> {
        &self.handle
    }

    /// Whether this connection can be used in another namespace.
    pub(super) fn can_switch(&self, handle: &NamespaceHandle) -> bool {
        !handle.dialect().capability().file_per_namespace
            && self.handle.server == handle.server
            && self.handle.namespace.group() == handle.namespace.group()
            && self.handle.namespace.is_sharded()
            && handle.namespace.is_sharded()
    }

    /// Whether it keeps so many prepared statements that another connection is faster.
    pub(super) fn is_crowded(&self) -> bool {
        self.conn.is_crowded()
    }

    /// Makes a namespace the one in which tables are found.
    pub(super) async fn enter(&mut self, handle: &Arc<NamespaceHandle>) -> Result<()> {
        let namespace = &handle.namespace;
        // The address of a named database says where its tables are.
        if namespace.is_sharded() || namespace.is_static() {
            let entered = self.enter_named(namespace.name()).await;
            entered.map_err(|failure| failure.error)?;
        }
        self.handle = Arc::clone(handle);
        Ok(())
    }

    /// Makes the namespace of this name the one in which tables are found.
    pub(super) async fn enter_named(&mut self, name: &str) -> Result<(), Failure> {
        let Some(text) = use_namespace(self.handle.dialect(), name) else {
            return Ok(());
        };
        self.batch(&text).await?;
        self.entered = Some(name.to_owned());
        // MySQL and MariaDB run a prepared statement in the database in which it was prepared, and the
        // driver keeps every statement prepared there.
        if std::mem::take(&mut self.prepared_here) {
            self.conn.clear_statements().await?;
        }
        Ok(())
    }

    /// The name of the namespace in which tables are found: of a named database, what its address
    /// leads to. `None` on SQLite.
    pub(super) async fn namespace(&mut self) -> Result<Option<String>, Failure> {
        let Some(text) = current_namespace(self.handle.dialect()) else {
            return Ok(None);
        };
        let mut name = None;
        let on_row = &mut |row: &Row<'_>| {
            name = Option::<String>::read(row, 0)?;
            Ok(())
        };
        self.ask(text, &[], on_row).await?;
        Ok(name)
    }

    /// Runs a statement with these values, and returns the number of affected rows.
    pub(super) async fn ask(
        &mut self,
        text: &str,
        values: &[Value],
        on_row: &mut OnRow<'_>,
    ) -> Result<u64, Failure> {
        self.conn.ask(text, values, on_row).await
    }

    /// As [`ask`](Self::ask), for a text that names tables of the namespace without it.
    pub(super) async fn ask_here(
        &mut self,
        text: &str,
        values: &[Value],
        on_row: &mut OnRow<'_>,
    ) -> Result<u64, Failure> {
        self.prepared_here = true;
        self.ask(text, values, on_row).await
    }

    /// Runs a text without arguments.
    pub(super) async fn batch(&mut self, text: &str) -> Result<(), Failure> {
        self.conn.batch(text).await
    }

    /// Runs a text without arguments; again after a pause, for up to `wait`, while it does not get a
    /// lock. `in_transaction`, an attempt does not end the transaction.
    pub(super) async fn batch_within(
        &mut self,
        text: &str,
        wait: Duration,
        in_transaction: bool,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            if in_transaction {
                self.batch(SAVEPOINT).await?;
            }
            let Err(failure) = self.batch(text).await else {
                return Ok(());
            };
            let is_over = begun.elapsed() >= wait;
            if failure.lost || is_over || failure.error.kind() != ErrorKind::Timeout {
                return Err(failure);
            }
            if in_transaction {
                self.batch(UNDO).await?;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(super) async fn begin(&mut self) -> Result<(), Failure> {
        let text = begin(self.handle.dialect(), None, false);
        self.batch(&text).await
    }

    /// Begins a transaction with a statement that has no arguments, in one message.
    pub(super) async fn begin_with(
        &mut self,
        statement: &(impl QueryStatementWriter + Sync),
        on_row: &mut OnRow<'_>,
    ) -> Result<(), Failure> {
        let dialect = self.handle.dialect();
        let (begin, (text, _)) = (begin(dialect, None, false), render(dialect, statement));
        self.conn.list(format!("{begin};\n{text}"), on_row).await
    }

    pub(super) async fn commit(&mut self) -> Result<(), Failure> {
        self.batch("COMMIT").await
    }

    /// Rolls back after a failure. A connection that was lost has no transaction.
    pub(super) async fn rollback(&mut self) {
        if let Err(failure) = self.batch("ROLLBACK").await {
            tracing::debug!(target: "shard_orm", error = %failure.error, "a rollback failed");
        }
    }

    /// Runs a statement of sea-query, and returns the number of affected rows.
    pub(super) async fn run(
        &mut self,
        statement: &(impl QueryStatementWriter + Sync),
        on_row: &mut OnRow<'_>,
    ) -> Result<u64, Failure> {
        let (text, values) = render(self.handle.dialect(), statement);
        self.ask(&text, &values.0, on_row).await
    }

    /// Whether the catalog has a row for this question.
    pub(super) async fn has(&mut self, about: About<'_>) -> Result<bool, Failure> {
        let Some((text, values)) = about.question(self.handle.dialect(), self.entered.as_deref())
        else {
            return Ok(false);
        };
        let mut found = false;
        let on_row = &mut |_: &Row<'_>| {
            found = true;
            Ok(())
        };
        self.ask(&text, &values, on_row).await?;
        Ok(found)
    }

    /// Drops an index that is not valid.
    pub(super) async fn drop_invalid_index(&mut self, index: &str) -> Result<(), Failure> {
        if self.has(About::InvalidIndex(index)).await? {
            self.batch(&drop_index_concurrently(index)).await?;
        }
        Ok(())
    }

    /// The sessions that hold locks, as far as this user may see them.
    pub(super) async fn blockers(&mut self) -> Vec<Blocker> {
        let mut blockers = Vec::new();
        if let Some((text, values)) = About::Blockers.question(self.handle.dialect(), None) {
            let asked = self
                .conn
                .ask(&text, &values, &mut |row| {
                    blockers.push(Blocker {
                        session: String::read(row, 0)?,
                        user: String::read(row, 1)?,
                        client: String::read(row, 2)?,
                        state: String::read(row, 3)?,
                        seconds: i64::read(row, 4)?,
                    });
                    Ok(())
                })
                .await;
            if let Err(failure) = asked {
                tracing::debug!(target: "shard_orm", error = %failure.error, "cannot list blockers");
            }
        }
        blockers
    }

    /// Locks those of the tables that exist, all at once.
    pub(super) async fn lock_tables(&mut self, tables: &[String]) -> Result<(), Failure> {
        let mut existing = Vec::new();
        for table in tables {
            if self.has(About::Table(table)).await? {
                existing.push(table.clone());
            }
        }
        match lock_tables(self.handle.dialect(), &existing) {
            Some(text) => self.batch(&text).await,
            None => Ok(()),
        }
    }

    /// Removes or restores the limit on the wait for a lock.
    pub(super) async fn limit_lock_wait(&mut self, limited: bool) -> Result<(), Failure> {
        let limit = if limited {
            self.lock_timeout
        } else {
            Duration::ZERO
        };
        match unbounded_lock_wait(self.handle.dialect(), limit) {
            Some(text) => self.batch(&text).await,
            None => Ok(()),
        }
    }

    /// Takes the lock of the sessions that apply statements one by one in this namespace: while an
    /// earlier session holds it, a statement of an interrupted run is still running. True on
    /// databases without such locks.
    pub(super) async fn lock_steps(&mut self) -> Result<bool, Failure> {
        if !self
            .handle
            .dialect()
            .capability()
            .session_locks
            .is_supported()
        {
            return Ok(true);
        }
        let lock = self.steps_lock();
        self.lock_named(&lock).await
    }

    /// Takes a lock for as long as the session lasts, unless another session holds it.
    pub(super) async fn lock_named(&mut self, lock: &AdvisoryLock) -> Result<bool, Failure> {
        self.conn.advisory_lock(lock, SILENCE).await
    }

    /// Releases a lock.
    pub(super) async fn unlock_named(&mut self, lock: &AdvisoryLock) -> Result<(), Failure> {
        self.conn.advisory_unlock(lock).await.map(drop)
    }

    pub(super) async fn unlock_steps(&mut self) -> Result<(), Failure> {
        if self
            .handle
            .dialect()
            .capability()
            .session_locks
            .is_supported()
        {
            let lock = self.steps_lock();
            self.unlock_named(&lock).await?;
        }
        Ok(())
    }

    fn steps_lock(&self) -> AdvisoryLock {
        let key = format!("migrate/{}", self.handle.namespace.name());
        crate::lock::advisory(&self.handle.cluster, &key)
    }

    /// Ends another session, which was abandoned with a statement that runs.
    pub(super) async fn kill(&mut self, session: AbandonedSession) -> Result<(), Failure> {
        self.conn.kill(session).await
    }

    /// Abandons the connection; a session that is returned has to be killed over another one.
    pub(super) fn abandon(self) -> Option<AbandonedSession> {
        self.conn.abandon()
    }

    pub(super) async fn close(self) {
        self.conn.close().await;
    }
}
