//! Statements on the two tables that ids stand on, `shard_orm_worker` and `shard_orm_sequence`.
//!
//! Both are in a named database. Sent by `lease` and `block`, created by `Cluster::setup`.

use std::sync::Arc;

use sea_query::{Expr, QueryStatementWriter};

use crate::backend::{Args, Sql, render};
use crate::cluster::Cluster;
use crate::connect::Place;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::{Intent, Label, Sink, Statement, Target, run};
use crate::topology::Namespace;

/// Who makes ids under which number, and until when.
pub(super) const WORKERS: &str = "shard_orm_worker";
/// The next number of each sequence.
pub(super) const SEQUENCES: &str = "shard_orm_sequence";

/// A statement of sea-query.
struct Built<'a, S> {
    verb: &'static str,
    table: &'static str,
    statement: &'a S,
}

impl<S: QueryStatementWriter + Sync> Statement for Built<'_, S> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let (text, values) = render(namespace.dialect(), self.statement);
        for value in &values.0 {
            args.push(value)?;
        }
        Ok(Sql {
            text: text.into(),
            persistent: true,
            single: false,
        })
    }

    fn label(&self) -> Label {
        Label {
            verb: self.verb,
            table: self.table,
        }
    }
}

/// Sends a statement to a named database and gives the rows affected.
pub(super) async fn send<S: QueryStatementWriter + Sync>(
    target: Target<'_>,
    place: &Arc<Place>,
    intent: Intent,
    (verb, table): (&'static str, &'static str),
    statement: &S,
    sink: &mut dyn Sink,
) -> Result<u64> {
    let built = Built {
        verb,
        table,
        statement,
    };
    run(target, Arc::clone(place), intent, &built, sink).await
}

/// The milliseconds since 1970 by the database's own clock.
pub(super) fn now(dialect: Dialect) -> Expr {
    Expr::cust(match dialect {
        Dialect::Sqlite => "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
        Dialect::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)",
        // Not UNIX_TIMESTAMP(NOW()): in the hour that a time zone repeats in autumn it is ambiguous.
        Dialect::MySql => {
            "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) DIV 1000)"
        }
    })
}

/// The tables that a configuration asks for, each with its database and the statement that creates
/// it where it is not there.
pub(crate) fn tables(cluster: &Cluster) -> Result<Vec<(Arc<Place>, String)>> {
    let ids = cluster.makers().config();
    let mut tables = Vec::new();
    if let Some(database) = ids.lease_database() {
        let place = cluster.place_of_database(database)?;
        let create = create(
            place.dialect(),
            WORKERS,
            &[
                ("worker", Column::Key(Kind::Integer)),
                ("token", Column::Other(Kind::Text)),
                ("layout", Column::Other(Kind::Text)),
                ("expires_at", Column::Other(Kind::Integer)),
                ("reserved_until", Column::Other(Kind::Integer)),
            ],
        );
        tables.push((place, create));
    }
    if let Some(database) = ids.tables_database() {
        let place = cluster.place_of_database(database)?;
        let create = create(
            place.dialect(),
            SEQUENCES,
            &[
                ("name", Column::Key(Kind::Text)),
                ("next", Column::Other(Kind::Integer)),
            ],
        );
        tables.push((place, create));
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
        Dialect::MySql => format!("`{name}`"),
        Dialect::Sqlite | Dialect::Postgres => format!("\"{name}\""),
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
