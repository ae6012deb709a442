//! A table that no model describes, kept equal in two logical shards.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::declaration::Claim;
use super::{
    Mode, Progress, Replication, Run, Source, Strategy, TableLocation, TriggerLog,
    statements_at_source, verify,
};
use crate::backend::{ColumnType, DataType, OpaqueForm, SqlFragment};
use crate::exec::create_all;
use crate::schema::{ColumnDef, CreateTable, TableDef};
use crate::testing::{TestCluster, cluster};
use crate::{Dialect, ErrorKind, ShardModel};

const CONSUMERS: &str = "CREATE TABLE shard_orm_consumer (table_name TEXT NOT NULL, target TEXT NOT NULL, \
     `transaction` TEXT NOT NULL, entry INTEGER NOT NULL, seen_at INTEGER NOT NULL, \
     PRIMARY KEY (table_name, target)) STRICT";
const PROGRESS: &str = "CREATE TABLE shard_orm_sync (table_name TEXT NOT NULL PRIMARY KEY, \
     generation INTEGER NOT NULL, mode TEXT NOT NULL, position TEXT, rows_changed INTEGER NOT NULL, \
     level_at INTEGER, problem TEXT) STRICT";
const BLOCKED: &str = "CREATE TABLE shard_orm_sync_blocked (table_name TEXT NOT NULL, row_key TEXT NOT NULL, \
     since INTEGER NOT NULL, blocker TEXT NOT NULL, PRIMARY KEY (table_name, row_key)) STRICT";

/// A model that only makes the group.
#[derive(Debug, ShardModel)]
#[shard(group = "shop", table = "orders")]
#[allow(dead_code)]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

/// A table with a column whose type only SQLite has.
fn described() -> Arc<TableDef> {
    let opaque = DataType::Opaque {
        declared: SqlFragment {
            dialect: Dialect::Sqlite,
            text: "ANY".to_owned(),
        },
        form: OpaqueForm::Dynamic,
    };
    let mut note = ColumnDef::new("note", opaque);
    note.nullable = true;
    let id = ColumnDef::new("id", DataType::known(ColumnType::I64));
    let mut table = TableDef::new("parts", vec![id, note]);
    table.primary_key = vec![0];
    Arc::new(table)
}

async fn located(cluster: &TestCluster, shard: u32) -> TableLocation {
    let handle = cluster.handle_of_shard("shop", shard).unwrap();
    let table = described();
    let create = CreateTable::new(&table, handle.dialect()).unwrap();
    create_all(&handle, &create.statements()).await.unwrap();
    TableLocation {
        cluster: (**cluster).clone(),
        handle,
        table,
    }
}

async fn execute(at: &TableLocation, statements: &[&str]) {
    let statements: Vec<String> = statements.iter().map(ToString::to_string).collect();
    create_all(&at.handle, &statements).await.unwrap();
}

fn source_at(at: &TableLocation) -> Source {
    Source {
        at: at.clone(),
        subset: None,
    }
}

fn replication(source: &TableLocation, copy: &TableLocation, strategy: Strategy) -> Replication {
    Replication {
        source: source_at(source),
        copy: copy.clone(),
        strategy,
        claim: Claim::Expects {
            declared: None,
            without_hooks: false,
        },
        observer: None,
    }
}

#[tokio::test]
async fn a_described_table_follows_another_logical_shard() {
    let cluster = cluster::<Order>().await.unwrap();
    let (source, copy) = (located(&cluster, 0).await, located(&cluster, 9).await);
    let triggers = statements_at_source(Mode::Capture, source.def(), source.dialect()).unwrap();
    create_all(&source.handle, &triggers).await.unwrap();
    execute(&source, &[CONSUMERS]).await;
    execute(&copy, &[PROGRESS, BLOCKED]).await;
    let rows = "INSERT INTO parts VALUES (1, 'tea'), (2, x'00ff'), (3, 1.5), (4, NULL)";
    execute(&source, &[rows]).await;

    let progress = Progress { at: copy.clone() };
    assert_eq!(progress.key().shard, Some(9));
    let log = TriggerLog {
        at: source.clone(),
        consumer: progress.key().consumer(),
        advice: String::new(),
    };
    let strategy = Strategy::Capture(Box::new(log));
    let mut run = Run::start(replication(&source, &copy, strategy))
        .await
        .unwrap();
    run.round().await.unwrap();
    assert_eq!(run.work.applied.inserted, 4);

    let (update, delete) = (
        "UPDATE parts SET note = 'coffee' WHERE id = 2",
        "DELETE FROM parts WHERE id = 3",
    );
    execute(&source, &[update, delete]).await;
    run.round().await.unwrap();
    let source = source_at(&source);
    let found = verify(&source.table_at(), &copy.table_at()).await.unwrap();
    assert!(found.is_equal(), "{found}");
    assert_eq!(found.copy.rows, 3);
}

#[tokio::test]
async fn types_of_another_database_are_refused_before_any_row_is_read() {
    let cluster = cluster::<Order>().await.unwrap();
    let (mut source, mut copy) = (located(&cluster, 0).await, located(&cluster, 9).await);
    let mut table = TableDef::clone(&source.table);
    let DataType::Opaque { declared, .. } = &mut table.columns[1].data_type else {
        unreachable!("the column has a type of SQLite");
    };
    declared.dialect = Dialect::Postgres;
    source.table = Arc::new(table);
    copy.table = Arc::clone(&source.table);
    let refused = Run::start(replication(&source, &copy, Strategy::Full)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
}
