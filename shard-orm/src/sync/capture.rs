//! The mode `capture`: triggers at the source write down which primary keys have changed, deletes
//! included, and copies follow that log.
//!
//! An entry must not be passed over because its transaction committed late, after a later entry was
//! read. On PostgreSQL an entry holds the number of its transaction, and is *settled* when that is
//! below the oldest one which is still open (`pg_snapshot_xmin`): all below that are decided, and no
//! further entry can come before it. Entries that are not settled are followed too, so that a long
//! transaction keeps nothing back, but the position stays before them. On MySQL and MariaDB entries are numbered by a row that each
//! transaction locks until it commits, and on SQLite there is one writer: there the order of numbers
//! is that of commits.

mod install;

use std::sync::Arc;

use sea_query::{Alias, Expr, ExprTrait, IntoTableRef as _, Order, Query, SelectStatement, Value};

use super::position::Mark;
use super::source::Source;
use crate::Field as _;
use crate::backend::{Args, Row, Sql, quote};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor as _, Intent, Label, NoRows, Statement, own, run};
use crate::topology::Namespace;

pub(crate) use install::statements;

/// The number of an entry.
const ENTRY: &str = "shard_orm_entry";
/// The transaction that wrote it (PostgreSQL).
const TRANSACTION: &str = "shard_orm_transaction";
/// The channel on which PostgreSQL tells of entries.
pub(super) const CHANNEL: &str = "shard_orm_static";
/// What spans call a table's log, whose name is its own.
const LABEL: &str = "shard_orm_log";

/// How many entries one statement deletes from the log of MySQL and MariaDB.
const TRIMMED: usize = 500;

/// Deletes entries of a log of MySQL or MariaDB, each by a look at itself alone.
///
/// A condition on a range, or on a list of entries, would look at further ones too, among them those
/// of transactions that are still open, and wait for their end. So would a scan of the log, which the
/// server prefers while that is short, unless it is told.
struct Trim<'a> {
    log: String,
    entries: &'a [i64],
}

