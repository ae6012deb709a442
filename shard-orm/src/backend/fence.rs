//! The statements that close the tables of a namespace to everybody but one mover, and open them again.
//!
//! Called by `reshard`. Closing renames all tables at once and leaves a *tombstone* under each old name:
//! an object of another kind, on which every statement fails, prepared ones too, and that keeps
//! `CREATE TABLE IF NOT EXISTS` from creating an empty table there. What a client does then is decided by
//! the record of the namespace, which changes in the same transaction; on MySQL and MariaDB, where DDL has
//! none, the record is renamed by the same statement as the tables.
//!
//! | | a tombstone is | a held table |
//! |---|---|---|
//! | PostgreSQL | a composite type | refuses the writes of other sessions by a trigger |
//! | MySQL, MariaDB | a view of a table that does not exist | is known by its name alone |
//! | SQLite | the same | the same |

mod mysql;
mod postgres;
mod sqlite;

use std::time::Duration;

use sea_query::{Alias, IntoTableRef as _};

use super::quote;
use crate::dialect::Dialect;

/// How long a fence waits for locks at a time. Others queue behind it meanwhile.
pub(crate) const WAIT: Duration = Duration::from_millis(20);

/// What is closed, and by which job.
#[derive(Debug, Clone)]
pub(crate) struct Fence<'a> {
    pub(crate) dialect: Dialect,
    /// The number of the job.
    pub(crate) job: u64,
    /// The token of its runner.
    pub(crate) token: u64,
    pub(crate) tables: &'a [String],
    pub(crate) sequences: &'a [String],
    pub(crate) views: &'a [String],
    /// The table of the namespace's record.
    pub(crate) record: &'a str,
}

impl Fence<'_> {
    /// The name of a table or sequence while the namespace is closed.
    pub(crate) fn held(&self, name: &str) -> String {
        let of = |kind: &str, names: &[String]| {
            let position = names.iter().position(|own| own == name)?;
            Some(format!("{}{kind}_{position}", self.prefix()))
        };
        of("", self.tables)
            .or_else(|| of("_s", self.sequences))
            .or_else(|| of("_v", self.views))
            .unwrap_or_else(|| name.to_owned())
    }

    /// The statements that run before, in no transaction, while the namespace is open. They can be
    /// repeated.
    pub(crate) fn prepare(&self) -> Vec<String> {
        match self.dialect {
            Dialect::Postgres => postgres::prepare(self),
            Dialect::MySql => mysql::prepare(self),
            Dialect::Sqlite => Vec::new(),
        }
    }

    /// The statements that close the namespace: in one transaction with the change of the record, or, on
    /// MySQL and MariaDB, a single one that changes the record too. `tried` is the number of attempts that took too
    /// long.
    pub(crate) fn close(&self, tried: u32) -> Vec<String> {
        match self.dialect {
            Dialect::Postgres => postgres::close(self),
            Dialect::MySql => mysql::close(self, tried),
            Dialect::Sqlite => sqlite::close(self),
        }
    }

    /// Whether [`close`](Self::close) can still close the namespace, where a rename that was interrupted may fail with any
    /// error (MySQL and MariaDB): `others` are the names of the namespace's tables.
    pub(crate) fn is_prepared(&self, others: &[String]) -> bool {
        self.dialect == Dialect::MySql && mysql::is_prepared(self, others)
    }

    /// The statements that open it again, in the same way.
    pub(crate) fn open(&self) -> Vec<String> {
        match self.dialect {
            Dialect::Postgres => postgres::open(self),
            Dialect::MySql => mysql::open(self),
            Dialect::Sqlite => sqlite::open(self),
        }
    }

    /// The query for the statements that follow those of [`open`](Self::open) in the same transaction.
    pub(crate) fn kept(&self) -> Option<String> {
        (self.dialect == Dialect::Sqlite).then(|| sqlite::kept(self))
    }

    /// The statements that bring the tables that hold a record's other state to this token (MySQL and
    /// MariaDB): `others` are the names of the namespace's tables, `closed` whether it is closed now.
    pub(crate) fn raise(&self, others: &[String], closed: bool) -> Vec<String> {
        match self.dialect {
            Dialect::MySql => mysql::raise(self, others, closed),
            Dialect::Postgres | Dialect::Sqlite => Vec::new(),
        }
    }

    /// The statements that remove what [`prepare`](Self::prepare) and [`close`](Self::close) have created
    /// beside the held tables and the tombstones. They can be repeated.
    pub(crate) fn clean(&self, others: &[String]) -> Vec<String> {
        match self.dialect {
            Dialect::Postgres => postgres::clean(self),
            Dialect::MySql => mysql::clean(self, others),
            Dialect::Sqlite => sqlite::clean(self),
        }
    }

    /// The statements after which held tables refuse no writes any more (PostgreSQL).
    pub(crate) fn unrefuse(&self) -> Vec<String> {
        match self.dialect {
            Dialect::Postgres => postgres::unrefuse(self),
            Dialect::MySql | Dialect::Sqlite => Vec::new(),
        }
    }

    /// The beginning of a rename that fails as a whole unless the namespace is closed under this token, and changes nothing
    /// itself (MySQL and MariaDB).
    pub(crate) fn marked(&self) -> Vec<String> {
        match self.dialect {
            Dialect::MySql => mysql::marked(self),
            Dialect::Postgres | Dialect::Sqlite => Vec::new(),
        }
    }

    /// The statement that drops a held table.
    pub(crate) fn drop_held(&self, name: &str) -> String {
        let table = self.quoted(&self.held(name));
        match self.dialect {
            Dialect::Postgres => format!("DROP TABLE IF EXISTS {table} CASCADE"),
            Dialect::MySql | Dialect::Sqlite => format!("DROP TABLE IF EXISTS {table}"),
        }
    }

    fn prefix(&self) -> String {
        format!("so_{}", self.job)
    }

    fn quoted(&self, name: &str) -> String {
        quote(self.dialect, &Alias::new(name).into_table_ref())
    }

    /// The names that get a tombstone.
    fn buried(&self) -> impl Iterator<Item = &String> {
        self.tables.iter().chain(self.views)
    }
}
