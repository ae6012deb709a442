//! The tables of the catalog, and their versions.
//!
//! Created and upgraded step by step when the catalog is initialized; each step can be repeated.

use crate::backend::system_table::{Kind, create_table, create_table_by};
use crate::dialect::Dialect;
use crate::topology::Namespace;

/// One row for each cluster: the identity of its catalog, and the version of these tables.
pub(super) const CATALOG: &str = "shard_orm_catalog";
/// Every topology of each cluster.
pub(super) const TOPOLOGY: &str = "shard_orm_topology";
/// What was done, and by whom.
pub(super) const EVENT: &str = "shard_orm_event";
/// The processes.
pub(super) const PROCESS: &str = "shard_orm_process";
/// The jobs that move logical shards.
pub(super) const JOB: &str = "shard_orm_job";
/// The plans that are carried out.
pub(super) const PLAN: &str = "shard_orm_plan";

/// The tables that the models of each process read.
pub(super) const TABLE_USE: &str = "shard_orm_table_use";

/// What each process has measured.
pub(super) const STATISTICS: &str = "shard_orm_statistics";

/// The columns that route the rows of each table.
pub(super) const TABLE_KEY: &str = "shard_orm_table_key";

/// What came of the reads that processes send to the targets of jobs.
pub(super) const FINDINGS: &str = "shard_orm_findings";

/// The sizes of servers, for each period in which they were measured.
pub(super) const SIZE: &str = "shard_orm_size";

/// The version of the tables that this library uses.
pub(super) const VERSION: i64 = 6;

/// The column that all tables begin with.
pub(super) const CLUSTER: &str = "cluster_name";

pub(super) const CATALOG_COLUMNS: [&str; 3] = [CLUSTER, "tables_version", "created_at"];
pub(super) const TOPOLOGY_COLUMNS: [&str; 8] = [
    CLUSTER,
    "epoch",
    "change_id",
    "changed_at",
    "changed_by",
    "comment",
    "job",
    "document",
];
pub(super) const EVENT_COLUMNS: [&str; 7] =
    [CLUSTER, "number", "at", "kind", "actor", "epoch", "message"];
pub(super) const PROCESS_COLUMNS: [&str; 9] = [
    CLUSTER,
    "process_id",
    "name",
    "host",
    "pid",
    "version",
    "epoch",
    "started_at",
    "seen_at",
];

pub(super) const JOB_COLUMNS: [&str; 16] = [
    CLUSTER,
    "job",
    "creation",
    "kind",
    "group_name",
    "state",
    "wish",
    "token",
    "owner",
    "lease_until",
    "created_by",
    "created_at",
    "changed_at",
    "message",
    "plan",
    "copied",
];
pub(super) const PLAN_COLUMNS: [&str; 12] = [
    CLUSTER,
    "plan",
    "creation",
    "state",
    "token",
    "owner",
    "lease_until",
    "created_by",
    "created_at",
    "changed_at",
    "message",
    "document",
];
pub(super) const TABLE_USE_COLUMNS: [&str; 3] = [CLUSTER, "process_id", "tables"];

pub(super) const STATISTICS_COLUMNS: [&str; 4] = [CLUSTER, "process_id", "taken_at", "statistics"];

pub(super) const TABLE_KEY_COLUMNS: [&str; 4] = [CLUSTER, "place", "table_name", "key_columns"];

pub(super) const FINDINGS_COLUMNS: [&str; 4] = [CLUSTER, "job", "process_id", "found"];

pub(super) const SIZE_COLUMNS: [&str; 4] = [CLUSTER, "period", "taken_at", "sizes"];

/// The statements that bring the tables from the version before `version` to it.
pub(super) fn step(version: i64, dialect: Dialect, namespace: &Namespace) -> Vec<String> {
    match version {
        1 => first(dialect, namespace),
        2 => vec![
            jobs(dialect, namespace),
            table_use(dialect, namespace),
            table_key(dialect, namespace),
        ],
        3 => vec![plans(dialect, namespace)],
        4 => vec![statistics(dialect, namespace)],
        5 => vec![findings(dialect, namespace)],
        6 => vec![sizes(dialect, namespace)],
        _ => Vec::new(),
    }
}

