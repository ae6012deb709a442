//! The statistics that processes publish: one row for each process, beside its heartbeat.
//!
//! The text is that of `cluster::statistics`; here it is only kept.

use std::time::Duration;

use sea_query::{Alias, Expr, ExprTrait as _, OnConflict, Order, Query};

use super::process::Heartbeat;
use super::session::Store;
use super::tables::{CLUSTER, PROCESS, PROCESS_COLUMNS, STATISTICS, STATISTICS_COLUMNS};
use crate::backend::{Field as _, Row, now};
use crate::error::{Error, ErrorKind, Result};

/// What a process has published.
#[derive(Debug, Clone)]
pub(crate) struct PublishedText {
    /// The process.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) pid: u32,
    /// How long ago the process has reported, by the clock of the catalog's database.
    pub(crate) silent_for: Duration,
    /// How old the text is, and the text; `None` if the process has published none.
    pub(crate) text: Option<(Duration, String)>,
}

impl Store<'_> {
    /// Publishes the statistics of this process in the place of those before: one statement.
    pub(crate) async fn publish(self, process: &Heartbeat, text: &str) -> Result<()> {
        let handle = self.handle();
        let [_, process_id, taken_at, statistics] = STATISTICS_COLUMNS;
        let mut conflict = OnConflict::columns([CLUSTER, process_id].map(Alias::new));
        conflict.update_columns([taken_at, statistics].map(Alias::new));
        let mut insert = Query::insert();
        insert
            .into_table(handle.namespace.own_table(STATISTICS))
            .columns(STATISTICS_COLUMNS.map(Alias::new))
            .values([
                Expr::val(&*handle.cluster),
                Expr::val(process.id()),
                now(handle.dialect()),
                Expr::val(text),
            ])
            .map_err(|source| {
                Error::configuration("the statistics of a process").with_source(source)
            })?
            .on_conflict(conflict);
        self.write_upgrading(&insert).await.map(drop)
    }

    /// What the processes have published that have reported within this time, by one statement; those that reported
    /// last first.
    pub(crate) async fn published(self, within: Duration) -> Result<Vec<PublishedText>> {
        let mut all = match self.published_if_any(true).await {
            // No process has published anything.
            Err(error) if error.kind() == ErrorKind::UndefinedTable => {
                self.published_if_any(false).await?
            }
            all => all?,
        };
        all.retain(|one| one.silent_for <= within);
        Ok(all)
    }

    async fn published_if_any(self, has_table: bool) -> Result<Vec<PublishedText>> {
        let handle = self.handle();
        let [_, id, name, host, pid, .., seen_at] = PROCESS_COLUMNS;
        let [_, process_id, taken_at, text] = STATISTICS_COLUMNS;
        let of = |table: &str, name: &str| {
            Expr::col((Alias::new(table.to_owned()), Alias::new(name.to_owned())))
        };
        let mut select = self.select(PROCESS, &[id, name, host, pid]);
        select.expr(now(handle.dialect()).sub(of(PROCESS, seen_at)));
        if has_table {
            let same = of(STATISTICS, CLUSTER)
                .eq(of(PROCESS, CLUSTER))
                .and(of(STATISTICS, process_id).eq(of(PROCESS, id)));
            select
                .left_join(handle.namespace.own_table(STATISTICS), same)
                .expr(now(handle.dialect()).sub(of(STATISTICS, taken_at)))
                .expr(of(STATISTICS, text));
        }
        select.order_by_expr(of(PROCESS, seen_at), Order::Desc);
        let millis = |millis: i64| Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        let read = |row: &Row<'_>| {
            let age = match has_table {
                true => Option::<i64>::read(row, 5)?,
                false => None,
            };
            let text = match age {
                Some(age) => Some((millis(age), String::read(row, 6)?)),
                None => None,
            };
            Ok(PublishedText {
                id: String::read(row, 0)?,
                name: String::read(row, 1)?,
                host: String::read(row, 2)?,
                pid: u32::try_from(i64::read(row, 3)?).unwrap_or(0),
                silent_for: millis(i64::read(row, 4)?),
                text,
            })
        };
        self.rows(&select, read).await
    }
}
