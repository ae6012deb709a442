//! Changes that are committed between two pages of a run.

use chrono::Utc;
use shard_orm::prelude::*;
use shard_orm::sync::StaticSync;

use crate::fixture::{Fixture, Item, POSTGRES, Pair, Price, eventually, item, on};

on! { all =>
    a_unique_value_moves_to_a_row_of_an_earlier_page
}

async fn rename(fixture: &Fixture, id: i64, name: &str) {
    let row = Item::query().filter(Item::ID.eq(id)).set(Item::NAME, name);
    assert_eq!(row.update(&fixture.cluster).await.unwrap(), 1);
}

async fn a_unique_value_moves_to_a_row_of_an_earlier_page(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=1_500).await;
    fixture.sync().await;
    // More entries than one page has: the first names row 1, which gets a name at last that another
    // row has at the copies until a later page comes.
    let many = Item::query()
        .filter(Item::ID.le(1_400))
        .set(Item::AMOUNT, 5);
    many.update(&fixture.cluster).await.unwrap();
    rename(&fixture, 1_450, "free").await;
    rename(&fixture, 1, &item(1_450).name).await;
    // And a circle.
    rename(&fixture, 2, "aside").await;
    rename(&fixture, 1_460, &item(2).name).await;
    rename(&fixture, 2, &item(1_460).name).await;
    fixture.sync().await;
    fixture.assert_equal().await;
}

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
async fn a_late_entry_is_not_skipped_by_the_next_page() {
    let fixture = Fixture::new(POSTGRES).await;
    fixture.insert(1..=3).await;
    fixture.sync().await;
    // An older transaction is open, while a younger one commits.
    let late = fixture.cluster.begin(Item::database()).await.unwrap();
    item(10).insert(&late).await.unwrap();
    fixture.insert(11..=1_010).await;
    // The run has read its first page, and waits at a copy to write it.
    let copy = &fixture.copies[0];
    let blocker = copy.begin(Item::database()).await.unwrap();
    item(11).insert(&blocker).await.unwrap();
    let run = tokio::spawn(StaticSync::of::<Item>(&fixture.cluster).run());
    eventually("the run waits", async || waiting(copy).await == 1).await;
    // What its second page shows is settled, since nothing older is open any more.
    late.commit().await.unwrap();
    fixture.insert([2_000]).await;
    blocker.rollback().await.unwrap();
    run.await.unwrap().unwrap().complete().unwrap();
    fixture.sync().await;
    fixture.assert_equal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_row_is_not_skipped_by_the_next_page() {
    let fixture = Fixture::new(POSTGRES).await;
    let sync = || StaticSync::of::<Price>(&fixture.cluster);
    price(1).insert(&fixture.cluster).await.unwrap();
    sync().run().await.unwrap().complete().unwrap();
    let late = fixture.cluster.begin(Price::database()).await.unwrap();
    price(10).insert(&late).await.unwrap();
    let page = (11..=1_010).map(price).collect();
    Price::insert_many(&fixture.cluster, page).await.unwrap();
    let copy = &fixture.copies[0];
    let blocker = copy.begin(Price::database()).await.unwrap();
    price(11).insert(&blocker).await.unwrap();
    let run = tokio::spawn(sync().run());
    eventually("the run waits", async || waiting(copy).await == 1).await;
    late.commit().await.unwrap();
    price(2_000).insert(&fixture.cluster).await.unwrap();
    blocker.rollback().await.unwrap();
    run.await.unwrap().unwrap().complete().unwrap();
    sync().run().await.unwrap().complete().unwrap();
    assert!(fixture.are_prices_equal().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unique_value_moves_during_a_first_copy() {
    let fixture = Fixture::new(POSTGRES).await;
    fixture.insert(1..=20_001).await;
    // The first page waits at a copy.
    let copy = &fixture.copies[0];
    let blocker = copy.begin(Item::database()).await.unwrap();
    item(1).insert(&blocker).await.unwrap();
    let run = tokio::spawn(StaticSync::of::<Item>(&fixture.cluster).run());
    eventually("the run waits", async || waiting(copy).await == 1).await;
    // The row of the second page has a name by now that the first page gave to another.
    rename(&fixture, 1, "aside").await;
    rename(&fixture, 20_001, &item(1).name).await;
    blocker.rollback().await.unwrap();
    run.await.unwrap().unwrap().complete().unwrap();
    fixture.sync().await;
    fixture.assert_equal().await;
}
