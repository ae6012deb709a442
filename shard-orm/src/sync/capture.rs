//! The mode `capture`: triggers at the source write down which primary keys have changed, deletes
//! included, and copies follow that log.
//!
//! An entry must not be passed over because its transaction committed late, after a later entry was
//! read. On PostgreSQL an entry holds the number of its transaction, and only those are read that are
//! below the oldest one which is still open (`pg_snapshot_xmin`): all of them are decided, and no
//! further one can come below. On MySQL and MariaDB entries are numbered by a row that each
//! transaction locks until it commits, and on SQLite there is one writer: there the order of numbers
//! is that of commits.

mod install;

use std::collections::HashSet;

use sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement, Value};

use super::keys::bytes_of;
use super::position::Mark;
use super::source::Source;
use crate::Field as _;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::{Executor as _, Intent, NoRows, own};

pub(crate) use install::statements;

/// The number of an entry.
const ENTRY: &str = "shard_orm_entry";
/// The transaction that wrote it (PostgreSQL).
const TRANSACTION: &str = "shard_orm_transaction";
/// The channel on which PostgreSQL tells of entries.
pub(super) const CHANNEL: &str = "shard_orm_static";
/// What spans call a table's log, whose name is its own.
const LABEL: &str = "shard_orm_log";

/// Entries of a log.
#[derive(Debug)]
pub(super) struct Entries {
    /// The primary keys that have changed, each once.
    pub(super) keys: Vec<Vec<Value>>,
    /// An entry says that all rows may have changed, as a TRUNCATE does.
    pub(super) all: bool,
    /// The last entry; `None` when there is none.
    pub(super) last: Option<Mark>,
    /// How many entries were read.
    pub(super) read: u64,
}

impl Source {
    /// Where the log ends: what was committed before is seen by whoever reads the table now, and
    /// what is committed later has an entry after this mark.
    pub(super) async fn end_of_log(&self) -> Result<Mark> {
        let log = self.place.namespace.table(&install::log(self.def)?);
        let mut select = Query::select();
        match self.dialect() {
            Dialect::Postgres => {
                select.expr(Expr::cust(
                    "CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text)",
                ));
                let rows = self
                    .read(LABEL, &select, |row| String::read(row, 0))
                    .await?;
                return Ok(Mark {
                    transaction: rows.first().map_or(Ok(0), |text| number(text))?,
                    entry: 0,
                });
            }
            Dialect::Sqlite => {
                select
                    .expr(Expr::cust_with_expr(
                        "COALESCE(?, 0)",
                        Expr::col(ENTRY).max(),
                    ))
                    .from(log);
            }
            Dialect::MySql => {
                select
                    .column("entry")
                    .from(self.place.namespace.table(install::COUNTERS))
                    .and_where(Expr::col("table_name").eq(self.table()));
            }
        }
        let rows = self.read(LABEL, &select, |row| i64::read(row, 0)).await?;
        match rows.first() {
            Some(entry) => Ok(Mark {
                transaction: 0,
                entry: *entry,
            }),
            None => Err(self.not_captured()),
        }
    }

    /// The next entries after a mark.
    pub(super) async fn entries_after(&self, mark: Mark, most: u64) -> Result<Entries> {
        let mut select = self.log()?;
        let order: &[&str] = match self.dialect() {
            Dialect::Postgres => &[TRANSACTION, ENTRY],
            Dialect::MySql | Dialect::Sqlite => &[ENTRY],
        };
        select.and_where(self.beyond(mark));
        if self.dialect() == Dialect::Postgres {
            let open = Expr::cust("pg_snapshot_xmin(pg_current_snapshot())");
            select.and_where(Expr::col(TRANSACTION).lt(open));
        }
        for column in order {
            select.order_by(Alias::new(*column), Order::Asc);
        }
        select.limit(most);
        let keys = self.def.primary_key;
        let rows = self
            .read(LABEL, &select, |row| {
                let mark = Mark {
                    transaction: number(&String::read(row, 0)?)?,
                    entry: i64::read(row, 1)?,
                };
                // An entry of a whole table has no key.
                if bool::read(row, 2)? {
                    return Ok((mark, None));
                }
                let key = (3..)
                    .zip(keys)
                    .map(|(position, ordinal)| (self.def.columns[*ordinal].value)(row, position))
                    .collect::<Result<Vec<Value>>>()?;
                Ok((mark, Some(key)))
            })
            .await?;
        let mut entries = Entries {
            keys: Vec::new(),
            all: false,
            last: rows.last().map(|(mark, _)| *mark),
            read: rows.len() as u64,
        };
        let mut seen = HashSet::new();
        for (_, key) in rows {
            match key {
                None => entries.all = true,
                Some(key) => {
                    if seen.insert(bytes_of(&key)?) {
                        entries.keys.push(key);
                    }
                }
            }
        }
        Ok(entries)
    }

    /// Deletes the entries that all copies have.
    pub(super) async fn trim_log(&self, mark: Mark) -> Result<u64> {
        let mut delete = Query::delete();
        delete
            .from_table(self.place.namespace.table(&install::log(self.def)?))
            .and_where(self.beyond(mark).not());
        let (write, label) = (Intent::Write, ("delete", LABEL));
        let target = self.cluster.target();
        own::send(target, &self.place, write, label, &delete, &mut NoRows).await
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

    /// The columns of the log: transaction, entry, whether it is of the whole table, primary key.
    fn log(&self) -> Result<SelectStatement> {
        let mut select = Query::select();
        match self.dialect() {
            Dialect::Postgres => select.expr(Expr::col(TRANSACTION).cast_as("text")),
            Dialect::MySql | Dialect::Sqlite => select.expr(Expr::val("0")),
        };
        let keys: Vec<Alias> = super::keys::key_columns(self.def).collect();
        let none = keys
            .iter()
            .map(|key| Expr::col(key.clone()).is_null())
            .reduce(ExprTrait::and)
            .ok_or_else(|| Error::unsupported("a table without a primary key"))?;
        select
            .column(ENTRY)
            .expr(none)
            .columns(keys)
            .from(self.place.namespace.table(&install::log(self.def)?));
        Ok(select)
    }

    fn not_captured(&self) -> Error {
        Error::configuration(format!(
            "table `{}` in database `{}` has no triggers that write down its changes; create them \
             with `cluster.setup().table::<{}>()`",
            self.def.table, self.place.server, self.def.name
        ))
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse()
        .map_err(|_| Error::decode(format!("`{text}` is no number of a transaction")))
}
