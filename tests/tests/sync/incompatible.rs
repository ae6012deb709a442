//! Copies that cannot hold the rows of their source: found before a row is touched.

use shard_orm::prelude::*;
use shard_orm::sync::StaticSync;
use sqlx::AssertSqlSafe;

use crate::fixture::{Backend, Fixture, Item, Pair, item, on};

on! { all =>
    an_incompatible_copy_is_not_touched
    a_copy_without_a_primary_key_is_refused
}

/// What a copy says of how far it is.
async fn position(copy: &Cluster) -> (Option<String>, i64) {
    let sql = "SELECT position, rows_changed FROM shard_orm_sync WHERE table_name = 'items'";
    Item::query().sql(sql).one(copy).await.unwrap()
}

async fn an_incompatible_copy_is_not_touched(pair: Pair) {
    let fixture = Fixture::new(pair).await;
    fixture.insert(1..=10).await;
    fixture.sync().await;
    let copy = &fixture.copies[0];
    let alter = async |text: &str| {
        let text = Item::query().sql(AssertSqlSafe(text.to_owned()));
        text.execute(copy).await.unwrap();
    };
    alter("ALTER TABLE items DROP COLUMN ratio").await;
    let before = position(copy).await;
    let ids = "SELECT id, name FROM items ORDER BY id";
    let rows: Vec<(i64, String)> = Item::query().sql(ids).all(copy).await.unwrap();

    fixture.insert(11..=20).await;
    item(3).delete(&fixture.cluster).await.unwrap();
    let report = StaticSync::of::<Item>(&fixture.cluster)
        .run()
        .await
        .unwrap();
    // The other copy is not kept back.
    let failed: Vec<bool> = report
        .copies
        .iter()
        .map(|one| one.result.is_err())
        .collect();
    assert_eq!(failed, [true, false]);
    let error = report.complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = error.to_string();
    assert!(
        text.contains("column `ratio` is missing at the copy"),
        "{text}"
    );
    assert_eq!(position(copy).await, before);
    let after: Vec<(i64, String)> = Item::query().sql(ids).all(copy).await.unwrap();
    assert_eq!(after, rows);

    let column = match pair.1 {
        Backend::Sqlite => "REAL",
        Backend::Postgres => "double precision",
        Backend::MariaDb => "double",
    };
    alter(&format!(
        "ALTER TABLE items ADD COLUMN ratio {column} DEFAULT 0 NOT NULL"
    ))
    .await;
    let rows = fixture.sync().await;
    // The other one has them.
    assert_eq!((rows.inserted, rows.deleted), (10, 1));
    assert_eq!(Item::query().count(copy).await.unwrap(), 19);
}

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "keyless")]
struct Keyless {
    #[static_model(primary_key)]
    id: i64,
    size: i64,
}

async fn a_copy_without_a_primary_key_is_refused(pair: Pair) {
    let fixture = Fixture::bare(pair).await;
    let create = "CREATE TABLE keyless (id bigint NOT NULL, size bigint NOT NULL)";
    fixture.add::<Keyless>("keyless", create).await;
    let row = Keyless { id: 1, size: 2 };
    row.insert(&fixture.cluster).await.unwrap();
    let report = StaticSync::of::<Keyless>(&fixture.cluster)
        .run()
        .await
        .unwrap();
    let error = report.complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = error.to_string();
    assert!(
        text.contains("the copy has no primary key; add PRIMARY KEY (id)"),
        "{text}"
    );
    for copy in &fixture.copies {
        assert_eq!(Keyless::query().count(copy).await.unwrap(), 0);
    }
}
