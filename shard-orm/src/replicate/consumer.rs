//! The consumers of a source's log, each with the mark up to which it has read it. Entries that all of
//! them have read are deleted.

use sea_query::{Alias, Expr, ExprTrait, Query, SelectStatement};

use super::capture::{TriggerLog, mark_of};
use super::position::Mark;
use crate::backend::now;
use crate::error::{Error, ErrorKind, Result};

/// The table of consumers at each source.
pub(crate) const TABLE: &str = "shard_orm_consumer";

impl TriggerLog {
    /// The mark from which the log is kept for this consumer; `None` when entries after its position
    /// may be deleted.
    pub(crate) async fn recorded(&self) -> Result<Option<Mark>> {
        let mut select = self.marks();
        select.and_where(self.own());
        let marks = self.at.read(None, TABLE, &select, mark_of).await?;
        Ok(marks.into_iter().next())
    }

    /// Keeps the log for this consumer from here on.
    pub(crate) async fn record(&self, mark: Mark) -> Result<()> {
        if self.update(mark).await? > 0 {
            return Ok(());
        }
        let mut insert = Query::insert();
        insert
            .into_table(self.at.reference(TABLE))
            .columns(["table_name", "target", "transaction", "entry", "seen_at"].map(Alias::new))
            .values([
                Expr::val(self.at.name()),
                Expr::val(self.consumer.clone()),
                Expr::val(mark.transaction.to_string()),
                Expr::val(mark.entry),
                now(self.at.dialect()),
            ])
            .map_err(|source| Error::configuration("a row of consumers").with_source(source))?;
        match self.at.write(None, ("insert", TABLE), &insert).await {
            Err(error) if error.kind() == ErrorKind::Unique => self.update(mark).await.map(drop),
            outcome => outcome.map(drop),
        }
    }

    async fn update(&self, mark: Mark) -> Result<u64> {
        let mut update = Query::update();
        update
            .table(self.at.reference(TABLE))
            .value("transaction", mark.transaction.to_string())
            .value("entry", mark.entry)
            .value("seen_at", now(self.at.dialect()))
            .and_where(self.own());
        self.at.write(None, ("update", TABLE), &update).await
    }

    /// The mark up to which all consumers have read the log.
    pub(crate) async fn least(&self) -> Result<Option<Mark>> {
        let mut select = self.marks();
        select.and_where(Expr::col("table_name").eq(self.at.name()));
        let marks = self.at.read(None, TABLE, &select, mark_of).await?;
        Ok(marks.into_iter().min())
    }

    fn marks(&self) -> SelectStatement {
        let mut select = Query::select();
        select
            .columns(["transaction", "entry"].map(Alias::new))
            .from(self.at.reference(TABLE));
        select
    }

    fn own(&self) -> Expr {
        let table = Expr::col("table_name").eq(self.at.name());
        table.and(Expr::col("target").eq(self.consumer.clone()))
    }
}
