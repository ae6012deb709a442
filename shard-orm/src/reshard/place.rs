//! A dedicated connection of a mover to one namespace.
//!
//! Every transaction that changes rows begins with a look at the namespace's record, which it locks: job,
//! token and state have to be the mover's. A mover that was taken over can therefore change nothing any
//! more, whenever it wakes up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_query::{
    Alias, Expr, ExprTrait as _, IntoTableRef as _, LockType, Query, QueryStatementWriter,
    SelectStatement, TableRef, Value,
};

use crate::backend::inspect::{Catalog, question_about_all};
use crate::backend::{
    Conn, Failure, Field as _, OnRow, Position, Row, begin, commit_durably, move_session, quote,
    render, use_namespace,
};
use crate::connect::{NamespaceHandle, STATE, State, TABLE};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::TableDef;

/// The pause between two attempts to be the only session of a job, and how long it is tried.
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);
/// For how long such a session may be silent.
const SILENCE: Duration = Duration::from_hours(24);

/// The job and token under which a mover acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) job: u64,
    pub(super) token: u64,
}

impl Ticket {
    /// Whether a record has the ticket of a later runner or job.
    fn is_before(self, found: Standing) -> bool {
        match found.job {
            Some(job) if job == self.job => found.token > self.token,
            Some(job) => job > self.job,
            None => false,
        }
    }
}

/// What the record of a namespace says of its moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: State,
    pub(super) job: Option<u64>,
    pub(super) token: u64,
}

impl Standing {
    /// Whether the record has this job and token.
    pub(super) fn is_of(&self, ticket: Ticket) -> bool {
        self.job == Some(ticket.job) && self.token == ticket.token
    }
}

/// A dedicated connection in a namespace.
pub(super) struct Place {
    pub(super) conn: Conn,
    pub(super) handle: Arc<NamespaceHandle>,
    /// Where its server was when it was opened, and in which history; not told by each server.
    pub(super) position: Option<Position>,
    ticket: Ticket,
}

impl Place {
    /// Opens a connection for the runner of a job to the primary of a namespace, which need not exist yet.
    pub(super) async fn open(handle: &Arc<NamespaceHandle>, ticket: Ticket) -> Result<Self> {
        let mut place = Self::connect(handle, ticket).await?;
        if !place.dialect().capability().file_per_namespace {
            place.succeed().await?;
        }
        Ok(place)
    }

    /// Opens a connection for somebody who only looks.
    pub(super) async fn visit(handle: &Arc<NamespaceHandle>) -> Result<Self> {
        Self::connect(handle, Ticket { job: 0, token: 0 }).await
    }

    /// Opens a connection to an endpoint of a namespace for somebody who only looks, whether it takes writes or not.
    pub(super) async fn at(handle: &Arc<NamespaceHandle>, endpoint: usize) -> Result<Self> {
        let conn = handle.reading(endpoint).open_dedicated().await?;
        Ok(Self {
            conn,
            handle: Arc::clone(handle),
            position: None,
            ticket: Ticket { job: 0, token: 0 },
        })
    }

    async fn connect(handle: &Arc<NamespaceHandle>, ticket: Ticket) -> Result<Self> {
        let (conn, position) = handle
            .open_primary("logical shards are moved between primaries")
            .await?;
        let mut place = Self {
            conn,
            handle: Arc::clone(handle),
            position,
            ticket,
        };
        place
            .batch(&move_session(handle.dialect(), ticket.job))
            .await?;
        if let Some(enter) = use_namespace(handle.dialect(), handle.namespace.name()) {
            match place.conn.batch(&enter).await {
                // The namespace is created later.
                Err(failure) if failure.error.kind() == ErrorKind::UndefinedTable => {}
                outcome => outcome.map_err(|failure| failure.error)?,
            }
        }
        Ok(place)
    }

