//! The change capture of a move: for each table, a log of the keys whose rows have changed.
//!
//! Called by `schema::move_log`, which creates the tables of the logs. A log is consumed by deleting entries by their own
//! ids, so that no order of commits is needed, and writers do not wait for each other. An entry holds the primary key of a
//! row (`k0`..), and the columns of the shard key before (`o0`..) and after the change (`n0`..); or it says that any row of
//! the table may have changed (`whole`). More entries than changes do no harm: a consumer reads the current rows.
//!
//! The triggers belong to their table whatever its name becomes, and do not depend on the name of the namespace.

mod cascade;
mod mysql;
mod postgres;
mod sqlite;

use sea_query::{Alias, IntoTableRef as _};

use self::cascade::Cascades;
use super::quote;
use crate::dialect::Dialect;

/// The number of an entry, which is never used twice.
pub(crate) const ID: &str = "id";
/// Not zero if any row of the table may have changed. The entry has no key then.
pub(crate) const WHOLE: &str = "whole";

/// The column of a log that holds a column of the primary key.
pub(crate) fn key(ordinal: usize) -> String {
    format!("k{ordinal}")
}

/// The column of a log that holds a column of the shard key before the change; NULL for a row that is new.
pub(crate) fn before(ordinal: usize) -> String {
    format!("o{ordinal}")
}

/// The column of a log that holds a column of the shard key after the change; NULL for a row that is gone.
pub(crate) fn after(ordinal: usize) -> String {
    format!("n{ordinal}")
}

/// A table whose changes are logged.
#[derive(Debug)]
pub(crate) struct Logged<'a> {
    pub(crate) name: &'a str,
    pub(crate) columns: Vec<&'a str>,
    pub(crate) key: Vec<&'a str>,
    pub(crate) shard_key: Vec<&'a str>,
    /// The parts of its unique indexes, and of the primary key.
    pub(crate) unique: Vec<Vec<Part<'a>>>,
}

/// A part of a unique index.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    Column(&'a str),
    Expression(&'a str),
}

/// A foreign key between two logged tables, by their positions.
#[derive(Debug)]
pub(crate) struct Reference<'a> {
    pub(crate) child: usize,
    pub(crate) parent: usize,
    pub(crate) columns: Vec<&'a str>,
    pub(crate) referenced: Vec<&'a str>,
    /// What the deletion of a parent does to its children, if it is not refused.
    pub(crate) on_delete: Option<Effect>,
    /// Whether a change of a parent's key changes its children.
    pub(crate) on_update: bool,
}

/// What happens to a row that refers to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Deletes,
    Changes,
}

/// The logs of a job.
pub(crate) struct Logs<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) job: &'a str,
    pub(crate) tables: Vec<Logged<'a>>,
    pub(crate) references: Vec<Reference<'a>>,
}

/// An object that a job creates in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Created {
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

/// The kind of such an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Table,
    Function,
    Trigger,
}

/// What the names of a table's objects begin with.
fn base(job: &str, position: usize) -> String {
    format!("so_{job}_{position}")
}

/// The name of a log.
pub(crate) fn log_name(job: &str, position: usize) -> String {
    format!("{}_log", base(job, position))
}

/// The name of the table whose foreign key prevents `TRUNCATE`, where that fires no trigger.
pub(crate) fn guard_name(dialect: Dialect, job: &str, position: usize) -> Option<String> {
    (dialect == Dialect::MySql).then(|| format!("{}_guard", base(job, position)))
}

/// The statement that creates a log, where its columns need no type: an entry must take any value that the table takes.
pub(crate) fn create_untyped(dialect: Dialect, log: &str, columns: &[String]) -> Option<String> {
    let columns = columns
        .iter()
        .map(|column| format!(", {}", name(dialect, column)));
    (dialect == Dialect::Sqlite).then(|| {
        format!(
            "CREATE TABLE IF NOT EXISTS {} ({ID} INTEGER PRIMARY KEY AUTOINCREMENT, {WHOLE} INTEGER NOT NULL DEFAULT \
             0{})",
            name(dialect, log),
            columns.collect::<String>()
        )
    })
}

/// The statements that create the triggers, where they do not exist yet. The logs exist.
pub(crate) fn triggers(logs: &Logs<'_>) -> Vec<String> {
    let cascades = Cascades::of(logs);
    let statements = logs
        .tables
        .iter()
        .enumerate()
        .flat_map(|(position, table)| {
            let names = Names::of(logs, position, table);
            match logs.dialect {
                Dialect::Postgres => postgres::triggers(&names),
                Dialect::MySql => mysql::triggers(&names, position, logs, &cascades),
                Dialect::Sqlite => sqlite::triggers(&names, table),
            }
        });
    statements.collect()
}

