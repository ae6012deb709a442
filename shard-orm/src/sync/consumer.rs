//! Which copies follow the log of a source, and how far: what all of them have is deleted from it.

use sea_query::{Alias, Expr, ExprTrait, Query};

use super::position::Mark;
use super::source::Source;
use crate::Field as _;
use crate::ShardModel;
use crate::backend::Row;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor as _, Intent, NoRows, own};
use crate::model::{Model as _, ModelDef};

/// The table, as each source has it.
const TABLE: &str = "shard_orm_consumer";

/// One copy that follows a table's log.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "shard_orm_consumer")]
pub(crate) struct Consumer {
    #[shard(primary_key, length = 63)]
    table_name: String,
    /// Cluster, group and server.
    #[shard(primary_key, length = 200)]
    target: String,
    /// The number of the transaction up to which it has the log (PostgreSQL).
    #[shard(length = 20)]
    transaction: String,
    /// The number of the entry.
    entry: i64,
    /// When it was written last, in milliseconds since 1970 by the source's clock.
    seen_at: i64,
}

/// The definition of the table, for those who create it.
pub(crate) fn table() -> &'static ModelDef {
    Consumer::def()
}

/// One copy, as its source knows it.
#[derive(Debug, Clone)]
pub(super) struct Following<'s> {
    pub(super) source: &'s Source,
    pub(super) target: String,
}

impl Following<'_> {
    /// Up to where the log is kept for this copy; `None` when it may have lost entries that the copy
    /// lacks.
    pub(super) async fn mark(&self) -> Result<Option<Mark>> {
        let mut select = Query::select();
        select
            .columns(["transaction", "entry"].map(Alias::new))
            .from(self.source.handle.namespace.table(TABLE))
            .and_where(self.own());
        let rows = self.source.read(TABLE, &select, mark_of).await?;
        Ok(rows.into_iter().next())
    }

    /// Keeps the log for this copy from here on.
    pub(super) async fn keep(&self, mark: Mark) -> Result<()> {
        match self.write(mark).await? {
            0 => {}
            _ => return Ok(()),
        }
        let mut insert = Query::insert();
        insert
            .into_table(self.source.handle.namespace.table(TABLE))
            .columns(["table_name", "target", "transaction", "entry", "seen_at"].map(Alias::new))
            .values([
                Expr::val(self.source.table()),
                Expr::val(self.target.clone()),
                Expr::val(mark.transaction.to_string()),
                Expr::val(mark.entry),
                own::now(self.source.dialect()),
            ])
            .map_err(|source| Error::configuration("a row of consumers").with_source(source))?;
        match self.send("insert", &insert).await {
            Err(error) if error.kind() == ErrorKind::Unique => self.write(mark).await.map(drop),
            outcome => outcome.map(drop),
        }
    }

    async fn write(&self, mark: Mark) -> Result<u64> {
        let mut update = Query::update();
        update
            .table(self.source.handle.namespace.table(TABLE))
            .value("transaction", mark.transaction.to_string())
            .value("entry", mark.entry)
            .value("seen_at", own::now(self.source.dialect()))
            .and_where(self.own());
        self.send("update", &update).await
    }

    /// Up to where all copies have the log.
    pub(super) async fn least(&self) -> Result<Option<Mark>> {
        let mut select = Query::select();
        select
            .columns(["transaction", "entry"].map(Alias::new))
            .from(self.source.handle.namespace.table(TABLE))
            .and_where(Expr::col("table_name").eq(self.source.table()));
        let marks = self.source.read(TABLE, &select, mark_of).await?;
        Ok(marks.into_iter().min())
    }

    fn own(&self) -> Expr {
        let table = Expr::col("table_name").eq(self.source.table());
        table.and(Expr::col("target").eq(self.target.clone()))
    }

    async fn send<S: sea_query::QueryStatementWriter + Sync>(
        &self,
        verb: &'static str,
        statement: &S,
    ) -> Result<u64> {
        let Source {
            cluster, handle, ..
        } = self.source;
        let label = (verb, TABLE);
        own::send(
            cluster.target(),
            handle,
            Intent::Write,
            label,
            statement,
            &mut NoRows,
        )
        .await
    }
}

fn mark_of(row: &Row<'_>) -> Result<Mark> {
    let text = String::read(row, 0)?;
    let transaction = text.parse().map_err(|_| {
        Error::decode(format!(
            "`{text}` in `{TABLE}` is no number of a transaction"
        ))
    })?;
    let entry = i64::read(row, 1)?;
    Ok(Mark { transaction, entry })
}
