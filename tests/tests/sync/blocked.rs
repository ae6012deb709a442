//! Referenced rows that cannot be deleted, and rows that wait for their parents.

use shard_orm::prelude::*;
use shard_orm::sync::Rows;

use crate::fixture::{Fixture, Item, Pair, item, on};

on! { all =>
    a_referenced_row_is_deleted_later
    a_referenced_row_is_updated_in_place
    unique_values_of_referenced_rows_can_be_swapped
}

/// A table at the first copy whose rows point to items, with one that points to an item.
async fn pointing_to(fixture: &Fixture, id: i64) {
    let copy = &fixture.copies[0];
    let create =
        "CREATE TABLE pointers (item bigint NOT NULL, FOREIGN KEY (item) REFERENCES items (id))";
    Item::query().sql(create).execute(copy).await.unwrap();
    let insert = sqlx::AssertSqlSafe(format!("INSERT INTO pointers (item) VALUES ({id})"));
    Item::query().sql(insert).execute(copy).await.unwrap();
}

/// What stands in the way of rows at the first copy.
async fn blockers(fixture: &Fixture) -> Vec<String> {
    let sql = "SELECT blocker FROM shard_orm_sync_blocked WHERE table_name = 'items'";
    let found: Vec<(String,)> = Item::query()
        .sql(sql)
        .all(&fixture.copies[0])
        .await
        .unwrap();
    found.into_iter().map(|(blocker,)| blocker).collect()
}

async fn a_referenced_row_is_deleted_later(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=5).await;
    fixture.sync().await;
    pointing_to(&fixture, 3).await;
    for id in [2, 3, 4] {
        item(id).delete(&fixture.cluster).await.unwrap();
    }
    fixture.insert([6]).await;
    let rows = fixture.sync().await;
    // The others go and come as ever, and the position goes on.
    assert_eq!((rows.deleted, rows.inserted, rows.blocked), (5, 2, 1));
    let blocked = blockers(&fixture).await;
    assert_eq!(blocked.len(), 1);
    assert!(blocked[0].starts_with("foreign key"), "{blocked:?}");
    assert_eq!(Item::query().count(&fixture.copies[0]).await.unwrap(), 4);
    assert_eq!(Item::query().count(&fixture.copies[1]).await.unwrap(), 3);

    // Still there, and noted once.
    let rows = fixture.sync().await;
    assert_eq!((rows.deleted, rows.blocked), (0, 1));
    assert_eq!(blockers(&fixture).await.len(), 1);
    let free = Item::query().sql("DELETE FROM pointers");
    free.execute(&fixture.copies[0]).await.unwrap();
    assert_eq!(fixture.sync().await.deleted, 1);
    assert!(blockers(&fixture).await.is_empty());
    fixture.assert_equal().await;
}

async fn a_referenced_row_is_updated_in_place(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=5).await;
    fixture.sync().await;
    pointing_to(&fixture, 3).await;
    let mut changed = item(3);
    changed.amount = Some(33);
    changed.update(&fixture.cluster).await.unwrap();
    let Rows {
        updated, blocked, ..
    } = fixture.sync().await;
    assert_eq!((updated, blocked), (2, 0));
    fixture.assert_equal().await;
    // It is back at the source before it could go.
    item(3).delete(&fixture.cluster).await.unwrap();
    assert_eq!(fixture.sync().await.blocked, 1);
    item(3).insert(&fixture.cluster).await.unwrap();
    fixture.sync().await;
    assert!(blockers(&fixture).await.is_empty());
    fixture.assert_equal().await;
}

async fn unique_values_of_referenced_rows_can_be_swapped(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=5).await;
    fixture.sync().await;
    pointing_to(&fixture, 2).await;
    let name = async |id: i64, name: String| {
        let row = Item::query().filter(Item::ID.eq(id)).set(Item::NAME, name);
        assert_eq!(row.update(&fixture.cluster).await.unwrap(), 1);
    };
    name(2, "aside".to_owned()).await;
    name(3, item(2).name).await;
    name(4, "aside, too".to_owned()).await;
    name(2, item(4).name).await;
    name(4, item(3).name).await;
    let rows = fixture.sync().await;
    assert_eq!((rows.updated, rows.inserted, rows.deleted), (6, 0, 0));
    fixture.assert_equal().await;
    // The row that points there was not taken along.
    let count: (i64,) = Item::query()
        .sql("SELECT COUNT(*) FROM pointers")
        .one(&fixture.copies[0])
        .await
        .unwrap();
    assert_eq!(count.0, 1);
}
