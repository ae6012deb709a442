//! The progress of backfills: a row for each one that has begun in a namespace, committed together with
//! each batch.

use sea_query::{
    Alias, DeleteStatement, Expr, ExprTrait as _, InsertStatement, Query, SelectStatement,
    UpdateStatement,
};

use crate::backend::{Field as _, Row, now};
use crate::error::{Error, Result};
use crate::exec::system_tables::{Kind, create_table};
use crate::migrate::checksum::Checksum;
use crate::topology::Namespace;

/// The table.
const TABLE: &str = "shard_orm_backfill";

const VERSION: &str = "version";
const BATCHES: &str = "batches";
const COLUMNS: [&str; 7] = [
    VERSION,
    "checksum",
    "last_key",
    BATCHES,
    "rows_changed",
    "duration_ms",
    "changed_at",
];

/// How far a backfill is in one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::migrate) struct Progress {
    pub(in crate::migrate) version: i64,
    /// That of the statement by which the rows were changed.
    pub(in crate::migrate) checksum: Checksum,
    /// The last key whose row is done; empty before the first batch.
    pub(in crate::migrate) last_key: String,
    pub(in crate::migrate) batches: i64,
    /// The rows that the statement has changed.
    pub(in crate::migrate) rows: i64,
    pub(in crate::migrate) duration_ms: i64,
}

impl Progress {
    pub(in crate::migrate) fn new(version: i64, checksum: Checksum) -> Self {
        Self {
            version,
            checksum,
            last_key: String::new(),
            batches: 0,
            rows: 0,
            duration_ms: 0,
        }
    }

    /// Reads a row of [`select`].
    pub(in crate::migrate) fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            version: i64::read(row, 0)?,
            checksum: Checksum::from_hex(&String::read(row, 1)?),
            last_key: String::read(row, 2)?,
            batches: i64::read(row, 3)?,
            rows: i64::read(row, 4)?,
            duration_ms: i64::read(row, 5)?,
        })
    }

    pub(in crate::migrate) fn insert(&self, namespace: &Namespace) -> Result<InsertStatement> {
        let mut insert = Query::insert();
        insert
            .into_table(namespace.own_table(TABLE))
            .columns(COLUMNS.map(Alias::new))
            .values([
                self.version.into(),
                self.checksum.as_str().into(),
                self.last_key.as_str().into(),
                self.batches.into(),
                self.rows.into(),
                self.duration_ms.into(),
                now(namespace.dialect()),
            ])
            .map_err(|source| Error::configuration("a row of a backfill").with_source(source))?;
        Ok(insert)
    }

    /// Writes this progress in place of that after `batches` batches; changes no row if another run has
    /// committed one since.
    pub(in crate::migrate) fn update(
        &self,
        namespace: &Namespace,
        batches: i64,
    ) -> UpdateStatement {
        let mut update = Query::update();
        update
            .table(namespace.own_table(TABLE))
            .value(Alias::new("checksum"), self.checksum.as_str())
            .value(Alias::new("last_key"), self.last_key.as_str())
            .value(Alias::new(BATCHES), self.batches)
            .value(Alias::new("rows_changed"), self.rows)
            .value(Alias::new("duration_ms"), self.duration_ms)
            .value(Alias::new("changed_at"), now(namespace.dialect()))
            .and_where(column(VERSION).eq(self.version))
            .and_where(column(BATCHES).eq(batches));
        update
    }
}

/// The statement that creates the table.
pub(in crate::migrate) fn create(namespace: &Namespace) -> String {
    use Kind::{Integer, LongText, Text};
    let kinds = [Integer, Text, LongText, Integer, Integer, Integer, Integer];
    let columns: Vec<(&str, Kind)> = COLUMNS.into_iter().zip(kinds).collect();
    create_table(namespace.dialect(), namespace.own_table(TABLE), &columns)
}

/// The rows of a namespace.
pub(in crate::migrate) fn select(namespace: &Namespace) -> SelectStatement {
    let mut select = Query::select();
    for name in COLUMNS {
        select.expr(Expr::col((Alias::new(TABLE), Alias::new(name))));
    }
    select.from(namespace.own_table(TABLE));
    select
}

/// The row of one version.
pub(in crate::migrate) fn select_version(namespace: &Namespace, version: i64) -> SelectStatement {
    let mut select = select(namespace);
    select.and_where(column(VERSION).eq(version));
    select
}

pub(in crate::migrate) fn delete(namespace: &Namespace, version: i64) -> DeleteStatement {
    let mut delete = Query::delete();
    delete
        .from_table(namespace.own_table(TABLE))
        .and_where(column(VERSION).eq(version));
    delete
}

fn column(name: &str) -> Expr {
    Expr::col(Alias::new(name))
}
