//! Changes that are committed while a run is between two pages of what it reads.

use chrono::Utc;
use shard_orm::prelude::*;
use shard_orm::sync::Sync;

use crate::site::{Item, POSTGRES, Price, Site, eventually, item};

/// How many sessions at a copy wait for a row that another transaction has.
async fn waiting(copy: &Cluster) -> i64 {
    Item::query()
        .sql(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND \
             wait_event_type = 'Lock'",
        )
        .one(copy)
        .await
        .unwrap()
}

fn price(product: i32) -> Price {
    Price {
        currency: "EUR".to_owned(),
        product,
        amount: 1,
        updated_at: Utc::now(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_comes_late_is_not_passed_over_by_the_next_page() {
    let site = Site::new(POSTGRES).await;
    site.insert(1..=3).await;
    site.sync().await;
    // An older transaction is open, while a younger one commits.
    let late = site.cluster.begin(Item::database()).await.unwrap();
    item(10).insert(&late).await.unwrap();
    site.insert([11]).await;
    // The run has read its first page, and waits at a copy to write it.
    let copy = &site.copies[0];
    let blocker = copy.begin(Item::database()).await.unwrap();
    item(11).insert(&blocker).await.unwrap();
    let run = tokio::spawn(Sync::of::<Item>(&site.cluster).run());
    eventually("the run waits", async || waiting(copy).await == 1).await;
    // What its second page shows is settled, since nothing older is open any more.
    late.commit().await.unwrap();
    site.insert([12]).await;
    blocker.rollback().await.unwrap();
    run.await.unwrap().unwrap().complete().unwrap();
    site.sync().await;
    site.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_comes_late_is_not_passed_over_by_the_next_page() {
    let site = Site::new(POSTGRES).await;
    let sync = || Sync::of::<Price>(&site.cluster);
    price(1).insert(&site.cluster).await.unwrap();
    sync().run().await.unwrap().complete().unwrap();
    let late = site.cluster.begin(Price::database()).await.unwrap();
    price(10).insert(&late).await.unwrap();
    price(11).insert(&site.cluster).await.unwrap();
    let copy = &site.copies[0];
    let blocker = copy.begin(Price::database()).await.unwrap();
    price(11).insert(&blocker).await.unwrap();
    let run = tokio::spawn(sync().run());
    eventually("the run waits", async || waiting(copy).await == 1).await;
    late.commit().await.unwrap();
    price(12).insert(&site.cluster).await.unwrap();
    blocker.rollback().await.unwrap();
    run.await.unwrap().unwrap().complete().unwrap();
    sync().run().await.unwrap().complete().unwrap();
    assert!(site.are_prices_equal().await);
}
