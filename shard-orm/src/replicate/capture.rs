//! The change feed that triggers write: a log at the source of the primary keys that have changed,
//! deletes included.
//!
//! Entries that are not settled (see `backend::change_log`) are read too, so that a long transaction
//! holds nothing back, but a position stays before them.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};
use sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement, Table};

use super::feed::{ChangeFeed, Entry};
use super::keys::{key_columns, values};
use super::location::TableLocation;
use super::position::Mark;
use crate::Field as _;
use crate::backend::change_log::{self, COUNTERS, ENTRY};
use crate::backend::ddl::exact_table;
use crate::backend::{Args, Row, Sql, render_table};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Intent, Label, NoRows, Statement, run};
use crate::schema::{TableDef, column_like};
use crate::topology::Namespace;

pub(crate) use crate::backend::change_log::CHANNEL;

/// The name of every table's log in spans.
const LABEL: &str = "shard_orm_log";
/// The prefix of a log's name.
const PREFIX: &str = "shard_orm_log_";
/// The longest name of a table (PostgreSQL).
const LONGEST: usize = 63;
/// The number of entries that one statement deletes, where each is deleted by its key.
const TRIMMED: usize = 500;

/// The log that triggers write at a source, as one of its consumers reads it.
#[derive(Debug, Clone)]
pub(crate) struct TriggerLog {
    pub(crate) at: TableLocation,
    /// The consumer's name in the list at the source.
    pub(crate) consumer: String,
    /// How to create the log, for the error that says that there is none.
    pub(crate) advice: String,
}

/// The name of a table's log, and the prefix of its triggers' names.
pub(crate) fn log_name(table: &str) -> Result<String> {
    let name = format!("{PREFIX}{table}");
    if name.len() + "_truncate".len() <= LONGEST {
        return Ok(name);
    }
    Err(Error::unsupported(format!(
        "the name of table `{table}` is too long for a log of its changes, `{name}`: it has {} bytes at \
         most; sync it by `full` or `incremental`",
        LONGEST - PREFIX.len() - "_truncate".len()
    )))
}

/// The statements that create the log and the triggers at a source, where they do not exist yet. An
/// entry whose primary key is NULL stands for all rows.
pub(crate) fn statements(table: &TableDef, dialect: Dialect) -> Result<Vec<String>> {
    let name = table.name.as_str();
    let log = log_name(name)?;
    let mut create = Table::create();
    create.table(Alias::new(&log)).if_not_exists();
    for column in change_log::columns(dialect) {
        create.col(column);
    }
    let keys = table.primary_key.iter().map(|key| &table.columns[*key]);
    for column in keys.clone() {
        create.col(column_like(dialect, column));
    }
    exact_table(dialect, &mut create, true);
    let keys: Vec<&str> = keys.map(|column| column.name.as_str()).collect();
    let mut statements = vec![render_table(dialect, &create)];
    statements.extend(change_log::triggers(dialect, &log, name, &keys));
    Ok(statements)
}

impl ChangeFeed for TriggerLog {
    fn end(&self) -> BoxFuture<'_, Result<Mark>> {
        async {
            match self.find_end().await {
                Ok(Some(mark)) => Ok(mark),
                Ok(None) => Err(self.missing()),
                Err(error) if error.kind() == ErrorKind::UndefinedTable => {
                    Err(self.missing().with_source(error))
                }
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn last(&self) -> BoxFuture<'_, Result<Mark>> {
        async {
            let mut select = self.select()?;
            for column in change_log::order(self.at.dialect()) {
                select.order_by(*column, Order::Desc);
            }
            select.limit(1);
            let rows = self.at.read(None, LABEL, &select, mark_of).await?;
            Ok(rows.into_iter().next().unwrap_or_default())
        }
        .boxed()
    }

    fn entries_after(&self, mark: Mark, most: u64) -> BoxFuture<'_, Result<Vec<Entry>>> {
        async move {
            let table = self.at.def();
            let mut select = self.select()?;
            select.and_where(self.after(mark)).limit(most);
            for column in change_log::order(self.at.dialect()) {
                select.order_by(*column, Order::Asc);
            }
            let entry = |row: &Row<'_>| {
                let key = match bool::read(row, 3)? {
                    true => None,
                    false => Some(values(table, &table.primary_key, row, 4)?),
                };
                Ok(Entry {
                    mark: mark_of(row)?,
                    settled: bool::read(row, 2)?,
                    key,
                })
            };
            self.at.read(None, LABEL, &select, entry).await
        }
        .boxed()
    }

    fn kept(&self) -> BoxFuture<'_, Result<Option<Mark>>> {
        self.recorded().boxed()
    }

    fn keep(&self, mark: Mark) -> BoxFuture<'_, Result<()>> {
        self.record(mark).boxed()
    }

    fn trim(&self) -> BoxFuture<'_, Result<()>> {
        async {
            match self.least().await? {
                Some(mark) => self.delete_up_to(mark).await,
                None => Ok(()),
            }
        }
        .boxed()
    }
}

