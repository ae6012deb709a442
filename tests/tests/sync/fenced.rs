//! Runs that were fenced off by a newer one.

use std::sync::Arc;
use std::time::Duration;

use shard_orm::lock::{Acquired, LockFuture, LockManager, Token};
use shard_orm::prelude::*;
use shard_orm::sync::StaticSync;

use crate::fixture::{Fixture, Item, Pair, eventually, item, on};

on! { all =>
    a_fenced_supervisor_restarts_before_committing
}

/// Grants every lock to everyone, as a lock does that has ended without its holder knowing.
#[derive(Debug)]
struct Everyone;

impl LockManager for Everyone {
    fn lock<'a>(
        &'a self,
        _: &'a str,
        _: &'a Token,
        _: Duration,
    ) -> LockFuture<'a, Option<Acquired>> {
        Box::pin(async { Ok(Some(Acquired::new())) })
    }

    fn ping<'a>(&'a self, _: &'a str, _: &'a Token, _: Duration) -> LockFuture<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn release<'a>(&'a self, _: &'a str, _: &'a Token) -> LockFuture<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn is_locked<'a>(&'a self, _: &'a str) -> LockFuture<'a, bool> {
        Box::pin(async { Ok(true) })
    }
}

/// How many runs have begun for a table, over both copies.
async fn runs(fixture: &Fixture, table: &str) -> i64 {
    let mut sum = 0;
    for copy in &fixture.copies {
        let sql = "SELECT CAST(generation AS SIGNED) FROM shard_orm_sync WHERE table_name = ?";
        let sql = match copy.topology().databases()[0].dialect() {
            Dialect::MySql => sql.to_owned(),
            Dialect::Postgres => sql.replace("SIGNED", "bigint").replace('?', "$1"),
            Dialect::Sqlite => sql.replace("SIGNED", "integer"),
        };
        let query = Item::query()
            .sql(sqlx::AssertSqlSafe(sql))
            .bind(table.to_owned());
        let (generation,): (i64,) = query.one(copy).await.unwrap();
        sum += generation;
    }
    sum
}

async fn a_fenced_supervisor_restarts_before_committing(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=5).await;
    let supervisor = StaticSync::supervise(&fixture.cluster)
        .every(Duration::from_millis(20))
        .locks(Arc::new(Everyone))
        .run()
        .unwrap();
    eventually("the first copy", || fixture.is_equal()).await;

    // Another process runs, which believes to be alone as well.
    let other = fixture.another_process().await;
    let before = runs(&fixture, "items").await;
    // The supervisor may begin anew before it is done, and overtake it in turn.
    eventually("a run of the other", async || {
        let report = StaticSync::of::<Item>(&other).run().await.unwrap();
        report.is_complete()
    })
    .await;
    let after = runs(&fixture, "items").await;
    assert!(after >= before + 2, "{before}, {after}");
    item(6).insert(&fixture.cluster).await.unwrap();
    item(2).delete(&fixture.cluster).await.unwrap();
    eventually("the changes", || fixture.is_equal()).await;
    // It committed under numbers of its own: its first ones are refused.
    let begun = runs(&fixture, "items").await;
    assert!(begun >= before + 4, "{before}, {begun}");
    supervisor.stop().await;
}