fn plans(dialect: Dialect, namespace: &Namespace) -> String {
    use Kind::{Integer, LongText, Text};
    let kinds = [
        Text, Integer, Text, Text, Integer, Text, Integer, Text, Integer, Integer, LongText,
        LongText,
    ];
    let plan: Vec<_> = PLAN_COLUMNS.into_iter().zip(kinds).collect();
    create_table_by(dialect, namespace.own_table(PLAN), &plan, 2)
}

fn findings(dialect: Dialect, namespace: &Namespace) -> String {
    use Kind::{Integer, LongText, Text};
    let kinds = [Text, Integer, Text, LongText];
    let columns: Vec<_> = FINDINGS_COLUMNS.into_iter().zip(kinds).collect();
    create_table_by(dialect, namespace.own_table(FINDINGS), &columns, 3)
}

fn sizes(dialect: Dialect, namespace: &Namespace) -> String {
    use Kind::{Integer, LongText, Text};
    let kinds = [Text, Integer, Integer, LongText];
    let columns: Vec<_> = SIZE_COLUMNS.into_iter().zip(kinds).collect();
    create_table_by(dialect, namespace.own_table(SIZE), &columns, 2)
}

fn statistics(dialect: Dialect, namespace: &Namespace) -> String {
    let kinds = [Kind::Text, Kind::Text, Kind::Integer, Kind::LongText];
    let columns: Vec<_> = STATISTICS_COLUMNS.into_iter().zip(kinds).collect();
    create_table_by(dialect, namespace.own_table(STATISTICS), &columns, 2)
}

fn table_use(dialect: Dialect, namespace: &Namespace) -> String {
    let kinds = [Kind::Text, Kind::Text, Kind::LongText];
    let columns: Vec<_> = TABLE_USE_COLUMNS.into_iter().zip(kinds).collect();
    create_table_by(dialect, namespace.own_table(TABLE_USE), &columns, 2)
}

fn table_key(dialect: Dialect, namespace: &Namespace) -> String {
    let columns = TABLE_KEY_COLUMNS.map(|column| (column, Kind::Text));
    create_table_by(dialect, namespace.own_table(TABLE_KEY), &columns, 3)
}

fn first(dialect: Dialect, namespace: &Namespace) -> Vec<String> {
    use Kind::{Integer, LongText, Text};
    let [cluster, version, created] = CATALOG_COLUMNS;
    let catalog = [(cluster, Text), (version, Integer), (created, Integer)];
    let kinds = [Text, Integer, Text, Integer, Text, LongText, Text, LongText];
    let topology: Vec<_> = TOPOLOGY_COLUMNS.into_iter().zip(kinds).collect();
    let kinds = [Text, Integer, Integer, Text, Text, Integer, LongText];
    let event: Vec<_> = EVENT_COLUMNS.into_iter().zip(kinds).collect();
    let kinds = [
        Text, Text, Text, Text, Integer, Text, Integer, Integer, Integer,
    ];
    let process: Vec<_> = PROCESS_COLUMNS.into_iter().zip(kinds).collect();
    vec![
        create_table(dialect, namespace.own_table(CATALOG), &catalog),
        create_table_by(dialect, namespace.own_table(TOPOLOGY), &topology, 2),
        create_table_by(dialect, namespace.own_table(EVENT), &event, 2),
        create_table_by(dialect, namespace.own_table(PROCESS), &process, 2),
    ]
}

fn jobs(dialect: Dialect, namespace: &Namespace) -> String {
    use Kind::{Integer, LongText, Text};
    let kinds = [
        Text, Integer, Text, Text, Text, Text, Text, Integer, Text, Integer, Text, Integer,
        Integer, LongText, LongText, LongText,
    ];
    let job: Vec<_> = JOB_COLUMNS.into_iter().zip(kinds).collect();
    create_table_by(dialect, namespace.own_table(JOB), &job, 2)
}
