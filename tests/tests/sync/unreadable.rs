//! Unreadable rows and panicking hooks: a copy reports them, and continues once they are gone.

use std::time::Duration;

use shard_orm::Result;
use shard_orm::prelude::*;
use shard_orm::sqlx::AssertSqlSafe;
use shard_orm::sync::{Batch, CopyStatus, StaticSync, Supervisor, TransmitHooks};

use crate::fixture::{Backend, Fixture, Item, Pair, eventually, item, on};

on! { all =>
    an_unreadable_row_is_reported_and_blocks_its_copy_until_it_is_gone
    a_panicking_hook_is_reported_and_retried
}

on! { servers => copies_follow_after_tables_are_altered }

fn supervise(fixture: &Fixture) -> Supervisor {
    StaticSync::supervise(&fixture.cluster)
        .every(Duration::from_millis(50))
        .longest_pause(Duration::from_millis(200))
        .run()
        .unwrap()
}

fn of(supervisor: &Supervisor, table: &str) -> Vec<CopyStatus> {
    let all = supervisor.status().into_iter();
    all.filter(|one| one.copy.table == table).collect()
}

/// Waits until both copies of a table say this of what keeps them from their source.
async fn says(supervisor: &Supervisor, table: &str, word: &str) {
    eventually("the status says so", async || {
        let copies = of(supervisor, table);
        copies.iter().all(|one| {
            one.failures > 1 && one.problem.as_ref().is_some_and(|text| text.contains(word))
        })
    })
    .await;
}

async fn an_unreadable_row_is_reported_and_blocks_its_copy_until_it_is_gone(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=5).await;
    let supervisor = supervise(&fixture);
    eventually("the first copy", || fixture.is_equal()).await;
    let odd = match pair.0 {
        Backend::Sqlite => "UPDATE items SET at = 'never' WHERE id = 2",
        Backend::Postgres => "UPDATE items SET at = 'infinity' WHERE id = 2",
        Backend::MariaDb => {
            "SET STATEMENT sql_mode = '' FOR UPDATE items SET at = '0000-00-00 00:00:00' WHERE id = 2"
        }
    };
    let odd = Item::query().sql(AssertSqlSafe(odd));
    assert_eq!(odd.execute(&fixture.cluster).await.unwrap(), 1);
    fixture.insert([6]).await;
    says(&supervisor, "items", "decode").await;

    item(2).delete(&fixture.cluster).await.unwrap();
    eventually("the changes", || fixture.is_equal()).await;
    eventually("no problem is left", async || {
        of(&supervisor, "items")
            .iter()
            .all(|one| one.problem.is_none() && one.failures == 0)
    })
    .await;
    supervisor.stop().await;
}

async fn copies_follow_after_tables_are_altered(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    for round in 0..3 {
        for id in [1, 2, 3] {
            fixture.insert([10 * round + id]).await;
            fixture.sync().await;
        }
        let length = 100 + round;
        let wider = match pair.0 {
            Backend::Postgres => {
                format!("ALTER TABLE items ALTER COLUMN name TYPE varchar({length})")
            }
            _ => format!("ALTER TABLE items MODIFY COLUMN name varchar({length}) NOT NULL"),
        };
        for at in std::iter::once(&fixture.cluster).chain(&fixture.copies) {
            let wider = Item::query().sql(AssertSqlSafe(wider.clone()));
            wider.execute(at).await.unwrap();
        }
        fixture.insert([10 * round + 4]).await;
        fixture.sync().await;
        fixture.assert_equal().await;
    }
}

/// A row whose name says what its hook does.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "tempers", transmit_hooks)]
struct Temper {
    #[static_model(primary_key)]
    id: i64,
    #[static_model(length = 40)]
    name: String,
}

impl TransmitHooks for Temper {
    async fn before_transmit(batch: &Batch<Self>) -> Result<()> {
        let bad = batch.rows().iter().any(|row| row.name == "bad");
        assert!(!bad, "a hook with a fault");
        Ok(())
    }
}

async fn a_panicking_hook_is_reported_and_retried(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.add::<Temper>("tempers", "").await;
    let temper = |id: i64, name: &str| Temper {
        id,
        name: name.to_owned(),
    };
    let are_equal = || async {
        let expected = Temper::query()
            .order_by(Temper::ID)
            .all(&fixture.cluster)
            .await
            .unwrap();
        for copy in &fixture.copies {
            if Temper::query()
                .order_by(Temper::ID)
                .all(copy)
                .await
                .unwrap()
                != expected
            {
                return false;
            }
        }
        true
    };
    temper(1, "good").insert(&fixture.cluster).await.unwrap();
    let supervisor = supervise(&fixture);
    eventually("the first copy", are_equal).await;
    temper(2, "bad").insert(&fixture.cluster).await.unwrap();
    says(&supervisor, "tempers", "panicked").await;
    // The others do not notice.
    fixture.insert([1]).await;
    eventually("the copy of another table", || fixture.is_equal()).await;

    temper(2, "better").update(&fixture.cluster).await.unwrap();
    eventually("the changes", are_equal).await;
    eventually("no problem is left", async || {
        of(&supervisor, "tempers")
            .iter()
            .all(|one| one.problem.is_none() && one.held)
    })
    .await;
    supervisor.stop().await;
}
