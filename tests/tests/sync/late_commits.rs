//! Transactions that commit after later ones were read.

use std::time::Duration;

use chrono::TimeDelta;
use shard_orm::prelude::*;
use shard_orm::sync::{Mode, Rows, StaticSync};
use sqlx::AssertSqlSafe;

use crate::fixture::{Backend, Fixture, Item, LIMIT, Pair, Price, item, moment, on};

on! { postgres =>
    late_commits_are_followed_and_block_nothing
    a_row_that_commits_late_with_an_older_stamp_is_not_missed
}

on! { servers =>
    a_transaction_open_during_a_sync_is_copied_by_the_next
    an_open_transaction_does_not_block_a_sync
}

on! { others =>
    within_the_overlap_a_late_row_is_not_missed
}

async fn late_commits_are_followed_and_block_nothing(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=3).await;
    fixture.sync().await;
    let late = fixture.cluster.begin(Item::database()).await.unwrap();
    item(4).insert(&late).await.unwrap();
    // A later transaction with a later number, and one that is committed before.
    fixture.insert([5]).await;
    item(1).delete(&fixture.cluster).await.unwrap();
    let rows = fixture.sync().await;
    assert_eq!((rows.inserted, rows.deleted), (2, 2));
    fixture.assert_equal().await;
    // What was followed ahead of the late one is read again, and written no more.
    assert_eq!(fixture.sync().await.written(), 0);
    late.commit().await.unwrap();
    assert_eq!(fixture.sync().await.inserted, 2);
    fixture.assert_equal().await;
    assert_eq!(fixture.sync().await.written(), 0);
}

async fn a_transaction_open_during_a_sync_is_copied_by_the_next(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=3).await;
    fixture.sync().await;
    let open = fixture.cluster.begin(Item::database()).await.unwrap();
    item(4).insert(&open).await.unwrap();
    item(2).delete(&open).await.unwrap();
    assert_eq!(fixture.sync().await.written(), 0);
    open.commit().await.unwrap();
    let rows = fixture.sync().await;
    assert_eq!((rows.inserted, rows.deleted), (2, 2));
    fixture.assert_equal().await;
    // One that is rolled back leaves no trace.
    let open = fixture.cluster.begin(Item::database()).await.unwrap();
    item(5).insert(&open).await.unwrap();
    open.rollback().await.unwrap();
    fixture.insert([6]).await;
    assert_eq!(fixture.sync().await.inserted, 2);
    fixture.assert_equal().await;
}

fn price(product: i32, at: i64) -> Price {
    Price {
        currency: "EUR".to_owned(),
        product,
        amount: 100 * i64::from(product),
        updated_at: moment(at),
    }
}

async fn sync_prices(fixture: &Fixture, overlap: Duration) -> Rows {
    let sync = StaticSync::of::<Price>(&fixture.cluster)
        .mode(Mode::Incremental)
        .overlap(overlap);
    sync.run().await.unwrap().complete().unwrap().rows()
}

async fn a_row_that_commits_late_with_an_older_stamp_is_not_missed(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    price(1, 10).insert(&fixture.cluster).await.unwrap();
    let none = Duration::ZERO;
    assert_eq!(sync_prices(&fixture, none).await.inserted, 2);
    let late = fixture.cluster.begin(Price::database()).await.unwrap();
    price(2, 20).insert(&late).await.unwrap();
    // Stamped later, and committed before.
    price(3, 30).insert(&fixture.cluster).await.unwrap();
    assert_eq!(sync_prices(&fixture, none).await.inserted, 2);
    assert!(fixture.are_prices_equal().await);
    late.commit().await.unwrap();
    assert_eq!(sync_prices(&fixture, none).await.inserted, 2);
    assert!(fixture.are_prices_equal().await);
    // An update with a stamp of long ago.
    let mut old = price(1, -1_000);
    old.amount = 7;
    old.update(&fixture.cluster).await.unwrap();
    assert_eq!(sync_prices(&fixture, none).await.updated, 2);
    assert!(fixture.are_prices_equal().await);
    assert_eq!(sync_prices(&fixture, none).await.written(), 0);
}

async fn within_the_overlap_a_late_row_is_not_missed(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    if pair.0 == Backend::MariaDb {
        // The triggers of `capture` would have the second writer wait for the first.
        for event in ["insert", "update", "delete"] {
            let drop = format!("DROP TRIGGER shard_orm_log_prices_{event}");
            let sql = Price::query().sql(AssertSqlSafe(drop));
            sql.execute(&fixture.cluster).await.unwrap();
        }
    }
    let minute = Duration::from_mins(1);
    let mut first = price(1, 0);
    first.insert_new(&fixture).await;
    assert_eq!(sync_prices(&fixture, minute).await.inserted, 2);
    // It has the stamp of its beginning, and is committed after later ones were read.
    let mut late = price(2, 0);
    late.updated_at = first.updated_at - TimeDelta::seconds(50);
    first = price(3, 0);
    first.insert_new(&fixture).await;
    assert_eq!(sync_prices(&fixture, minute).await.inserted, 2);
    late.insert_new(&fixture).await;
    assert_eq!(
        sync_prices(&fixture, Duration::from_secs(10))
            .await
            .inserted,
        0
    );
    assert_eq!(sync_prices(&fixture, minute).await.inserted, 2);
    assert!(fixture.are_prices_equal().await);
    // What is read again is not written again, and the position has not moved back.
    let again = sync_prices(&fixture, minute).await;
    assert_eq!((again.written(), again.read_at_source), (0, 6));
    // Deletions are never seen by this mode.
    late.delete(&fixture.cluster).await.unwrap();
    assert_eq!(sync_prices(&fixture, minute).await.deleted, 0);
}

impl Price {
    async fn insert_new(&self, fixture: &Fixture) {
        self.clone().insert(&fixture.cluster).await.unwrap();
    }
}

/// A source that keeps one writer waiting for another keeps the sync from neither.
async fn an_open_transaction_does_not_block_a_sync(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=3).await;
    fixture.sync().await;
    fixture.insert(4..=6).await;
    let open = fixture.cluster.begin(Item::database()).await.unwrap();
    item(7).insert(&open).await.unwrap();
    // What was committed before it is followed, and taken out of the log.
    let rows = tokio::time::timeout(LIMIT, fixture.sync()).await.unwrap();
    assert_eq!(rows.inserted, 6);
    open.commit().await.unwrap();
    assert_eq!(fixture.sync().await.inserted, 2);
    fixture.assert_equal().await;
}