    /// Ends the session that a former runner, or this one before a failure, has left in the namespace. It may hold
    /// locks for as long as its process stands still; and where a statement that changes a table cannot check the token
    /// in its own transaction, it may still wait there for a lock, and be carried out long after what it did was
    /// undone. This session is the only one from then on, until that of a later runner ends it.
    async fn succeed(&mut self) -> Result<()> {
        let key = format!("reshard/{}/{}", self.job(), self.handle.namespace.name());
        let lock = crate::lock::advisory(&self.handle.cluster, &key);
        let begun = Instant::now();
        loop {
            let is_alone = self.conn.advisory_lock(&lock, SILENCE).await;
            if is_alone.map_err(|failure| self.named(failure))? {
                return Ok(());
            }
            // That of a later runner is not ended.
            let found = self.standing(None).await?;
            if found.is_some_and(|found| self.ticket.is_before(found)) {
                return Err(self.fenced(found));
            }
            if begun.elapsed() > PATIENCE {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    format!(
                        "a former session of job {} is still busy in namespace `{}` on server `{}`, and this account \
                         may not end it; end it, and run the job again",
                        self.ticket.job,
                        self.handle.namespace.name(),
                        self.handle.server
                    ),
                ));
            }
            let evicted = self.conn.advisory_evict(&lock).await;
            evicted.map_err(|failure| self.named(failure))?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.handle.dialect()
    }

    pub(super) fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// The number of the job, as it is in names.
    pub(super) fn job(&self) -> String {
        self.ticket.job.to_string()
    }

    /// Runs a text without arguments.
    pub(super) async fn batch(&mut self, text: &str) -> Result<()> {
        let done = self.conn.batch(text).await;
        done.map_err(|failure| self.named(failure))
    }

    /// Runs texts, one after the other.
    pub(super) async fn all(&mut self, texts: &[String]) -> Result<()> {
        for text in texts {
            self.batch(text).await?;
        }
        Ok(())
    }

    /// Runs a statement of sea-query, and returns the number of affected rows.
    pub(super) async fn run(
        &mut self,
        statement: &(impl QueryStatementWriter + Sync),
    ) -> Result<u64> {
        self.ask(statement, &mut |_| Ok(())).await
    }

    /// Runs a statement of sea-query, and calls `on_row` for each row of its result.
    pub(super) async fn ask(
        &mut self,
        statement: &(impl QueryStatementWriter + Sync),
        on_row: &mut OnRow<'_>,
    ) -> Result<u64> {
        let (text, values) = render(self.dialect(), statement);
        self.ask_text(&text, &values.0, on_row).await
    }

    pub(super) async fn ask_text(
        &mut self,
        text: &str,
        values: &[Value],
        on_row: &mut OnRow<'_>,
    ) -> Result<u64> {
        let done = self.conn.ask(text, values, on_row).await;
        done.map_err(|failure| self.named(failure))
    }

    /// The rows of a select.
    pub(super) async fn rows<T: Send>(
        &mut self,
        select: &SelectStatement,
        read: impl Fn(&Row<'_>) -> Result<T> + Send + Sync,
    ) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        let on_row = &mut |row: &Row<'_>| {
            rows.push(read(row)?);
            Ok(())
        };
        self.ask(select, on_row).await?;
        Ok(rows)
    }

    pub(super) async fn begin(&mut self) -> Result<()> {
        let text = begin(self.dialect(), None, false);
        self.batch(&text).await
    }

    /// Begins a transaction in which all reads see one snapshot, and which writes nothing.
    pub(super) async fn begin_snapshot(&mut self) -> Result<()> {
        let isolation = self.dialect().capability().servers.is_supported();
        let isolation = isolation.then_some("REPEATABLE READ");
        self.batch(&begin(self.dialect(), isolation, true)).await
    }

    /// Begins a transaction that may change rows: fails unless the record is the mover's, in this state,
    /// and stays so until the transaction ends.
    pub(super) async fn begin_as(&mut self, state: State) -> Result<()> {
        self.begin().await?;
        self.confirm(Some(state), LockType::Share).await
    }

    /// As [`begin_as`](Self::begin_as), of a transaction that changes the record itself.
    pub(super) async fn begin_change(&mut self, state: State) -> Result<()> {
        self.begin().await?;
        self.confirm(Some(state), LockType::Update).await
    }

    /// As [`begin_as`](Self::begin_as), in whatever state.
    pub(super) async fn begin_in_any_state(&mut self) -> Result<()> {
        self.begin().await?;
        self.confirm(None, LockType::Share).await
    }

    async fn confirm(&mut self, state: Option<State>, lock: LockType) -> Result<()> {
        let found = self.standing(Some(lock)).await?;
        match found {
            Some(found)
                if found.is_of(self.ticket) && state.is_none_or(|state| found.state == state) =>
            {
                Ok(())
            }
            found => {
                self.rollback().await;
                Err(self.fenced(found))
            }
        }
    }

    /// Waits until all that this connection has seen survives a crash of the server.
    pub(super) async fn make_durable(&mut self) -> Result<()> {
        match commit_durably(self.dialect()) {
            Some(text) => self.batch(text).await,
            None => Ok(()),
        }
    }

    pub(super) async fn commit(&mut self) -> Result<()> {
        self.batch("COMMIT").await
    }

    /// Rolls back after a failure. A connection that was lost has no transaction.
    pub(super) async fn rollback(&mut self) {
        let _ = self.conn.batch("ROLLBACK").await;
    }

    /// What the record says; `None` if there is none.
    pub(super) async fn standing(&mut self, lock: Option<LockType>) -> Result<Option<Standing>> {
        let mut select = Query::select();
        for column in STATE {
            select.expr(Expr::col((Alias::new(TABLE), Alias::new(column))));
        }
        // Qualified: another namespace in the search path may have one.
        select.from(self.record());
        if let Some(lock) = lock.filter(|_| self.dialect().capability().row_locks) {
            select.lock(lock);
        }
        let read = |row: &Row<'_>| {
            let state = Option::<String>::read(row, 0)?;
            let job = Option::<String>::read(row, 1)?;
            let token = Option::<i64>::read(row, 2)?.unwrap_or_default();
            Ok(Standing {
                state: state.map_or(Ok(State::Active), |state| State::parse(&state))?,
                job: job.and_then(|job| job.parse().ok()),
                token: u64::try_from(token).unwrap_or(0),
            })
        };
        match self.rows(&select, read).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(None),
            found => found.map(|mut found| found.pop()),
        }
    }

    /// Changes the state in the record, in a transaction that has locked it.
    pub(super) async fn set_state(&mut self, state: State) -> Result<()> {
        let [column, ..] = STATE;
        let mut update = Query::update();
        update
            .table(self.record())
            .value(column, state.name())
            .and_where(self.is_own());
        match self.run(&update).await? {
            0 => Err(self.fenced(None)),
            _ => Ok(()),
        }
    }

    /// Writes job and token into the record, unless it has those of a later runner or job.
    ///
    /// # Errors
    /// `Fenced` if it has.
    pub(super) async fn claim(&mut self) -> Result<Standing> {
        self.begin().await?;
        let found = self.standing(Some(LockType::Update)).await?;
        let Ticket { job, token } = self.ticket;
        let is_later = found.is_none_or(|found| self.ticket.is_before(found));
        let Some(found) = found.filter(|_| !is_later) else {
            self.rollback().await;
            return Err(self.fenced(found));
        };
        let [_, job_column, token_column, _] = STATE;
        let mut update = Query::update();
        update
            .table(self.record())
            .value(job_column, job.to_string())
            .value(token_column, token.cast_signed());
        self.run(&update).await?;
        self.commit().await?;
        Ok(Standing {
            job: Some(job),
            token,
            ..found
        })
    }

    /// The tables, as the catalog of the database describes them.
    pub(super) async fn tables(&mut self) -> Result<Vec<TableDef>> {
        let name = Alias::new(&**self.handle.namespace.name());
        let namespace = (name, Alias::new(TABLE)).into_table_ref();
        let mut catalog = Catalog::new(self.dialect());
        for about in Catalog::QUESTIONS {
            let question = question_about_all(self.dialect(), &namespace, about)?;
            let on_row = &mut |row: &Row<'_>| catalog.add(about, row);
            self.ask_text(&question.text, &question.values, on_row)
                .await?;
        }
        Ok(TableDef::of_catalog(catalog))
    }

    /// Closes the connection in an orderly way.
    pub(super) async fn close(self) {
        self.conn.close().await;
    }

    fn record(&self) -> TableRef {
        self.handle.namespace.own_table(TABLE)
    }

    fn is_own(&self) -> Expr {
        let [_, job, token, _] = STATE;
        let job = Expr::col(Alias::new(job)).eq(self.ticket.job.to_string());
        job.and(Expr::col(Alias::new(token)).eq(self.ticket.token.cast_signed()))
    }

    /// The error for a record that is not the mover's, or has another state.
    fn fenced(&self, found: Option<Standing>) -> Error {
        let Ticket { job, token } = self.ticket;
        let namespace = self.handle.namespace.name();
        let found = match found {
            None => "has no record".to_owned(),
            Some(Standing { state, job, token }) => format!(
                "is `{}` for job {} with token {token}",
                state.name(),
                job.map_or_else(|| "none".to_owned(), |job| job.to_string()),
            ),
        };
        Error::new(
            ErrorKind::Fenced,
            format!(
                "namespace `{namespace}` on server `{}` {found}; job {job} with token {token} cannot \
                 change it (any more)",
                self.handle.server
            ),
        )
    }

    pub(super) fn named(&self, failure: Failure) -> Error {
        let server = &self.handle.server;
        let Failure { error, .. } = failure;
        let message = format!(
            "in namespace `{}` on server `{server}`: {}",
            self.handle.namespace.name(),
            error.message()
        );
        Error::new(error.kind(), message).with_source(error)
    }
}

/// A name as a statement spells it.
pub(super) fn quoted(dialect: Dialect, name: &str) -> String {
    quote(dialect, &Alias::new(name).into_table_ref())
}
