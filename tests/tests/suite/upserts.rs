//! Inserts that conflict with an existing row: `upsert`, `get_or_create`, `update_or_create`.

use futures_util::future::join_all;
use shard_orm::prelude::*;
use shard_orm::{
    Result,
    hooks::{Hooks, WriteContext},
};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "lines")]
#[shard(unique(user_id, sku))]
struct Line {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 64)]
    sku: String,
    /// Unique in a logical shard, whatever the key.
    #[shard(unique)]
    code: Option<i64>,
    quantity: i32,
    note: Option<String>,
}

/// Nothing but its keys.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "marks")]
struct Mark {
    #[shard(primary_key, key)]
    user_id: i64,
    #[shard(primary_key)]
    number: i32,
}

/// Its hooks take the code away.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "forgetful", hooks)]
#[shard(unique(user_id, code))]
struct Forgetful {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    code: Option<i32>,
}

impl Hooks for Forgetful {
    async fn before_insert(&mut self, _: WriteContext<'_>) -> Result<()> {
        self.code = None;
        Ok(())
    }
}

impl Line {
    fn new(fixture: &Fixture, user_id: i64, sku: &str, quantity: i32) -> Self {
        Self {
            id: fixture.id(),
            user_id,
            sku: sku.into(),
            code: None,
            quantity,
            note: None,
        }
    }
}

const BY_SKU: (
    shard_orm::Column<Line, i64>,
    shard_orm::Column<Line, String>,
) = (Line::USER_ID, Line::SKU);

