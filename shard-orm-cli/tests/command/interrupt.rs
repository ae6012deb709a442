//! Signals and closed pipes: the command ends in good order, and never panics.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use shard_orm::{Address, Dialect, sqlx};
use shard_orm_tests::fixture::{FixtureOptions, GROUP};
use shard_orm_tests::servers::{Signal, signal};
use shard_orm_tests::waiting::eventually;

use crate::fixture::{Folder, Ran};
use crate::servers::Order;

const CONFIGURATION: &str = "[groups.shop]\nlogical_shards = 4096\n[[groups.shop.servers]]\nname = \"a\"\n\
                             primary = \"sqlite://data/a\"\n";

#[test]
fn a_pipe_that_is_closed_early_is_no_error() {
    let folder = Folder::new(CONFIGURATION);
    let keys: Vec<String> = (0..50_000).map(|key| key.to_string()).collect();
    folder.write("keys", &keys.join("\n"));
    let mut command = folder.command(&["route"]);
    command
        .stdin(std::fs::File::open(folder.path().join("keys")).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    // Dropped with its pipe after the first line.
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.contains("shard"), "{first}");
    let ended: Ran = child.wait_with_output().unwrap().into();
    assert_eq!((ended.code, &*ended.stderr), (0, ""));
}

#[tokio::test]
async fn an_interrupt_waits_for_the_statements_that_run() {
    let fixture = FixtureOptions::new(Dialect::Postgres, 4, 1)
        .open(|setup| setup.table::<Order>())
        .await;
    let folder = Folder::of(&fixture);
    let mut blocker = fixture
        .cluster
        .connection(Address::shard_in(GROUP, 0))
        .await
        .unwrap();
    let connection = blocker.postgres().unwrap();
    let lock = "BEGIN; LOCK TABLE shop_0.orders";
    sqlx::raw_sql(lock).execute(&mut *connection).await.unwrap();

    let sql = "INSERT INTO orders VALUES (1, 1)";
    let mut command = folder.command(&["sql", "--all", "--parallel", "1", "--json", sql]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    eventually("the insert waits for the lock", async || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        let waiting: i64 = sqlx::query_scalar(waiting)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        waiting > 0
    })
    .await;
    signal(child.id(), Signal::SIGINT);
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    assert!(
        said.contains("waiting for the statements that run"),
        "{said}"
    );
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut *connection)
        .await
        .unwrap();

    let ended: Ran = child.wait_with_output().unwrap().into();
    let report = ended.json(130);
    let outcomes = report["outcomes"].as_array().unwrap().iter();
    let done: Vec<bool> = outcomes
        .map(|outcome| outcome["begun"] == true && outcome["error"].is_null())
        .collect();
    assert_eq!(done, [true, false, false, false], "{report}");
}