impl TriggerLog {
    async fn find_end(&self) -> Result<Option<Mark>> {
        let log = self.at.reference(&log_name(self.at.name())?);
        let counters = self.at.reference(COUNTERS);
        let select = change_log::end(self.at.dialect(), log, counters, self.at.name());
        let rows = self.at.read(None, LABEL, &select, mark_of).await?;
        Ok(rows.into_iter().next())
    }

    /// Deletes the entries up to a mark.
    async fn delete_up_to(&self, mark: Mark) -> Result<()> {
        let log = self.at.reference(&log_name(self.at.name())?);
        let has = |entries| change_log::delete_by_key(self.at.dialect(), &log, entries);
        if has(0).is_none() {
            let mut delete = Query::delete();
            delete.from_table(log).and_where(self.after(mark).not());
            let label = ("delete", LABEL);
            return self.at.write(None, label, &delete).await.map(drop);
        }
        loop {
            let mut next = Query::select();
            next.column(ENTRY)
                .from(log.clone())
                .and_where(self.after(mark).not())
                .order_by(ENTRY, Order::Asc)
                .limit(TRIMMED as u64);
            let read = |row: &Row<'_>| i64::read(row, 0);
            let entries = self.at.read(None, LABEL, &next, read).await?;
            let Some(text) = has(entries.len()).filter(|_| !entries.is_empty()) else {
                return Ok(());
            };
            let trim = Trim { text, entries };
            let (handle, write) = (Arc::clone(&self.at.handle), Intent::Write);
            run(self.at.target(None), handle, write, &trim, &mut NoRows).await?;
        }
    }

    /// The entries after a mark.
    fn after(&self, mark: Mark) -> Expr {
        change_log::after(self.at.dialect(), mark.transaction, mark.entry)
    }

    /// A query of entries: the mark, whether it is settled, whether it is for all rows, the primary
    /// key.
    fn select(&self) -> Result<SelectStatement> {
        let keys: Vec<Alias> = key_columns(self.at.def()).collect();
        let is_for_all = keys
            .iter()
            .map(|key| Expr::col(key.clone()).is_null())
            .reduce(ExprTrait::and)
            .ok_or_else(|| Error::unsupported("a table without a primary key"))?;
        let mut select = Query::select();
        select
            .exprs(change_log::mark(self.at.dialect()))
            .expr(is_for_all)
            .columns(keys)
            .from(self.at.reference(&log_name(self.at.name())?));
        Ok(select)
    }

    fn missing(&self) -> Error {
        Error::configuration(format!(
            "table `{}` in database `{}` has no triggers that record its changes; {}",
            self.at.name(),
            self.at.handle.server,
            self.advice
        ))
    }
}

/// Reads a mark from the first two columns of a result.
pub(crate) fn mark_of(row: &Row<'_>) -> Result<Mark> {
    let text = String::read(row, 0)?;
    let transaction = text
        .parse()
        .map_err(|_| Error::decode(format!("`{text}` is not a transaction number")))?;
    let entry = i64::read(row, 1)?;
    Ok(Mark { transaction, entry })
}

/// Deletes entries, each by its key.
struct Trim {
    text: String,
    entries: Vec<i64>,
}

impl Statement for Trim {
    fn prepare(&self, _namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let mut entries = self.entries.iter();
        entries.try_for_each(|entry| entry.bind(args))?;
        Ok(Sql {
            text: self.text.as_str().into(),
            persistent: self.entries.len() == TRIMMED,
            single: false,
        })
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "delete",
            table: LABEL,
        }
    }
}