behaviours! { (Line, Mark, Forgetful);
    async fn upsert_inserts_and_then_updates_the_row_of_the_index(fixture: &Fixture) {
        let key = fixture.key();
        let first = Line::new(fixture, key, "a", 1);
        first.upsert(&fixture.cluster, BY_SKU).await.unwrap();
        assert_eq!(Line::on(key).all(&fixture.cluster).await.unwrap(), std::slice::from_ref(&first));
        let second = Line { note: Some("x".into()), ..Line::new(fixture, key, "a", 2) };
        second.upsert(&fixture.cluster, BY_SKU).await.unwrap();
        // The id is that of the row that was there.
        let expected = Line { id: first.id, ..second };
        assert_eq!(Line::on(key).all(&fixture.cluster).await.unwrap(), [expected]);
    }

    async fn upsert_accepts_index_columns_in_any_order(fixture: &Fixture) {
        let key = fixture.key();
        Line::new(fixture, key, "a", 1).upsert(&fixture.cluster, (Line::SKU, Line::USER_ID)).await.unwrap();
        Line::new(fixture, key, "a", 2).upsert(&fixture.cluster, (Line::SKU, Line::USER_ID)).await.unwrap();
        assert_eq!(Line::on(key).one(&fixture.cluster).await.unwrap().quantity, 2);
    }

    async fn upsert_only_updates_the_named_columns(fixture: &Fixture) {
        let first = Line::new(fixture, fixture.key(), "a", 1).insert(&fixture.cluster).await.unwrap();
        let second = Line { quantity: 5, note: Some("x".into()), ..first.clone() };
        second.upsert_only(&fixture.cluster, BY_SKU, Line::QUANTITY).await.unwrap();
        assert_eq!(first.reload(&fixture.cluster).await.unwrap(), Line { quantity: 5, ..first });
    }

    async fn upsert_refuses_columns_without_a_unique_index(fixture: &Fixture) {
        let line = Line::new(fixture, fixture.key(), "a", 1);
        let error = line.upsert(&fixture.cluster, Line::QUANTITY).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("unique(quantity)"), "{error}");
        assert_eq!(kind(line.upsert(&fixture.cluster, Line::SKU).await), ErrorKind::Unsupported);
        let created = line.clone().get_or_create(&fixture.cluster, Line::SKU).await;
        assert_eq!(kind(created), ErrorKind::Unsupported);
        let created = line.clone().update_or_create(&fixture.cluster, Line::SKU).await;
        assert_eq!(kind(created), ErrorKind::Unsupported);
        let changed = line.upsert_only(&fixture.cluster, BY_SKU, Line::USER_ID).await;
        assert_eq!(kind(changed), ErrorKind::CrossShard);
        assert_eq!(Line::on(line.user_id).count(&fixture.cluster).await.unwrap(), 0);
    }

    async fn upsert_fails_on_a_conflict_with_another_index(fixture: &Fixture) {
        // MySQL's ON DUPLICATE KEY would update the row of the other index.
        let key = fixture.key();
        let code = Some(fixture.id());
        let first = Line { code, ..Line::new(fixture, key, "a", 1) }.insert(&fixture.cluster).await.unwrap();
        let second = Line { code, ..Line::new(fixture, key, "b", 2) };
        assert_eq!(kind(second.upsert(&fixture.cluster, BY_SKU).await), ErrorKind::Unique);
        assert_eq!(kind(second.save(&fixture.cluster).await), ErrorKind::Unique);
        let created = second.clone().get_or_create(&fixture.cluster, BY_SKU).await;
        assert_eq!(kind(created), ErrorKind::Unique);
        let created = second.update_or_create(&fixture.cluster, BY_SKU).await;
        assert_eq!(kind(created), ErrorKind::Unique);
        assert_eq!(Line::on(key).all(&fixture.cluster).await.unwrap(), [first]);
    }

    async fn upsert_never_changes_a_row_of_another_shard_key(fixture: &Fixture) {
        let key = fixture.key();
        let code = Some(fixture.id());
        let theirs = Line { code, ..Line::new(fixture, key, "a", 1) }.insert(&fixture.cluster).await.unwrap();
        let neighbour = fixture.neighbours(key, 1)[0];
        let mine = Line { code, ..Line::new(fixture, neighbour, "a", 9) };
        assert_eq!(kind(mine.upsert(&fixture.cluster, Line::CODE).await), ErrorKind::Unique);
        let created = mine.clone().update_or_create(&fixture.cluster, Line::CODE).await;
        assert_eq!(kind(created), ErrorKind::Unique);
        let created = mine.clone().get_or_create(&fixture.cluster, Line::CODE).await;
        assert_eq!(kind(created), ErrorKind::Unique);
        assert_eq!(theirs.reload(&fixture.cluster).await.unwrap(), theirs);
        assert_eq!(Line::on(neighbour).count(&fixture.cluster).await.unwrap(), 0);
    }

    async fn upsert_works_on_the_primary_key(fixture: &Fixture) {
        let first = Line::new(fixture, fixture.key(), "a", 1);
        first.upsert(&fixture.cluster, Line::ID).await.unwrap();
        let second = Line { sku: "b".into(), quantity: 2, ..first.clone() };
        second.upsert(&fixture.cluster, Line::ID).await.unwrap();
        assert_eq!(Line::on(first.user_id).all(&fixture.cluster).await.unwrap(), [second]);
    }

    async fn get_or_create_returns_the_existing_row(fixture: &Fixture) {
        let key = fixture.key();
        let (first, created) = Line::new(fixture, key, "a", 1).get_or_create(&fixture.cluster, BY_SKU).await.unwrap();
        assert!(created);
        let (second, created) = Line::new(fixture, key, "a", 9).get_or_create(&fixture.cluster, BY_SKU).await.unwrap();
        assert!(!created);
        assert_eq!(second, first);
        assert_eq!(Line::on(key).all(&fixture.cluster).await.unwrap(), [first]);
    }

    async fn update_or_create_updates_the_existing_row(fixture: &Fixture) {
        let key = fixture.key();
        let (first, created) = Line::new(fixture, key, "a", 1).update_or_create(&fixture.cluster, BY_SKU).await.unwrap();
        assert!(created);
        let (second, created) = Line::new(fixture, key, "a", 9).update_or_create(&fixture.cluster, BY_SKU).await.unwrap();
        assert!(!created);
        assert_eq!(second, Line { quantity: 9, ..first });
        assert_eq!(Line::on(key).all(&fixture.cluster).await.unwrap(), [second]);
    }

    async fn concurrent_get_or_create_creates_one_row(fixture: &Fixture) {
        for _ in 0..3 {
            let key = fixture.key();
            let rows = join_all((0..16).map(|n| {
                let line = Line::new(fixture, key, "raced", n);
                async move { line.get_or_create(&fixture.cluster, BY_SKU).await.unwrap() }
            }))
            .await;
            let stored = Line::on(key).all(&fixture.cluster).await.unwrap();
            assert_eq!(stored.len(), 1);
            assert_eq!(rows.iter().filter(|(_, created)| *created).count(), 1);
            assert!(rows.iter().all(|(row, _)| *row == stored[0]));
        }
    }

    async fn concurrent_update_or_create_creates_one_row(fixture: &Fixture) {
        for _ in 0..3 {
            let key = fixture.key();
            let rows = join_all((0..16).map(|n| {
                let line = Line::new(fixture, key, "raced", n);
                async move { line.update_or_create(&fixture.cluster, BY_SKU).await.unwrap() }
            }))
            .await;
            let stored = Line::on(key).all(&fixture.cluster).await.unwrap();
            assert_eq!(stored.len(), 1);
            assert_eq!(rows.iter().filter(|(_, created)| *created).count(), 1);
            let (created, _) = rows.iter().find(|(_, created)| *created).unwrap();
            assert_eq!(created.id, stored[0].id);
        }
    }

    async fn concurrent_upserts_and_saves_create_one_row(fixture: &Fixture) {
        let key = fixture.key();
        join_all((0..16).map(|n| {
            let line = Line::new(fixture, key, "raced", n);
            async move { line.upsert(&fixture.cluster, BY_SKU).await.unwrap() }
        }))
        .await;
        assert_eq!(Line::on(key).count(&fixture.cluster).await.unwrap(), 1);
        // Rows that two unique indexes refuse at once.
        let created = Line::new(fixture, key, "created", 0);
        let rows = join_all((0..16).map(|_| {
            let line = created.clone();
            async move { line.get_or_create(&fixture.cluster, BY_SKU).await.unwrap() }
        }))
        .await;
        assert_eq!(rows.iter().filter(|(_, created)| *created).count(), 1);
        let saved = Line::new(fixture, key, "saved", 0);
        join_all((0..16).map(|quantity| {
            let line = Line { quantity, ..saved.clone() };
            async move { line.save(&fixture.cluster).await.unwrap() }
        }))
        .await;
        assert_eq!(Line::on(key).count(&fixture.cluster).await.unwrap(), 3);
    }

    async fn get_or_create_works_in_a_transaction(fixture: &Fixture) {
        let key = fixture.key();
        let tx = fixture.cluster.begin(Line::shard(key)).await.unwrap();
        // The state that a repeatable read sees is that of here.
        assert_eq!(Line::on(key).count(&tx).await.unwrap(), 0);
        let theirs = Line::new(fixture, key, "a", 1);
        if fixture.dialect != Dialect::Sqlite {
            theirs.clone().insert(&fixture.cluster).await.unwrap();
        }
        let (row, created) = Line::new(fixture, key, "a", 2).get_or_create(&tx, BY_SKU).await.unwrap();
        assert_eq!(created, fixture.dialect == Dialect::Sqlite);
        assert_eq!(row.quantity, if created { 2 } else { 1 });
        let (row, created) = Line::new(fixture, key, "a", 3).update_or_create(&tx, BY_SKU).await.unwrap();
        assert_eq!((row.quantity, created), (3, false));
        let (_, created) = Line::new(fixture, key, "b", 4).get_or_create(&tx, BY_SKU).await.unwrap();
        assert!(created);
        tx.commit().await.unwrap();
        assert_eq!(Line::on(key).count(&fixture.cluster).await.unwrap(), 2);
    }

    async fn models_without_other_columns_are_saved_and_created_once(fixture: &Fixture) {
        let mark = Mark { user_id: fixture.key(), number: 1 };
        mark.save(&fixture.cluster).await.unwrap();
        mark.save(&fixture.cluster).await.unwrap();
        mark.upsert(&fixture.cluster, (Mark::USER_ID, Mark::NUMBER)).await.unwrap();
        let by = (Mark::USER_ID, Mark::NUMBER);
        let (_, created) = mark.clone().get_or_create(&fixture.cluster, by).await.unwrap();
        assert!(!created);
        let (_, created) = mark.clone().update_or_create(&fixture.cluster, by).await.unwrap();
        assert!(!created);
        let other = Mark { number: 2, ..mark.clone() };
        let (_, created) = other.update_or_create(&fixture.cluster, by).await.unwrap();
        assert!(created);
        assert_eq!(Mark::on(mark.user_id).count(&fixture.cluster).await.unwrap(), 2);
        mark.delete(&fixture.cluster).await.unwrap();
        assert_eq!(Mark::on(mark.user_id).count(&fixture.cluster).await.unwrap(), 1);
    }

    async fn upsert_refuses_null_in_its_target(fixture: &Fixture) {
        let key = fixture.key();
        let first = Line::new(fixture, key, "a", 1).insert(&fixture.cluster).await.unwrap();
        let row = Line::new(fixture, key, "b", 1);
        let on = &fixture.cluster;
        let tx = on.begin(Line::shard(key)).await.unwrap();
        let refused = [
            row.upsert(on, Line::CODE).await,
            row.upsert_only(on, Line::CODE, Line::QUANTITY).await,
            row.clone().get_or_create(on, Line::CODE).await.map(drop),
            row.clone().update_or_create(on, Line::CODE).await.map(drop),
            row.upsert(&tx, Line::CODE).await,
            row.clone().get_or_create(&tx, Line::CODE).await.map(drop),
        ];
        tx.commit().await.unwrap();
        for outcome in refused {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("`code` is NULL"), "{error}");
        }
        assert_eq!(Line::on(key).all(on).await.unwrap(), [first]);
        // With a value it is a target as any other.
        let coded = Line { code: Some(row.id), ..row };
        coded.upsert(on, Line::CODE).await.unwrap();
        coded.upsert(on, Line::CODE).await.unwrap();
        assert_eq!(Line::on(key).count(on).await.unwrap(), 2);
    }

    async fn upsert_refuses_null_that_a_hook_sets_in_its_target(fixture: &Fixture) {
        let key = fixture.key();
        let coded = || Forgetful { id: fixture.id(), user_id: key, code: Some(5) };
        let on = &fixture.cluster;
        let by = (Forgetful::USER_ID, Forgetful::CODE);
        assert_eq!(kind(coded().get_or_create(on, by).await), ErrorKind::Unsupported);
        assert_eq!(Forgetful::on(key).count(on).await.unwrap(), 0);
    }
}
