//! The progress of a replication: a row next to the copy, with the position up to which it has its
//! source's changes, and the fencing token of the run that may continue.

use std::sync::Arc;
use std::time::Duration;

use sea_query::{Expr, ExprTrait, Query, UpdateStatement, Value};

use super::declaration::{Claim, Declaration, complete_progress, select_declared};
use super::location::TableLocation;
use super::position::Position;
use crate::Field as _;
use crate::backend::{Row, now};
use crate::error::{Error, ErrorKind, Result};
use crate::random::random;
use crate::transaction::Tx;

/// The table of progress in each namespace of copies.
pub(crate) const TABLE: &str = "shard_orm_sync";

/// The number of attempts to write a row for the first time, when another run does the same.
const ATTEMPTS: u32 = 12;
/// The longest pause after the first attempt; after the second it is twice as long, and so on.
const PAUSE_MILLISECONDS: u64 = 4;

/// Identifies a copy, and so its progress: the row is in the namespace that the other parts lead to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ProgressKey {
    pub(crate) cluster: Arc<str>,
    pub(crate) table: String,
    pub(crate) group: Arc<str>,
    /// The logical shard; `None` where one copy serves a whole server.
    pub(crate) shard: Option<u32>,
    pub(crate) server: Arc<str>,
}

impl ProgressKey {
    /// The name of the copy without its table, which is unique in the list of a source's consumers.
    pub(crate) fn consumer(&self) -> String {
        let Self {
            cluster,
            group,
            server,
            ..
        } = self;
        match self.shard {
            None => format!("{cluster}/{group}/{server}"),
            Some(shard) => format!("{cluster}/{group}/{server}/{shard}"),
        }
    }
}

/// The state that a new run finds.
#[derive(Debug)]
pub(crate) struct Started {
    /// The fencing token of the run.
    pub(crate) token: i64,
    /// The position of the last run; `None` when there was none, or one of another mode.
    pub(crate) position: Option<String>,
}

/// The progress of one copy.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) at: TableLocation,
}

impl Progress {
    pub(crate) fn key(&self) -> ProgressKey {
        let handle = &self.at.handle;
        let namespace = &handle.namespace;
        ProgressKey {
            cluster: Arc::clone(&handle.cluster),
            table: self.at.name().to_owned(),
            group: Arc::clone(namespace.group()),
            shard: namespace.is_sharded().then(|| namespace.shard()),
            server: Arc::clone(&handle.server),
        }
    }

    /// The position that a run of this mode committed last.
    pub(crate) async fn recorded(&self, mode: &str) -> Result<Option<String>> {
        let mut select = Query::select();
        select
            .column("position")
            .from(self.at.reference(TABLE))
            .and_where(self.own())
            .and_where(Expr::col("mode").eq(mode));
        let read = |row: &Row<'_>| Option::<String>::read(row, 0);
        let mut rows = self.at.read(None, TABLE, &select, read).await?;
        Ok(rows.pop().flatten())
    }

