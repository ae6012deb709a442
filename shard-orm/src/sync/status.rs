//! The row beside a copy that says up to where it has its source's changes, and who may go on.

use std::sync::Arc;
use std::time::Duration;

use sea_query::{Alias, Expr, ExprTrait, Query, Value};

use super::position::Position;
use super::table::TableAt;
use crate::backend::Row;
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor as _, Intent, NoRows, Rows, Target, own};
use crate::model::{Model as _, ModelDef};
use crate::random::random;
use crate::transaction::Tx;
use crate::{Field as _, StaticModel};

/// The table, as each namespace of static tables has it.
pub(super) const TABLE: &str = "shard_orm_sync";

/// How often a row is written for the first time, when another run does the same.
const ROUNDS: u32 = 12;
/// How long the first pause between two rounds is at most; the second twice as long, and so on.
const MOST_MILLISECONDS_OF_PAUSE: u64 = 4;

/// One static model's row.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, transmit = false, table = "shard_orm_sync")]
pub(crate) struct Status {
    /// The table of the model.
    #[static_model(primary_key, length = 63)]
    table_name: String,
    /// Counts the runs that have begun. Only the last one commits.
    generation: i64,
    /// The mode that the position is of.
    #[static_model(length = 32)]
    mode: String,
    position: Option<String>,
    /// How many rows have been written or deleted, by all runs.
    rows_changed: i64,
    /// When the last run ended that reached its source's changes, in milliseconds since 1970 by
    /// the copy's clock.
    level_at: Option<i64>,
    /// Why the last run failed.
    problem: Option<String>,
}

/// The definition of the table, for those who create it.
pub(crate) fn table() -> &'static ModelDef {
    Status::def()
}

/// What a run that begins finds.
#[derive(Debug)]
pub(super) struct Begun {
    /// The number under which the run commits.
    pub(super) generation: i64,
    /// What the last run has left; `None` when there was none, or one of another mode.
    pub(super) position: Option<String>,
}

/// The row of one model at one place.
#[derive(Debug, Clone)]
pub(super) struct StatusRow {
    pub(super) cluster: Cluster,
    pub(super) handle: Arc<NamespaceHandle>,
    pub(super) def: &'static ModelDef,
}

