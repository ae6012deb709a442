//! Copies that are compared with their source row by row, and repaired.

use rust_decimal::Decimal;
use shard_orm::prelude::*;
use shard_orm::sync::{Comparison, Mode, StaticSync};

use crate::fixture::{Fixture, Item, Pair, Price, item, moment, on};

on! { all =>
    drift_is_found_and_repaired
    a_nonempty_copy_is_compared_by_the_first_sync
    keys_of_several_columns_are_compared_by_their_bytes
}

on! { postgres =>
    a_truncate_is_followed
}

async fn verified(fixture: &Fixture) -> Comparison {
    let mut sum = Comparison::default();
    for one in StaticSync::of::<Item>(&fixture.cluster)
        .verify()
        .await
        .unwrap()
    {
        let found = one.result.unwrap();
        sum.missing += found.missing;
        sum.extra += found.extra;
        sum.different += found.different;
    }
    sum
}

/// Changes copies behind the back of the sync.
async fn drift(fixture: &Fixture) {
    let [first, second] = &fixture.copies[..] else {
        unreachable!("a fixture has two copies")
    };
    item(2).delete(first).await.unwrap();
    item(4_100).delete(first).await.unwrap();
    item(7_000).insert(first).await.unwrap();
    let mut other = item(3);
    other.price = Decimal::new(7, 9);
    other.update(second).await.unwrap();
    item(i64::MIN).insert(second).await.unwrap();
}

async fn drift_is_found_and_repaired(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=4_100).await;
    fixture.sync().await;
    assert!(verified(&fixture).await.is_equal());
    drift(&fixture).await;
    // The log knows nothing of it.
    assert_eq!(fixture.sync().await.written(), 0);
    let found = verified(&fixture).await;
    assert_eq!((found.missing, found.extra, found.different), (2, 2, 1));
    let sync = StaticSync::of::<Item>(&fixture.cluster).mode(Mode::Full);
    let rows = sync.run().await.unwrap().complete().unwrap().rows();
    assert_eq!((rows.inserted, rows.deleted, rows.updated), (2, 2, 1));
    assert!(verified(&fixture).await.is_equal());
    fixture.assert_equal().await;
}

async fn a_nonempty_copy_is_compared_by_the_first_sync(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=50).await;
    for copy in &fixture.copies {
        let there = (40..=60).map(item).collect();
        Item::insert_many(copy, there).await.unwrap();
    }
    let rows = fixture.sync().await;
    assert_eq!(
        (rows.inserted, rows.deleted, rows.updated),
        (2 * 39, 2 * 10, 0)
    );
    fixture.assert_equal().await;
    // From there on by the log.
    item(1).delete(&fixture.cluster).await.unwrap();
    assert_eq!(fixture.sync().await.deleted, 2);
    fixture.assert_equal().await;
}

async fn keys_of_several_columns_are_compared_by_their_bytes(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    // Collations of languages would order these otherwise.
    let names = [
        "a", "B", "b", "A", "\u{e4}", "z", "Z", "_", "aa", "a b", "a-b", "",
    ];
    for (product, name) in (0..).zip(names) {
        for product in [product, -product - 1] {
            let price = Price {
                currency: name.to_owned(),
                product,
                amount: 1,
                updated_at: moment(0),
            };
            price.insert(&fixture.cluster).await.unwrap();
        }
    }
    let sync = StaticSync::of::<Price>(&fixture.cluster).mode(Mode::Full);
    let rows = sync.clone().run().await.unwrap().complete().unwrap().rows();
    assert_eq!(rows.inserted, 48);
    assert!(fixture.are_prices_equal().await);
    let again = sync.run().await.unwrap().complete().unwrap().rows();
    assert_eq!(again.written(), 0);
}

async fn a_truncate_is_followed(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=20).await;
    fixture.sync().await;
    let truncate = Item::query().sql("TRUNCATE {items}");
    truncate.execute(&fixture.cluster).await.unwrap();
    fixture.insert(15..=30).await;
    fixture.sync().await;
    fixture.assert_equal().await;
}

/// A model with a criterion has no log on PostgreSQL unless it is asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unprepared_mode_says_what_to_do() {
    let fixture = Fixture::new(crate::fixture::POSTGRES).await;
    let price = Price {
        currency: "EUR".to_owned(),
        product: 1,
        amount: 1,
        updated_at: moment(0),
    };
    let price = price.insert(&fixture.cluster).await.unwrap();
    let sync = StaticSync::of::<Price>(&fixture.cluster).mode(Mode::Capture);
    let error = sync.clone().run().await.unwrap().complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("prepare()"), "{error}");
    sync.prepare().await.unwrap();
    sync.clone().run().await.unwrap().complete().unwrap();
    assert!(fixture.are_prices_equal().await);
    // Unlike the criterion it sees deletions.
    price.delete(&fixture.cluster).await.unwrap();
    let rows = sync.run().await.unwrap().complete().unwrap().rows();
    assert_eq!(rows.deleted, 2);
}