/// The statements that remove the triggers of the first `count` tables of a job, whatever exists of them.
pub(crate) fn silence(dialect: Dialect, job: &str, count: usize) -> Vec<String> {
    let created = created(dialect, job, count).into_iter();
    let (kind, drop, rest) = match dialect {
        Dialect::Postgres => (Kind::Function, "DROP FUNCTION IF EXISTS", "() CASCADE"),
        Dialect::MySql | Dialect::Sqlite => (Kind::Trigger, "DROP TRIGGER IF EXISTS", ""),
    };
    let objects = created.filter(|object| object.kind == kind);
    let texts = objects.map(|object| format!("{drop} {}{rest}", name(dialect, &object.name)));
    texts.collect()
}

/// The statements that remove everything of the first `count` tables of a job, whatever exists of it.
pub(crate) fn remove(dialect: Dialect, job: &str, count: usize) -> Vec<String> {
    // A trigger without its log would fail, and the write of the application with it.
    let mut statements = silence(dialect, job, count);
    let created = created(dialect, job, count).into_iter();
    let tables = created.filter(|object| object.kind == Kind::Table);
    let drops =
        tables.map(|object| format!("DROP TABLE IF EXISTS {}", name(dialect, &object.name)));
    statements.extend(drops);
    statements
}

/// Everything that a job creates for its first `count` tables.
pub(crate) fn created(dialect: Dialect, job: &str, count: usize) -> Vec<Created> {
    let events: &[&str] = match dialect {
        Dialect::Postgres => &["insert", "update", "delete", "truncate"],
        Dialect::MySql => &[
            "insert",
            "update",
            "delete",
            "before_update",
            "before_delete",
        ],
        Dialect::Sqlite => &[
            "insert",
            "update",
            "delete",
            "before_insert",
            "before_update",
        ],
    };
    let mut created = Vec::new();
    for position in 0..count {
        let base = base(job, position);
        let mut add = |kind, name| created.push(Created { kind, name });
        add(Kind::Table, log_name(job, position));
        if let Some(guard) = guard_name(dialect, job, position) {
            add(Kind::Table, guard);
        }
        if dialect == Dialect::Postgres {
            add(Kind::Function, base.clone());
        }
        for event in events {
            add(Kind::Trigger, format!("{base}_{event}"));
        }
    }
    created
}

fn name(dialect: Dialect, name: &str) -> String {
    quote(dialect, &Alias::new(name).into_table_ref())
}

/// The quoted names in the statements of a table.
struct Names {
    dialect: Dialect,
    base: String,
    table: String,
    log: String,
    key: Vec<String>,
    shard_key: Vec<String>,
}

impl Names {
    fn of(logs: &Logs<'_>, position: usize, table: &Logged<'_>) -> Self {
        let quoted = |names: &[&str]| names.iter().map(|one| name(logs.dialect, one)).collect();
        Self {
            dialect: logs.dialect,
            base: base(logs.job, position),
            table: name(logs.dialect, table.name),
            log: name(logs.dialect, &log_name(logs.job, position)),
            key: quoted(&table.key),
            shard_key: quoted(&table.shard_key),
        }
    }

    /// The name of an object of the table.
    fn object(&self, suffix: &str) -> String {
        name(self.dialect, &format!("{}_{suffix}", self.base))
    }

    /// The columns of the log that hold the key, and the shard key before and after a change, if these are given.
    fn columns(&self, has_before: bool, has_after: bool) -> String {
        let mut columns: Vec<String> = (0..self.key.len()).map(key).collect();
        let shard_key = 0..self.shard_key.len();
        if has_before {
            columns.extend(shard_key.clone().map(before));
        }
        if has_after {
            columns.extend(shard_key.map(after));
        }
        columns.join(", ")
    }

    /// The values of such columns; each argument is what qualifies the columns of a row.
    fn values(&self, key: &str, before: Option<&str>, after: Option<&str>) -> String {
        let of = |row: &str, columns: &[String]| -> Vec<String> {
            columns
                .iter()
                .map(|column| format!("{row}.{column}"))
                .collect()
        };
        let mut values = of(key, &self.key);
        for row in [before, after].into_iter().flatten() {
            values.extend(of(row, &self.shard_key));
        }
        values.join(", ")
    }

    /// The beginning of a statement that appends entries with such columns.
    fn append(&self, has_before: bool, has_after: bool) -> String {
        format!(
            "INSERT INTO {} ({})",
            self.log,
            self.columns(has_before, has_after)
        )
    }

    /// A condition on the key of two rows, column by column.
    fn same_key(&self, one: &str, operator: &str, other: &str) -> String {
        let key = self.key.iter();
        let same = key.map(|column| format!("{one}.{column} {operator} {other}.{column}"));
        same.collect::<Vec<_>>().join(" AND ")
    }
}