impl StatusRow {
    /// The copy as a side of a comparison.
    pub(super) fn table_at(&self) -> TableAt<'_> {
        TableAt::new((&self.cluster).target(), Arc::clone(&self.handle), self.def)
    }

    /// The position that was committed last by a run of this mode.
    pub(super) async fn recorded(&self, mode: &str) -> Result<Option<String>> {
        let mut select = Query::select();
        select
            .column("position")
            .from(self.handle.namespace.table(TABLE))
            .and_where(self.own())
            .and_where(Expr::col("mode").eq(mode));
        let mut rows = Rows::new(|row: &Row<'_>| Option::<String>::read(row, 0));
        let on = self.cluster.read_from(crate::Read::Primary);
        let (read, label) = (Intent::Read, ("select", TABLE));
        own::send(on.target(), &self.handle, read, label, &select, &mut rows).await?;
        Ok(rows.rows.pop().flatten())
    }

    /// Begins a run: from here on no earlier one commits.
    pub(super) async fn begin(&self, mode: &str) -> Result<Begun> {
        let mut round = 1;
        loop {
            match self.try_begin(mode).await {
                // Another run has written the first row meanwhile.
                Err(error)
                    if round < ROUNDS
                        && (error.kind() == ErrorKind::Unique || error.is_retryable()) =>
                {
                    // Many that begin at once would meet again without a pause of their own.
                    let most = u64::from(round) * MOST_MILLISECONDS_OF_PAUSE;
                    tokio::time::sleep(Duration::from_millis(random() % most)).await;
                    round += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_begin(&self, mode: &str) -> Result<Begun> {
        let tx = self.cluster.begin_in(&self.handle).await?;
        let outcome = self.begin_on(&tx, mode).await;
        match outcome {
            Ok(begun) => {
                tx.commit().await?;
                Ok(begun)
            }
            Err(error) => {
                // The error that is given says why; a connection that is lost rolls back too.
                let _ = tx.rollback().await;
                Err(error)
            }
        }
    }

    async fn begin_on(&self, tx: &Tx, mode: &str) -> Result<Begun> {
        let mut raise = Query::update();
        raise
            .table(self.handle.namespace.table(TABLE))
            .value("generation", Expr::col("generation").add(1_i64))
            .and_where(self.own());
        let found = self.write(tx.target(), "update", &raise).await?;
        if found == 0 {
            let mut insert = Query::insert();
            insert
                .into_table(self.handle.namespace.table(TABLE))
                .columns(["table_name", "generation", "mode", "rows_changed"].map(Alias::new))
                .values([
                    Expr::val(self.def.table),
                    Expr::val(1_i64),
                    Expr::val(mode),
                    Expr::val(0_i64),
                ])
                .map_err(|source| Error::configuration("a row of status").with_source(source))?;
            self.write(tx.target(), "insert", &insert).await?;
        }
        let mut select = Query::select();
        select
            .columns(["generation", "mode", "position"].map(Alias::new))
            .from(self.handle.namespace.table(TABLE))
            .and_where(self.own());
        let mut rows = Rows::new(|row: &Row<'_>| {
            let mode = String::read(row, 1)?;
            Ok((i64::read(row, 0)?, mode, Option::<String>::read(row, 2)?))
        });
        let (read, label) = (Intent::Read, ("select", TABLE));
        own::send(tx.target(), &self.handle, read, label, &select, &mut rows).await?;
        let Some((generation, last, position)) = rows.rows.pop() else {
            return Err(self.gone());
        };
        if last == mode {
            return Ok(Begun {
                generation,
                position,
            });
        }
        let mut update = Query::update();
        update
            .table(self.handle.namespace.table(TABLE))
            .value("mode", mode)
            .value("position", Value::String(None))
            .and_where(self.own());
        self.write(tx.target(), "update", &update).await?;
        Ok(Begun {
            generation,
            position: None,
        })
    }

    /// Moves the position, if there is a new one, within a transaction at the copy, whose changes it
    /// is committed with.
    ///
    /// # Errors
    /// [`Overtaken`](ErrorKind::Overtaken) when another run has begun since.
    pub(super) async fn advance(
        &self,
        tx: &Tx,
        generation: i64,
        position: Option<&Position>,
        level: bool,
    ) -> Result<()> {
        let mut update = Query::update();
        if let Some(position) = position {
            update.value("position", position.text()?);
        }
        update
            .table(self.handle.namespace.table(TABLE))
            .value("problem", Value::String(None))
            .and_where(self.own())
            .and_where(Expr::col("generation").eq(generation));
        if level {
            update.value("level_at", own::now(self.handle.dialect()));
        }
        match self.write(tx.target(), "update", &update).await? {
            0 => Err(self.overtaken()),
            _ => Ok(()),
        }
    }

    /// Counts what was written, within the same transaction.
    pub(super) async fn count(&self, tx: &Tx, rows: u64) -> Result<()> {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let mut update = Query::update();
        update
            .table(self.handle.namespace.table(TABLE))
            .value("rows_changed", Expr::col("rows_changed").add(rows))
            .and_where(self.own());
        self.write(tx.target(), "update", &update).await.map(drop)
    }

    /// Writes down why a run failed, unless another one has begun since.
    pub(super) async fn note(&self, generation: i64, problem: &str) -> Result<()> {
        let mut update = Query::update();
        update
            .table(self.handle.namespace.table(TABLE))
            .value("problem", problem)
            .and_where(self.own())
            .and_where(Expr::col("generation").eq(generation));
        let target = (&self.cluster).target();
        self.write(target, "update", &update).await.map(drop)
    }

    fn own(&self) -> Expr {
        Expr::col("table_name").eq(self.def.table)
    }

    async fn write<S: sea_query::QueryStatementWriter + Sync>(
        &self,
        target: Target<'_>,
        verb: &'static str,
        statement: &S,
    ) -> Result<u64> {
        let label = (verb, TABLE);
        own::send(
            target,
            &self.handle,
            Intent::Write,
            label,
            statement,
            &mut NoRows,
        )
        .await
    }

    fn overtaken(&self) -> Error {
        Error::new(
            ErrorKind::Overtaken,
            format!(
                "another run for table `{}` on server `{}` has begun since: this one has lost its \
                 lock, and commits nothing any more",
                self.def.table, self.handle.server
            ),
        )
    }

    fn gone(&self) -> Error {
        Error::new(
            ErrorKind::NotFound,
            format!(
                "the row of table `{}` in `{TABLE}` was deleted while a run began",
                self.def.table
            ),
        )
    }
}
