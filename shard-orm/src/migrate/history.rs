//! The table of applied versions, which every namespace has.

use sea_query::{
    Alias, DeleteStatement, Expr, ExprTrait as _, InsertStatement, Query, SelectStatement,
    UpdateStatement,
};

use super::checksum::Checksum;
use crate::backend::{Field, Row, now};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::system_tables::{Kind, create_table};
use crate::topology::Namespace;

/// The table.
pub(super) const TABLE: &str = "shard_orm_migration";
/// The table of sqlx.
pub(super) const SQLX_TABLE: &str = "_sqlx_migrations";

const VERSION: &str = "version";
const COLUMNS: [&str; 10] = [
    VERSION,
    "name",
    "checksum",
    "state",
    "completed",
    "started",
    "prefix",
    "applied_at",
    "duration_ms",
    "tool",
];
/// The version of this library, which is recorded with each migration.
const TOOL: &str = concat!("shard-orm ", env!("CARGO_PKG_VERSION"));

/// The state of a version in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Applied,
    /// Its statements are being run, or were interrupted.
    Applying,
    /// The statements that revert it are being run, or were interrupted.
    Reverting,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Applying => "applying",
            Self::Reverting => "reverting",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        match text {
            "applied" => Ok(Self::Applied),
            "applying" => Ok(Self::Applying),
            "reverting" => Ok(Self::Reverting),
            other => Err(Error::decode(format!(
                "table `{TABLE}` has a row in the unknown state `{other}`; it was written by a newer \
                 version of this library"
            ))),
        }
    }
}

/// One version in one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) version: i64,
    pub(super) name: String,
    pub(super) checksum: Checksum,
    pub(super) state: State,
    /// The number of statements that were completed.
    pub(super) completed: i64,
    /// The number of statements that were started: one more where one runs, or was interrupted.
    pub(super) started: i64,
    /// The checksum of the completed statements.
    pub(super) prefix: String,
    /// Milliseconds since 1970, by the clock of the database.
    pub(super) applied_at: i64,
    pub(super) duration_ms: i64,
    pub(super) tool: String,
}

impl Entry {
    pub(super) fn new(version: i64, name: &str, checksum: Checksum, state: State) -> Self {
        Self {
            version,
            name: name.chars().take(255).collect(),
            checksum,
            state,
            completed: 0,
            started: 0,
            prefix: String::new(),
            applied_at: 0,
            duration_ms: 0,
            tool: TOOL.to_owned(),
        }
    }

    /// Reads a row whose columns begin at `first`.
    pub(super) fn read(row: &Row<'_>, first: usize) -> Result<Self> {
        let text = |at: usize| String::read(row, first + at);
        let number = |at: usize| i64::read(row, first + at);
        Ok(Self {
            version: number(0)?,
            name: text(1)?,
            checksum: Checksum::from_hex(&text(2)?),
            state: State::parse(&text(3)?)?,
            completed: number(4)?,
            started: number(5)?,
            prefix: text(6)?,
            applied_at: number(7)?,
            duration_ms: number(8)?,
            tool: text(9)?,
        })
    }

    pub(super) fn insert(&self, namespace: &Namespace) -> Result<InsertStatement> {
        let dialect = namespace.dialect();
        let mut insert = Query::insert();
        insert
            .into_table(namespace.own_table(TABLE))
            .columns(COLUMNS.map(Alias::new))
            .values([
                self.version.into(),
                self.name.as_str().into(),
                self.checksum.as_str().into(),
                self.state.as_str().into(),
                self.completed.into(),
                self.started.into(),
                self.prefix.as_str().into(),
                now(dialect),
                self.duration_ms.into(),
                self.tool.as_str().into(),
            ])
            .map_err(|source| Error::configuration("a row of a migration").with_source(source))?;
        Ok(insert)
    }

    /// Writes everything but the version and the name.
    pub(super) fn update(&self, namespace: &Namespace) -> UpdateStatement {
        let dialect = namespace.dialect();
        let mut update = Query::update();
        update
            .table(namespace.own_table(TABLE))
            .value(Alias::new("checksum"), self.checksum.as_str())
            .value(Alias::new("state"), self.state.as_str())
            .value(Alias::new("completed"), self.completed)
            .value(Alias::new("started"), self.started)
            .value(Alias::new("prefix"), self.prefix.as_str())
            .value(Alias::new("applied_at"), now(dialect))
            .value(Alias::new("duration_ms"), self.duration_ms)
            .value(Alias::new("tool"), self.tool.as_str())
            .and_where(column(VERSION).eq(self.version));
        update
    }
}

/// The statement that creates the table.
pub(super) fn create(namespace: &Namespace) -> String {
    use Kind::{Integer, Text};
    let kinds = [
        Integer, Text, Text, Text, Integer, Integer, Text, Integer, Integer, Text,
    ];
    let columns: Vec<(&str, Kind)> = COLUMNS.into_iter().zip(kinds).collect();
    create_table(namespace.dialect(), namespace.own_table(TABLE), &columns)
}

/// The rows of a namespace, each after `mark`.
pub(super) fn select(namespace: &Namespace, mark: Expr) -> SelectStatement {
    let mut select = Query::select();
    select.expr(mark);
    for name in COLUMNS {
        select.expr(Expr::col((Alias::new(TABLE), Alias::new(name))));
    }
    select.from(namespace.own_table(TABLE));
    select
}

/// The row of one version, after that.
pub(super) fn select_version(namespace: &Namespace, version: Expr) -> SelectStatement {
    let mut select = select(namespace, version.clone());
    select.and_where(column(VERSION).eq(version));
    select
}

/// A number in the text of a statement without arguments.
pub(super) fn literal(number: i64) -> Expr {
    Expr::cust(format!("CAST({number} AS bigint)"))
}

pub(super) fn delete(namespace: &Namespace, version: i64) -> DeleteStatement {
    let mut delete = Query::delete();
    delete
        .from_table(namespace.own_table(TABLE))
        .and_where(column(VERSION).eq(version));
    delete
}

/// The versions in the table of sqlx.
pub(super) fn select_sqlx(namespace: &Namespace, mark: i64) -> SelectStatement {
    let mut select = Query::select();
    select.expr(Expr::val(mark));
    for name in [VERSION, "description", "checksum", "success"] {
        select.expr(Expr::col((Alias::new(SQLX_TABLE), Alias::new(name))));
    }
    select.from(namespace.own_table(SQLX_TABLE));
    select
}

/// Reads a row of [`select_sqlx`].
pub(super) fn read_sqlx(row: &Row<'_>, dialect: Dialect) -> Result<Entry> {
    let version = i64::read(row, 1)?;
    let name = String::read(row, 2)?;
    let checksum = Vec::<u8>::read(row, 3)?;
    if !bool::read(row, 4)? {
        return Err(Error::configuration(format!(
            "version {version} in table `{SQLX_TABLE}` of {dialect} has failed under sqlx; mend the \
             tables by hand, and delete its row or set `success`"
        )));
    }
    let hex: String = checksum.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut entry = Entry::new(version, &name, Checksum::from_hex(&hex), State::Applied);
    entry.tool = "sqlx".to_owned();
    Ok(entry)
}

fn column(name: &str) -> Expr {
    Expr::col(Alias::new(name))
}