impl Statement for Trim<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let dialect = namespace.dialect();
        let log = quote(dialect, &namespace.table(&self.log));
        let entry = quote(dialect, &Alias::new(ENTRY).into_table_ref());
        let given = vec!["SELECT CAST(? AS SIGNED) AS entry"; self.entries.len()];
        for entry in self.entries {
            entry.bind(args)?;
        }
        Ok(Sql {
            text: format!(
                "DELETE own FROM ({}) AS given STRAIGHT_JOIN {log} AS own FORCE INDEX (PRIMARY) ON \
                 own.{entry} = given.entry",
                given.join(" UNION ALL ")
            )
            .into(),
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

/// An entry of a log.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) mark: Mark,
    /// No further entry can come before it.
    pub(super) settled: bool,
    /// The primary key that has changed; `None` when all rows may have, as by a TRUNCATE.
    pub(super) key: Option<Vec<Value>>,
}

impl Source {
    /// Where the log ends: what was committed before is seen by whoever reads the table now, and
    /// what is committed later has an entry after this mark.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when there is no log.
    pub(super) async fn end_of_log(&self) -> Result<Mark> {
        match self.find_end_of_log().await {
            Ok(Some(mark)) => Ok(mark),
            Ok(None) => Err(self.not_captured()),
            Err(error) if error.kind() == ErrorKind::UndefinedTable => {
                Err(self.not_captured().with_source(error))
            }
            Err(error) => Err(error),
        }
    }

    async fn find_end_of_log(&self) -> Result<Option<Mark>> {
        let log = self.handle.namespace.table(&install::log(self.def)?);
        let mut select = Query::select();
        match self.dialect() {
            Dialect::Postgres => {
                let open = "CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text)";
                // That there is a log is asked along.
                let last = Expr::cust_with_expr("COALESCE($1, 0)", Expr::col(ENTRY).max());
                select.expr(Expr::cust(open)).expr(last).from(log);
                let transaction = |row: &Row<'_>| number(&String::read(row, 0)?);
                let rows = self.read(LABEL, &select, transaction).await?;
                return Ok(rows.first().map(|transaction| Mark {
                    transaction: *transaction,
                    entry: 0,
                }));
            }
            Dialect::Sqlite => {
                let last = Expr::cust_with_expr("COALESCE(?, 0)", Expr::col(ENTRY).max());
                select.expr(last).from(log);
            }
            Dialect::MySql => {
                select
                    .column("entry")
                    .from(self.handle.namespace.table(install::COUNTERS))
                    .and_where(Expr::col("table_name").eq(self.table()));
            }
        }
        let rows = self.read(LABEL, &select, |row| i64::read(row, 0)).await?;
        Ok(rows.first().map(|entry| Mark {
            transaction: 0,
            entry: *entry,
        }))
    }

    /// The last entry that is in the log now, whether an earlier one can still come or not; the least
    /// of all marks when it is empty.
    pub(super) async fn last_of_log(&self) -> Result<Mark> {
        let mut select = self.log()?;
        if self.dialect() == Dialect::Postgres {
            select.order_by(TRANSACTION, Order::Desc);
        }
        select.order_by(ENTRY, Order::Desc).limit(1);
        let mark = |row: &Row<'_>| {
            Ok(Mark {
                transaction: number(&String::read(row, 0)?)?,
                entry: i64::read(row, 1)?,
            })
        };
        let rows = self.read(LABEL, &select, mark).await?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// The next entries after a mark.
    pub(super) async fn entries_after(&self, mark: Mark, most: u64) -> Result<Vec<Entry>> {
        let mut select = self.log()?;
        let order: &[&str] = match self.dialect() {
            Dialect::Postgres => &[TRANSACTION, ENTRY],
            Dialect::MySql | Dialect::Sqlite => &[ENTRY],
        };
        select.and_where(self.beyond(mark));
        for column in order {
            select.order_by(Alias::new(*column), Order::Asc);
        }
        select.limit(most);
        let keys = self.def.primary_key;
        let entry = |row: &Row<'_>| {
            let mark = Mark {
                transaction: number(&String::read(row, 0)?)?,
                entry: i64::read(row, 1)?,
            };
            // An entry of a whole table has no key.
            let key = if bool::read(row, 3)? {
                None
            } else {
                let key = (4..)
                    .zip(keys)
                    .map(|(position, ordinal)| self.def.columns[*ordinal].read(row, position));
                Some(key.collect::<Result<Vec<Value>>>()?)
            };
            Ok(Entry {
                mark,
                settled: bool::read(row, 2)?,
                key,
            })
        };
        self.read(LABEL, &select, entry).await
    }

    /// Deletes the entries that all copies have.
    pub(super) async fn trim_log(&self, mark: Mark) -> Result<u64> {
        if self.dialect() != Dialect::MySql {
            return self.delete_entries(self.beyond(mark).not()).await;
        }
        let mut deleted = 0;
        loop {
            let mut next = Query::select();
            next.column(ENTRY)
                .from(self.handle.namespace.table(&install::log(self.def)?))
                .and_where(self.beyond(mark).not())
                .order_by(ENTRY, Order::Asc)
                .limit(TRIMMED as u64);
            let entries = self.read(LABEL, &next, |row| i64::read(row, 0)).await?;
            if entries.is_empty() {
                return Ok(deleted);
            }
            let trim = Trim {
                log: install::log(self.def)?,
                entries: &entries,
            };
            let (handle, on) = (Arc::clone(&self.handle), self.cluster.target());
            deleted += run(on, handle, Intent::Write, &trim, &mut NoRows).await?;
        }
    }

    async fn delete_entries(&self, which: Expr) -> Result<u64> {
        let mut delete = Query::delete();
        delete
            .from_table(self.handle.namespace.table(&install::log(self.def)?))
            .and_where(which);
        let (write, label) = (Intent::Write, ("delete", LABEL));
        let target = self.cluster.target();
        own::send(target, &self.handle, write, label, &delete, &mut NoRows).await
    }

    /// What is behind a mark in the log.
    fn beyond(&self, mark: Mark) -> Expr {
        match self.dialect() {
            Dialect::Postgres => {
                let own = Expr::tuple([Expr::col(TRANSACTION), Expr::col(ENTRY)]);
                let transaction = Expr::val(mark.transaction.to_string()).cast_as("xid8");
                own.gt(Expr::tuple([transaction, Expr::val(mark.entry)]))
            }
            Dialect::MySql | Dialect::Sqlite => Expr::col(ENTRY).gt(mark.entry),
        }
    }

    /// The columns of the log: transaction, entry, whether none can come before it any more, whether
    /// it is of the whole table, primary key.
    fn log(&self) -> Result<SelectStatement> {
        let mut select = Query::select();
        let (transaction, settled) = match self.dialect() {
            Dialect::Postgres => (
                Expr::col(TRANSACTION).cast_as("text"),
                Expr::col(TRANSACTION).lt(Expr::cust("pg_snapshot_xmin(pg_current_snapshot())")),
            ),
            Dialect::MySql | Dialect::Sqlite => (Expr::cust("'0'"), Expr::cust("1 = 1")),
        };
        let keys: Vec<Alias> = super::keys::key_columns(self.def).collect();
        let none = keys
            .iter()
            .map(|key| Expr::col(key.clone()).is_null())
            .reduce(ExprTrait::and)
            .ok_or_else(|| Error::unsupported("a table without a primary key"))?;
        select
            .expr(transaction)
            .column(ENTRY)
            .expr(settled)
            .expr(none)
            .columns(keys)
            .from(self.handle.namespace.table(&install::log(self.def)?));
        Ok(select)
    }

    fn not_captured(&self) -> Error {
        Error::configuration(format!(
            "table `{}` in database `{}` has no triggers that write down its changes; create them \
             with `StaticSync::of::<{}>(&cluster).mode(Mode::Capture).prepare()`",
            self.def.table, self.handle.server, self.def.name
        ))
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse()
        .map_err(|_| Error::decode(format!("`{text}` is no number of a transaction")))
}
