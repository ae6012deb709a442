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

#[test]
fn a_watched_status_is_shown_again_until_an_interrupt() {
    let folder = Folder::new(
        "[groups.shop]\nlogical_shards = 2\n[[groups.shop.servers]]\nname = \"a\"\nprimary = \"sqlite://data/a\"\n",
    );
    assert_eq!(folder.run(&["setup"]).code, 0);
    let mut command = folder.command(&["status", "--watch", "1", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let line = lines.next().unwrap().unwrap();
        let status: serde_json::Value = serde_json::from_str(&line).unwrap();
        let shards = status["groups"][0]["shards"].as_array();
        assert_eq!(shards.map(Vec::len), Some(2), "{line}");
    }
    signal(child.id(), Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn every_command_has_completions_and_a_manual_page() {
    let folder = Folder::new("");
    for shell in ["bash", "zsh", "fish"] {
        let ran = folder.run(&["completions", shell]);
        assert_eq!((ran.code, &*ran.stderr), (0, ""));
        assert!(ran.stdout.contains("rebalance"), "{}", ran.stdout);
    }
    let ran = folder.run(&["man", "--dir", "pages"]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    for page in [
        "shard-orm.1",
        "shard-orm-sync-run.1",
        "shard-orm-migrate-up.1",
    ] {
        let text = std::fs::read_to_string(folder.path().join("pages").join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
}
