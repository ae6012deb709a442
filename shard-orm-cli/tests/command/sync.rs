//! Copies of static tables, brought up to date by the command.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use shard_orm::prelude::*;
use shard_orm::sync::{StaticSync, TransmitHooks};
use shard_orm::{Address, sqlx};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, FixtureOptions, GROUP};
use shard_orm_tests::servers::{Signal, signal};
use shard_orm_tests::waiting::eventually;

use crate::fixture::{Folder, Ran};
use crate::servers::Order;

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(source = "default", groups = ["shop"], table = "airlines")]
struct Airline {
    #[static_model(primary_key, length = 3)]
    code: String,
}

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(source = "default", groups = ["shop"], table = "products", transmit_hooks)]
struct Product {
    #[static_model(primary_key)]
    id: i64,
}

impl TransmitHooks for Product {}

async fn insert(fixture: &Fixture, code: &str) {
    let code = code.to_owned();
    Airline { code }.insert(&fixture.cluster).await.unwrap();
}

/// The number of rows in the copy.
async fn rows(fixture: &Fixture) -> u64 {
    let copy = Airline::copy(Order::shard(fixture.key()));
    copy.count(&fixture.cluster).await.unwrap()
}

behaviours! { (Order, Airline, Product), 2 shards on 1 servers, |options| options;
    async fn copies_are_brought_up_to_date_and_hooks_respected(fixture: &Fixture) {
        insert(fixture, "AA").await;
        StaticSync::of::<Airline>(&fixture.cluster).run().await.unwrap().complete().unwrap();
        insert(fixture, "BB").await;
        let folder = Folder::of(fixture);
        let ran = folder.run(&["sync", "run"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!((ran.stdout.lines().count(), ran.stdout.matches("level").count()), (2, 1), "{ran:?}");
        assert_eq!(rows(fixture).await, 2);

        StaticSync::of::<Product>(&fixture.cluster).run().await.unwrap().complete().unwrap();
        let refused = folder.run(&["sync", "run", "--json"]).json(1);
        assert_eq!(refused["refused"][0]["table"], "products", "{refused}");
        assert_eq!(refused["refused"][0]["reason"], "has_hooks", "{refused}");
        assert_eq!(refused["copies"][0]["copy"]["table"], "airlines", "{refused}");
        assert_eq!(refused["copies"][0]["result"]["inserted"], 0, "{refused}");
        assert_eq!(folder.run(&["sync", "run", "airlines"]).code, 0);
        assert_eq!(folder.run(&["sync", "run", "products"]).code, 1);
        assert_eq!(folder.run(&["sync", "run", "products", "--without-hooks"]).code, 0);
    }

    async fn a_supervisor_runs_until_it_is_interrupted(fixture: &Fixture) {
        insert(fixture, "AA").await;
        StaticSync::of::<Airline>(&fixture.cluster).run().await.unwrap().complete().unwrap();
        let folder = Folder::of(fixture);
        let mut command = folder.command(&["sync", "supervise", "--every", "50"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        while said.next().unwrap().unwrap() != "airlines on shop/server-0: level" {}
        insert(fixture, "BB").await;
        eventually("the new row", async || rows(fixture).await == 2).await;
        signal(child.id(), Signal::SIGTERM);
        let ended: Ran = child.wait_with_output().unwrap().into();
        assert_eq!((ended.code, &*ended.stderr), (0, ""));
    }
}

#[tokio::test]
async fn an_interrupted_run_reports_the_copies_that_are_not_level() {
    let fixture = FixtureOptions::new(Dialect::Postgres, 2, 1)
        .open(|setup| setup.table::<Order>().table::<Airline>())
        .await;
    insert(&fixture, "AA").await;
    let sync = StaticSync::of::<Airline>(&fixture.cluster);
    sync.run().await.unwrap().complete().unwrap();
    insert(&fixture, "BB").await;
    let mut blocker = fixture
        .cluster
        .connection(Address::shard_in(GROUP, 0))
        .await
        .unwrap();
    let connection = blocker.postgres().unwrap();
    let statics = fixture.namespace().replace("{shard}", "static");
    let lock = format!("BEGIN; LOCK TABLE {statics}.airlines");
    let lock = sqlx::raw_sql(sqlx::AssertSqlSafe(lock));
    lock.execute(&mut *connection).await.unwrap();

    let folder = Folder::of(&fixture);
    let mut command = folder.command(&["sync", "run", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    eventually("the run waits for the lock", async || {
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation \
                       WHERE NOT granted AND relname = 'airlines'";
        let waiting: i64 = sqlx::query_scalar(waiting)
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        waiting > 0
    })
    .await;
    signal(child.id(), Signal::SIGINT);
    let ended: Ran = child.wait_with_output().unwrap().into();
    let report = ended.json(130);
    assert_eq!(report["interrupted"][0]["table"], "airlines", "{report}");
    assert_eq!(report["copies"].as_array().unwrap().len(), 0, "{report}");

    sqlx::raw_sql("ROLLBACK")
        .execute(&mut *connection)
        .await
        .unwrap();
    assert_eq!(folder.run(&["sync", "run"]).code, 0);
    assert_eq!(rows(&fixture).await, 2);
}
