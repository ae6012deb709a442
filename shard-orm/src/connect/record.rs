//! The record of a namespace: which shard of which group it is.
//!
//! Written by `setup`. Read before the first statement in a namespace, and by surveys of servers.

use std::fmt;

use sea_query::{Alias, Expr, Query, TableRef};

use super::NamespaceHandle;
use crate::backend::{Args, Conn, Failure, Field, Sql, render};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};

/// The table of the record.
pub(crate) const TABLE: &str = "shard_orm_namespace";

/// The columns that identify the namespace. Records of the first version have only these.
pub(crate) const IDENTITY: [&str; 4] =
    ["cluster_name", "group_name", "logical_shard", "generation"];
/// The columns of the layout, in the order of [`Layout`]'s fields; all are nullable.
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

/// The columns of the state, after the layout; all are nullable.
pub(crate) const STATE: [&str; 4] = ["state", "job", "token", "epoch"];

/// The logical shard in the record of a group's static tables.
pub(crate) const STATICS: i64 = -1;

/// The record of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) cluster: String,
    pub(crate) group: String,
    pub(crate) shard: i64,
    pub(crate) generation: i64,
    /// Missing in records of the first version.
    pub(crate) layout: Option<Layout>,
    /// Missing in records of earlier versions, whose namespaces are active.
    pub(crate) state: Option<State>,
    /// The job that has set the state.
    pub(crate) job: Option<u64>,
    /// The epoch of the catalog in which the state was set, if it was since the namespace was created.
    pub(crate) epoch: Option<i64>,
}

/// What a namespace is, while its logical shard moves from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum State {
    /// It serves its logical shard.
    #[default]
    Active,
    /// It is being filled, and serves nobody yet.
    Incoming,
    /// Its rows have, or are about to have, another place.
    Fenced,
    /// Its rows are gone.
    Moved,
    /// The target of a move that was aborted.
    Dead,
}

impl State {
    const NAMES: [(&'static str, Self); 5] = [
        ("active", Self::Active),
        ("incoming", Self::Incoming),
        ("fenced", Self::Fenced),
        ("moved", Self::Moved),
        ("dead", Self::Dead),
    ];

    pub(crate) fn name(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(_, state)| *state == self);
        named.map_or("", |(name, _)| name)
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let named = Self::NAMES.iter().find(|(name, _)| *name == text);
        named.map(|(_, state)| *state).ok_or_else(|| {
            Error::decode(format!(
                "the record of a namespace has the unknown state `{text}`; it was written by a newer \
                 version of this library"
            ))
        })
    }
}

/// The layout of the group when the record was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// A random id, drawn at the group's setup, which tells it from another group of the same name.
    pub(crate) group_id: String,
    /// The server of the namespace.
    pub(crate) server: String,
    pub(crate) logical_shards: i64,
    /// The strategy, as written in a configuration file.
    pub(crate) strategy: String,
    /// See [`Fingerprint`](crate::topology::Fingerprint).
    pub(crate) routing: String,
    pub(crate) pins: String,
    /// The keys pinned to this logical shard, each followed by a comma.
    pub(crate) pinned_keys: String,
    /// The model tables that `setup` has created here, each followed by a comma.
    pub(crate) tables: String,
    /// The named databases in which `setup` has created tables, as `name=identity`, each followed
    /// by a comma.
    pub(crate) databases: String,
    /// Whether `setup` has created all namespaces of the group.
    pub(crate) ready: bool,
}

impl Record {
    /// The record that the topology expects, without layout.
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
            state: None,
            job: None,
            epoch: None,
        }
    }

    /// The state; records of earlier versions are active.
    pub(crate) fn state(&self) -> State {
        self.state.unwrap_or_default()
    }

    /// Whether both records identify the same namespace, regardless of layout.
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

/// Reads the record; `None` if the namespace or the table does not exist, or the table is empty.
pub(crate) async fn read_record(
    conn: &mut Conn,
    table: &TableRef,
) -> Result<Option<Record>, Failure> {
    // Records of earlier versions are rare: they are read only when a column is missing.
    let current: Vec<&'static str> = LAYOUT.into_iter().chain(STATE).collect();
    for columns in [&current[..], &LAYOUT] {
        match select(conn, table, columns).await {
            Err(failure) if is_undefined(&failure) => {}
            outcome => return outcome,
        }
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
        // Qualified: SQLite treats an unknown quoted name as a string.
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
        let (state, job, epoch) = if layout.len() > LAYOUT.len() {
            let state = Option::<String>::read(row, 14)?;
            let state = state.map_or(Ok(State::Active), |state| State::parse(&state))?;
            let job = Option::<String>::read(row, 15)?;
            let job = job.and_then(|job| job.parse().ok());
            (Some(state), job, Option::<i64>::read(row, 17)?)
        } else {
            (None, None, None)
        };
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
            state,
            job,
            epoch,
        });
        Ok(())
    })
    .await?;
    Ok(found)
}

/// The qualified name of the record's table in a namespace.
pub(crate) fn table_of(dialect: Dialect, namespace: &str) -> TableRef {
    use sea_query::IntoTableRef as _;
    let namespace = dialect.capability().main_schema.unwrap_or(namespace);
    (Alias::new(namespace), Alias::new(TABLE)).into_table_ref()
}