    /// Starts a run: from here on no earlier one can commit.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if another declaration is recorded than the run expects.
    pub(crate) async fn start(&self, mode: &str, claim: &Claim) -> Result<Started> {
        // Asked before the transaction, which a missing column would end.
        let declares = self.has_declaration(claim).await?;
        let mut attempt = 1;
        loop {
            match self.try_start(mode, claim, declares).await {
                // Another run has written the first row meanwhile.
                Err(error)
                    if attempt < ATTEMPTS
                        && (error.kind() == ErrorKind::Unique || error.is_retryable()) =>
                {
                    // Runs that start at once would collide again without a random pause.
                    let most = u64::from(attempt) * PAUSE_MILLISECONDS;
                    tokio::time::sleep(Duration::from_millis(random() % most)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Whether the table has the columns of declarations. A run that declares adds them.
    async fn has_declaration(&self, claim: &Claim) -> Result<bool> {
        match self.declared(None).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::UndefinedTable => match claim {
                Claim::Declares(_) => complete_progress(&self.at.handle).await,
                Claim::Expects { .. } => Ok(false),
            },
            Err(error) => Err(error),
        }
    }

    /// What is recorded about the copy.
    async fn declared(&self, tx: Option<&Tx>) -> Result<Option<Declaration>> {
        let mut select = Query::select();
        select_declared(&mut select);
        select.from(self.at.reference(TABLE)).and_where(self.own());
        let read = |row: &Row<'_>| Declaration::read(row, 0);
        let mut rows = self.at.read(tx, TABLE, &select, read).await?;
        Ok(rows.pop().flatten())
    }

    /// Records what the run declares, or compares it with what it expects.
    async fn claim(&self, tx: &Tx, claim: &Claim, declares: bool) -> Result<()> {
        let found = match declares {
            true => self.declared(Some(tx)).await?,
            false => None,
        };
        match claim {
            Claim::Declares(declaration) => {
                if declares && found.as_ref() != Some(declaration) {
                    let mut update = self.update();
                    declaration.write(&mut update);
                    self.write(Some(tx), &update).await?;
                }
                Ok(())
            }
            Claim::Expects { declared, .. } if found == *declared => Ok(()),
            Claim::Expects { .. } => Err(self.redeclared()),
        }
    }

    async fn try_start(&self, mode: &str, claim: &Claim, declares: bool) -> Result<Started> {
        let tx = self.at.cluster.begin_in(&self.at.handle).await?;
        match self.start_in(&tx, mode, claim, declares).await {
            Ok(started) => {
                tx.commit().await?;
                Ok(started)
            }
            Err(error) => {
                // The first error says why; a lost connection rolls back too.
                let _ = tx.rollback().await;
                Err(error)
            }
        }
    }

    async fn start_in(
        &self,
        tx: &Tx,
        mode: &str,
        claim: &Claim,
        declares: bool,
    ) -> Result<Started> {
        let mut raise = self.update();
        raise.value("generation", Expr::col("generation").add(1_i64));
        if self.write(Some(tx), &raise).await? == 0 {
            let mut insert = Query::insert();
            insert
                .into_table(self.at.reference(TABLE))
                .columns(["table_name", "generation", "mode", "rows_changed"])
                .values([
                    Expr::val(self.at.name()),
                    Expr::val(1_i64),
                    Expr::val(mode),
                    Expr::val(0_i64),
                ])
                .map_err(|source| Error::configuration("a row of progress").with_source(source))?;
            self.at.write(Some(tx), ("insert", TABLE), &insert).await?;
        }
        self.claim(tx, claim, declares).await?;
        let mut select = Query::select();
        select
            .columns(["generation", "mode", "position"])
            .from(self.at.reference(TABLE))
            .and_where(self.own());
        let read = |row: &Row<'_>| {
            let mode = String::read(row, 1)?;
            Ok((i64::read(row, 0)?, mode, Option::<String>::read(row, 2)?))
        };
        let mut rows = self.at.read(Some(tx), TABLE, &select, read).await?;
        let Some((token, last, position)) = rows.pop() else {
            return Err(self.gone());
        };
        if last == mode {
            return Ok(Started { token, position });
        }
        let mut update = self.update();
        update
            .value("mode", mode)
            .value("position", Value::String(None));
        self.write(Some(tx), &update).await?;
        Ok(Started {
            token,
            position: None,
        })
    }

    /// Moves the position, if there is a new one, in the transaction at the copy that commits the
    /// changes up to it.
    ///
    /// # Errors
    /// [`Fenced`](ErrorKind::Fenced) when another run has started since.
    pub(crate) async fn advance(
        &self,
        tx: &Tx,
        token: i64,
        position: Option<&Position>,
        caught_up: bool,
    ) -> Result<()> {
        let mut update = self.update();
        if let Some(position) = position {
            update.value("position", position.text()?);
        }
        update
            .value("problem", Value::String(None))
            .and_where(Expr::col("generation").eq(token));
        if caught_up {
            update.value("level_at", now(self.at.dialect()));
        }
        match self.write(Some(tx), &update).await? {
            0 => Err(self.fenced()),
            _ => Ok(()),
        }
    }

    /// Counts the rows that were written, in the same transaction.
    pub(crate) async fn count(&self, tx: &Tx, rows: u64) -> Result<()> {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let mut update = self.update();
        update.value("rows_changed", Expr::col("rows_changed").add(rows));
        self.write(Some(tx), &update).await.map(drop)
    }

    /// Records the reason why a run failed, unless another one has started since.
    pub(crate) async fn note(&self, token: i64, problem: &str) -> Result<()> {
        let mut update = self.update();
        update
            .value("problem", problem)
            .and_where(Expr::col("generation").eq(token));
        self.write(None, &update).await.map(drop)
    }

    fn own(&self) -> Expr {
        Expr::col("table_name").eq(self.at.name())
    }

    fn update(&self) -> UpdateStatement {
        let mut update = Query::update();
        update.table(self.at.reference(TABLE)).and_where(self.own());
        update
    }

    async fn write(&self, tx: Option<&Tx>, update: &UpdateStatement) -> Result<u64> {
        self.at.write(tx, ("update", TABLE), update).await
    }

    fn fenced(&self) -> Error {
        Error::new(
            ErrorKind::Fenced,
            format!(
                "a newer run has started for table `{}` on server `{}`, so this one can no \
                 longer commit",
                self.at.name(),
                self.at.handle.server
            ),
        )
    }

    fn redeclared(&self) -> Error {
        Error::new(
            ErrorKind::Conflict,
            format!(
                "the application has changed how it copies table `{}` to server `{}`, so this run does \
                 not start; see whether hooks take part now, and start the sync again",
                self.at.name(),
                self.at.handle.server
            ),
        )
    }

    fn gone(&self) -> Error {
        Error::new(
            ErrorKind::NotFound,
            format!(
                "the row of table `{}` in `{TABLE}` was deleted while a run started",
                self.at.name()
            ),
        )
    }
}
