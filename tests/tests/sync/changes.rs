//! Changes of the source reach the copies, and nothing else is written there.

use rust_decimal::Decimal;
use shard_orm::prelude::*;
use shard_orm::sync::{Mode, StaticSync};

use crate::fixture::{Fixture, Item, Pair, eventually, item, on};

on! { all =>
    the_first_sync_copies_all_rows
    the_next_sync_copies_changes
    a_sync_without_changes_reads_and_writes_nothing
    a_changed_primary_key_is_a_delete_and_an_insert
    unique_values_can_be_swapped
    a_copy_is_never_written_through_the_model
}

async fn the_first_sync_copies_all_rows(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert([i64::MIN, -1, 0]).await;
    fixture.insert(1..6_000).await;
    let rows = fixture.sync().await;
    assert_eq!(rows.inserted, 2 * 6_002);
    assert_eq!((rows.updated, rows.deleted, rows.blocked), (0, 0, 0));
    fixture.assert_equal().await;
}

async fn the_next_sync_copies_changes(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=100).await;
    fixture.sync().await;

    let mut changed = item(7);
    changed.price = Decimal::new(1, 3);
    changed.amount = None;
    changed.update(&fixture.cluster).await.unwrap();
    item(8).delete(&fixture.cluster).await.unwrap();
    fixture.insert([101]).await;
    // Of several changes of a row the last state counts.
    let mut again = item(9);
    for step in 0..5 {
        again.amount = Some(step);
        again.update(&fixture.cluster).await.unwrap();
    }
    let came_and_went = item(102).insert(&fixture.cluster).await.unwrap();
    came_and_went.delete(&fixture.cluster).await.unwrap();

    let rows = fixture.sync().await;
    assert_eq!((rows.inserted, rows.updated, rows.deleted), (2, 4, 2));
    fixture.assert_equal().await;
}

async fn a_sync_without_changes_reads_and_writes_nothing(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=2_000).await;
    fixture.sync().await;
    assert_eq!(fixture.sync().await.written(), 0);
    // Other transactions of the server are open for a while: until then the last entries are read again.
    eventually("a sync that reads nothing", async || {
        let rows = fixture.sync().await;
        rows.written() + rows.read_at_source + rows.read_at_copy == 0
    })
    .await;

    // An update that changes nothing is read, and not written.
    item(5).update(&fixture.cluster).await.unwrap();
    let rows = fixture.sync().await;
    assert_eq!(rows.written(), 0);
    assert_eq!(rows.read_at_copy, 2);
}

async fn a_changed_primary_key_is_a_delete_and_an_insert(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=10).await;
    fixture.sync().await;
    let changed = Item::query().filter(Item::ID.eq(3)).set(Item::ID, 1_003);
    assert_eq!(changed.update(&fixture.cluster).await.unwrap(), 1);
    let rows = fixture.sync().await;
    assert_eq!((rows.inserted, rows.deleted), (2, 2));
    fixture.assert_equal().await;
}

async fn unique_values_can_be_swapped(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=10).await;
    fixture.sync().await;
    // A chain, a circle, and a name that passes to a row that is new.
    let name = async |id: i64, name: &str| {
        let row = Item::query().filter(Item::ID.eq(id)).set(Item::NAME, name);
        assert_eq!(row.update(&fixture.cluster).await.unwrap(), 1);
    };
    let of = |id: i64| item(id).name;
    name(1, "free").await;
    name(2, &of(1)).await;
    name(3, &of(2)).await;
    name(4, "aside").await;
    name(5, &of(4)).await;
    name(6, &of(5)).await;
    name(4, &of(6)).await;
    item(7).delete(&fixture.cluster).await.unwrap();
    let heir = Item {
        name: of(7),
        ..item(11)
    };
    heir.insert(&fixture.cluster).await.unwrap();
    fixture.sync().await;
    fixture.assert_equal().await;
}

async fn a_copy_is_never_written_through_the_model(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=3).await;
    item(1).delete(&fixture.cluster).await.unwrap();
    // It went to the source alone.
    for copy in &fixture.copies {
        assert_eq!(Item::query().count(copy).await.unwrap(), 0);
    }
    fixture.sync().await;
    let report = StaticSync::of::<Item>(&fixture.cluster)
        .mode(Mode::Capture)
        .run()
        .await
        .unwrap();
    assert!(report.is_complete());
    fixture.assert_equal().await;
}
