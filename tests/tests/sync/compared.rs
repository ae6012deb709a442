//! Copies that are compared with their source row by row, and brought back to it.

use rust_decimal::Decimal;
use shard_orm::prelude::*;
use shard_orm::sync::{Comparison, Mode, StaticSync};

use crate::site::{Item, Pair, Price, Site, item, moment, on};

on! { all =>
    drift_is_found_and_repaired
    a_copy_that_has_rows_before_the_first_sync_is_compared
    keys_of_several_columns_are_compared_by_their_bytes
}

on! { postgres =>
    a_truncate_is_followed
}

async fn verified(site: &Site) -> Comparison {
    let mut sum = Comparison::default();
    for one in StaticSync::of::<Item>(&site.cluster)
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
async fn drift(site: &Site) {
    let [first, second] = &site.copies[..] else {
        unreachable!("a site has two copies")
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
    let site = Site::new(pair).await;
    site.insert(1..=4_100).await;
    site.sync().await;
    assert!(verified(&site).await.is_equal());
    drift(&site).await;
    // The log knows nothing of it.
    assert_eq!(site.sync().await.written(), 0);
    let found = verified(&site).await;
    assert_eq!((found.missing, found.extra, found.different), (2, 2, 1));
    let sync = StaticSync::of::<Item>(&site.cluster).mode(Mode::Full);
    let rows = sync.run().await.unwrap().complete().unwrap().rows();
    assert_eq!((rows.inserted, rows.deleted, rows.updated), (2, 2, 1));
    assert!(verified(&site).await.is_equal());
    site.assert_equal().await;
}

async fn a_copy_that_has_rows_before_the_first_sync_is_compared(pair: Pair) {
    let site = Site::new(pair).await;
    site.insert(1..=50).await;
    for copy in &site.copies {
        let there = (40..=60).map(item).collect();
        Item::insert_many(copy, there).await.unwrap();
    }
    let rows = site.sync().await;
    assert_eq!(
        (rows.inserted, rows.deleted, rows.updated),
        (2 * 39, 2 * 10, 0)
    );
    site.assert_equal().await;
    // From there on by the log.
    item(1).delete(&site.cluster).await.unwrap();
    assert_eq!(site.sync().await.deleted, 2);
    site.assert_equal().await;
}

async fn keys_of_several_columns_are_compared_by_their_bytes(pair: Pair) {
    let site = Site::new(pair).await;
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
            price.insert(&site.cluster).await.unwrap();
        }
    }
    let sync = StaticSync::of::<Price>(&site.cluster).mode(Mode::Full);
    let rows = sync.clone().run().await.unwrap().complete().unwrap().rows();
    assert_eq!(rows.inserted, 48);
    assert!(site.are_prices_equal().await);
    let again = sync.run().await.unwrap().complete().unwrap().rows();
    assert_eq!(again.written(), 0);
}

async fn a_truncate_is_followed(pair: Pair) {
    let site = Site::new(pair).await;
    site.insert(1..=20).await;
    site.sync().await;
    let truncate = Item::query().sql("TRUNCATE {items}");
    truncate.execute(&site.cluster).await.unwrap();
    site.insert(15..=30).await;
    site.sync().await;
    site.assert_equal().await;
}

/// A model with a criterion has no log on PostgreSQL unless it is asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mode_that_nothing_was_prepared_for_says_what_to_do() {
    let site = Site::new(crate::site::POSTGRES).await;
    let price = Price {
        currency: "EUR".to_owned(),
        product: 1,
        amount: 1,
        updated_at: moment(0),
    };
    let price = price.insert(&site.cluster).await.unwrap();
    let sync = StaticSync::of::<Price>(&site.cluster).mode(Mode::Capture);
    let error = sync.clone().run().await.unwrap().complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("prepare()"), "{error}");
    sync.prepare().await.unwrap();
    sync.clone().run().await.unwrap().complete().unwrap();
    assert!(site.are_prices_equal().await);
    // Unlike the criterion it sees deletions.
    price.delete(&site.cluster).await.unwrap();
    let rows = sync.run().await.unwrap().complete().unwrap().rows();
    assert_eq!(rows.deleted, 2);
}
