//! The record that each namespace holds of what it is.
//!
//! Written by `setup`; read before the first statement in a namespace, and by surveys of servers.

use std::fmt;

use sea_query::{Alias, Expr, Query, TableRef};

use super::NamespaceHandle;
use crate::backend::{Args, Conn, Failure, Field, Sql, render};
use crate::dialect::Dialect;
use crate::error::{ErrorKind, Result};

/// The table of the record.
pub(crate) const TABLE: &str = "shard_orm_namespace";

/// The columns that say whose namespace it is. Records of the first version have no others.
pub(crate) const IDENTITY: [&str; 4] =
    ["cluster_name", "group_name", "logical_shard", "generation"];
/// The columns of the layout, in the order of [`Layout`]'s fields. All of them take NULL.
pub(crate) const LAYOUT: [&str; 10] = [
    "group_id",
    "server_name",
    "logical_shards",
    "strategy",
    "routing",
    "pins",
    "pinned_keys",
    "model_tables",
    "named_databases",
    "ready",
];

/// Stands for the logical shard in the record of a group's static tables.
pub(crate) const STATICS: i64 = -1;

/// What a namespace says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) cluster: String,
    pub(crate) group: String,
    pub(crate) shard: i64,
    pub(crate) generation: i64,
    /// Missing in records of the first version.
    pub(crate) layout: Option<Layout>,
}

/// How the group was laid out when the record was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Drawn at random when the group was set up: tells it from another of the same name.
    pub(crate) group_id: String,
    /// The server of the namespace.
    pub(crate) server: String,
    pub(crate) logical_shards: i64,
    /// The strategy as a configuration file has it.
    pub(crate) strategy: String,
    /// See [`Fingerprint`](crate::topology::Fingerprint).
    pub(crate) routing: String,
    pub(crate) pins: String,
    /// The keys that are pinned to this logical shard, each followed by a comma.
    pub(crate) pinned_keys: String,
    /// The tables of models that `setup` has made here, each followed by a comma.
    pub(crate) tables: String,
    /// The named databases that `setup` has made tables in, as `name=identity`, each followed by a
    /// comma.
    pub(crate) databases: String,
    /// Whether `setup` has made all namespaces of the group.
    pub(crate) ready: bool,
}

impl Record {
    /// What the topology says of the namespace, without its layout.
    pub(crate) fn expected(handle: &NamespaceHandle) -> Self {
        Self {
            cluster: handle.cluster.to_string(),
            group: handle.namespace.group().to_string(),
            shard: if handle.namespace.is_static() {
                STATICS
            } else {
                handle.namespace.shard().into()
            },
            generation: handle.namespace.generation().into(),
            layout: None,
        }
    }

    /// Whether both are records of the same namespace, whatever their layout.
    pub(crate) fn is_of_same(&self, other: &Self) -> bool {
        self.shard == other.shard
            && self.generation == other.generation
            && self.group == other.group
            && self.cluster == other.cluster
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cluster,
            group,
            shard,
            generation,
            ..
        } = self;
        if *shard == STATICS {
            write!(
                f,
                "the static tables of group `{group}` in cluster `{cluster}`"
            )
        } else {
            write!(
                f,
                "shard {shard} of group `{group}` in cluster `{cluster}`, generation {generation}"
            )
        }
    }
}

/// Reads the record from its table; `None` when the table or its namespace does not exist, or the
/// table is empty.
pub(crate) async fn read_record(
    conn: &mut Conn,
    table: &TableRef,
) -> Result<Option<Record>, Failure> {
    // Those of the first version are rare: they are asked for when a column is missing.
    match select(conn, table, &LAYOUT).await {
        Err(failure) if is_undefined(&failure) => {}
        outcome => return outcome,
    }
    match select(conn, table, &[]).await {
        Err(failure) if is_undefined(&failure) => Ok(None),
        outcome => outcome,
    }
}

fn is_undefined(failure: &Failure) -> bool {
    !failure.lost && failure.error.kind() == ErrorKind::UndefinedTable
}

async fn select(
    conn: &mut Conn,
    table: &TableRef,
    layout: &[&'static str],
) -> Result<Option<Record>, Failure> {
    let dialect = conn.dialect();
    let mut select = Query::select();
    for column in IDENTITY.iter().chain(layout) {
        // Qualified: SQLite takes a quoted name that it does not know for a text.
        select.expr(Expr::col((Alias::new(TABLE), Alias::new(*column))));
    }
    select.from(table.clone());
    let (text, _) = render(dialect, &select);
    let sql = Sql {
        text: text.into(),
        persistent: false,
        single: false,
    };
    let mut found = None;
    let args = Args::new(dialect).map_err(Failure::own)?;
    conn.run(sql, args, &mut |row| {
        let text = |ordinal| Option::<String>::read(row, ordinal).map(Option::unwrap_or_default);
        let number = |ordinal| Option::<i64>::read(row, ordinal).map(Option::unwrap_or_default);
        let group_id = if layout.is_empty() {
            None
        } else {
            Option::<String>::read(row, 4)?
        };
        let layout = match group_id {
            None => None,
            Some(group_id) => Some(Layout {
                group_id,
                server: text(5)?,
                logical_shards: number(6)?,
                strategy: text(7)?,
                routing: text(8)?,
                pins: text(9)?,
                pinned_keys: text(10)?,
                tables: text(11)?,
                databases: text(12)?,
                ready: number(13)? != 0,
            }),
        };
        found = Some(Record {
            cluster: String::read(row, 0)?,
            group: String::read(row, 1)?,
            shard: i64::read(row, 2)?,
            generation: i64::read(row, 3)?,
            layout,
        });
        Ok(())
    })
    .await?;
    Ok(found)
}

/// How a statement names the record's table in a namespace.
pub(crate) fn table_of(dialect: Dialect, namespace: &str) -> TableRef {
    use sea_query::IntoTableRef as _;
    let namespace = dialect.capability().main_schema.unwrap_or(namespace);
    (Alias::new(namespace), Alias::new(TABLE)).into_table_ref()
}
