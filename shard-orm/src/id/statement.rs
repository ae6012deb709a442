//! The two tables that ids stand on, `shard_orm_worker` and `shard_orm_sequence`.
//!
//! Both are in a named database. Used by `lease` and `block`, created by `Cluster::setup`.

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::Result;

/// Who makes ids under which number, and until when.
pub(super) const WORKERS: &str = "shard_orm_worker";
/// The next number of each sequence.
pub(super) const SEQUENCES: &str = "shard_orm_sequence";

/// The tables that a configuration asks for, each with its database and the statement that creates
/// it where it is not there.
pub(crate) fn tables(cluster: &Cluster) -> Result<Vec<(Arc<NamespaceHandle>, String)>> {
    let ids = cluster.makers().config();
    let mut tables = Vec::new();
    if let Some(database) = ids.lease_database() {
        let handle = cluster.handle_of_database(database)?;
        let create = create(
            handle.dialect(),
            WORKERS,
            &[
                ("worker", Column::Key(Kind::Integer)),
                ("token", Column::Other(Kind::Text)),
                ("layout", Column::Other(Kind::Text)),
                ("expires_at", Column::Other(Kind::Integer)),
                ("reserved_until", Column::Other(Kind::Integer)),
            ],
        );
        tables.push((handle, create));
    }
    if let Some(database) = ids.tables_database() {
        let handle = cluster.handle_of_database(database)?;
        let create = create(
            handle.dialect(),
            SEQUENCES,
            &[
                ("name", Column::Key(Kind::Text)),
                ("next", Column::Other(Kind::Integer)),
            ],
        );
        tables.push((handle, create));
    }
    Ok(tables)
}

#[derive(Clone, Copy)]
enum Column {
    Key(Kind),
    Other(Kind),
}

#[derive(Clone, Copy)]
enum Kind {
    Integer,
    Text,
}

fn create(dialect: Dialect, table: &str, columns: &[(&str, Column)]) -> String {
    let quoted = |name: &str| match dialect {
        Dialect::MySql | Dialect::Sqlite => format!("`{name}`"),
        Dialect::Postgres => format!("\"{name}\""),
    };
    let columns: Vec<String> = columns
        .iter()
        .map(|(name, column)| {
            let (kind, key) = match column {
                Column::Key(kind) => (*kind, " PRIMARY KEY"),
                Column::Other(kind) => (*kind, ""),
            };
            let kind = match (kind, dialect) {
                (Kind::Integer, Dialect::Sqlite) => "INTEGER",
                (Kind::Text, Dialect::Sqlite) => "TEXT",
                (Kind::Integer, _) => "bigint",
                (Kind::Text, _) => "varchar(255)",
            };
            format!("{} {kind} NOT NULL{key}", quoted(name))
        })
        .collect();
    let options = match dialect {
        Dialect::Sqlite => " STRICT",
        Dialect::Postgres => "",
        Dialect::MySql => " ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    };
    format!(
        "CREATE TABLE IF NOT EXISTS {} ({}){options}",
        quoted(table),
        columns.join(", ")
    )
}
