//! The first copy of a table from PostgreSQL to PostgreSQL, beside `psql` that copies it into another `psql`.
//!
//! Nothing is bound to a core: two servers and the client share all that there are.

use std::process::{Command, Stdio};
use std::time::Duration;

use shard_orm::config::{Config, Database, Group, PoolOptions, Server};
use shard_orm::prelude::*;
use shard_orm::sync::StaticSync;
use shard_orm_tests::servers::PostgresServer;

use crate::cost::{Column, Cost, rounds};

const ROWS: i64 = 1_000_000;

/// Three integers, two short texts, and a time in milliseconds.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "first_items")]
struct Item {
    #[static_model(primary_key)]
    id: i64,
    user_id: i64,
    quantity: i32,
    item: String,
    note: String,
    updated_at: i64,
}

const COPIED: &str = "bench_static.first_items";

pub(crate) async fn measure(given: usize) {
    let settings = [("shared_buffers", "512MB"), ("max_wal_size", "4GB")];
    let source = PostgresServer::start_with(&settings).await.unwrap();
    let copy = PostgresServer::start_with(&settings).await.unwrap();
    let pool = PoolOptions::new()
        .max_connections(4)
        .acquire_timeout(Duration::from_mins(10));
    let group = Group::new(1).server(Server::new("server", copy.url()));
    let config = Config::new("bench")
        .pool(pool)
        .database("default", Database::new(source.url()))
        .group("bench", group);
    let cluster = Cluster::connect(&config).await.unwrap();
    cluster.setup().table::<Item>().run().await.unwrap();
    // Without the triggers: nobody waits for their log to be filled.
    run(
        source.url(),
        &format!(
            "SET session_replication_role = replica; \
             INSERT INTO first_items SELECT id, id * 7919 % 1000003, id % 100, \
             'tea number ' || id % 100, 'as soon as you can', 1600000000000 + id \
             FROM generate_series(1::bigint, {ROWS}) AS id ORDER BY id"
        ),
    );
    run(source.url(), "VACUUM ANALYZE first_items");
    let names = ["psql COPY | psql COPY", "first copy"];
    let costs = rounds(names.len(), given, async |index| {
        run(
            copy.url(),
            &format!("TRUNCATE {COPIED}; DELETE FROM bench_static.shard_orm_sync"),
        );
        run(copy.url(), "CHECKPOINT");
        let cost = if index == 0 {
            Cost::of(1, async { through_psql(source.url(), copy.url()) }).await
        } else {
            Cost::of(1, async {
                let report = StaticSync::of::<Item>(&cluster).run().await.unwrap();
                let rows = report.complete().unwrap().rows();
                assert_eq!(rows.inserted, ROWS.unsigned_abs());
            })
            .await
        };
        let count = run(copy.url(), &format!("SELECT count(*) FROM {COPIED}"));
        assert_eq!(count.trim(), ROWS.to_string());
        cost
    })
    .await;
    println!("\n{ROWS} rows, PostgreSQL to PostgreSQL, the primary key present");
    println!(
        "{:<42}{:>9}{:>9}{:>9}{:>9}{:>11}",
        "", "wall ms", "rows/s", "of psql", "best", "client ms"
    );
    for (name, cost) in names.iter().zip(&costs) {
        let wall = Column::new(cost, &costs[0], |cost| cost.wall);
        let cpu = Column::new(cost, &costs[0], |cost| cost.cpu);
        #[allow(clippy::cast_precision_loss)]
        let rows = ROWS as f64;
        println!(
            "{name:<42}{:>9.0}{:>9.0}{:>9.3}{:>9.3}{:>11.0}",
            wall.median / 1e3,
            rows / (wall.median / 1e6),
            1.0 / wall.ratio,
            1.0 / wall.best,
            cpu.median / 1e3
        );
    }
    cluster.close().await;
}

/// Sends SQL by `psql`, and gives what it prints.
fn run(url: &str, sql: &str) -> String {
    let done = Command::new("psql")
        .args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}

fn through_psql(source: &str, copy: &str) {
    let psql = |url: &str, sql: &str| {
        let mut psql = Command::new("psql");
        psql.args(["-qX", "-d", url, "-c", sql]);
        psql
    };
    let mut giving = psql(source, "COPY first_items TO STDOUT (FORMAT binary)")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let rows = giving.stdout.take().unwrap();
    let into = format!("COPY {COPIED} FROM STDIN (FORMAT binary)");
    let mut taking = psql(copy, &into).stdin(rows).spawn().unwrap();
    assert!(giving.wait().unwrap().success());
    assert!(taking.wait().unwrap().success());
}
