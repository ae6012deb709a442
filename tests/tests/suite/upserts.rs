//! Inserts that meet a row which is there: upsert, get_or_create, update_or_create.

use futures_util::future::join_all;
use shard_orm::prelude::*;
use shard_orm::{Hooks, Result, WriteContext};
use shard_orm_tests::bed::Bed;
use shard_orm_tests::behaviours;

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
    fn new(bed: &Bed, user_id: i64, sku: &str, quantity: i32) -> Self {
        Self {
            id: bed.id(),
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
    async fn upsert_inserts_and_then_updates_the_row_of_the_index(bed: &Bed) {
        let key = bed.key();
        let first = Line::new(bed, key, "a", 1);
        first.upsert(&bed.cluster, BY_SKU).await.unwrap();
        assert_eq!(Line::on(key).all(&bed.cluster).await.unwrap(), std::slice::from_ref(&first));
        let second = Line { note: Some("x".into()), ..Line::new(bed, key, "a", 2) };
        second.upsert(&bed.cluster, BY_SKU).await.unwrap();
        // The id is that of the row that was there.
        let expected = Line { id: first.id, ..second };
        assert_eq!(Line::on(key).all(&bed.cluster).await.unwrap(), [expected]);
    }

    async fn upsert_names_the_index_in_any_order(bed: &Bed) {
        let key = bed.key();
        Line::new(bed, key, "a", 1).upsert(&bed.cluster, (Line::SKU, Line::USER_ID)).await.unwrap();
        Line::new(bed, key, "a", 2).upsert(&bed.cluster, (Line::SKU, Line::USER_ID)).await.unwrap();
        assert_eq!(Line::on(key).one(&bed.cluster).await.unwrap().quantity, 2);
    }

    async fn upsert_only_updates_the_named_columns(bed: &Bed) {
        let first = Line::new(bed, bed.key(), "a", 1).insert(&bed.cluster).await.unwrap();
        let second = Line { quantity: 5, note: Some("x".into()), ..first.clone() };
        second.upsert_only(&bed.cluster, BY_SKU, Line::QUANTITY).await.unwrap();
        assert_eq!(first.reload(&bed.cluster).await.unwrap(), Line { quantity: 5, ..first });
    }

    async fn upsert_refuses_columns_without_a_unique_index(bed: &Bed) {
        let line = Line::new(bed, bed.key(), "a", 1);
        let error = line.upsert(&bed.cluster, Line::QUANTITY).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("unique(quantity)"), "{error}");
        assert_eq!(kind(line.upsert(&bed.cluster, Line::SKU).await), ErrorKind::Unsupported);
        let created = line.clone().get_or_create(&bed.cluster, Line::SKU).await;
        assert_eq!(kind(created), ErrorKind::Unsupported);
        let created = line.clone().update_or_create(&bed.cluster, Line::SKU).await;
        assert_eq!(kind(created), ErrorKind::Unsupported);
        let changed = line.upsert_only(&bed.cluster, BY_SKU, Line::USER_ID).await;
        assert_eq!(kind(changed), ErrorKind::CrossShard);
        assert_eq!(Line::on(line.user_id).count(&bed.cluster).await.unwrap(), 0);
    }

    async fn a_conflict_on_another_index_is_an_error_and_changes_nothing(bed: &Bed) {
        // MySQL's ON DUPLICATE KEY would update the row of the other index.
        let key = bed.key();
        let code = Some(bed.id());
        let first = Line { code, ..Line::new(bed, key, "a", 1) }.insert(&bed.cluster).await.unwrap();
        let second = Line { code, ..Line::new(bed, key, "b", 2) };
        assert_eq!(kind(second.upsert(&bed.cluster, BY_SKU).await), ErrorKind::Unique);
        assert_eq!(kind(second.save(&bed.cluster).await), ErrorKind::Unique);
        let created = second.clone().get_or_create(&bed.cluster, BY_SKU).await;
        assert_eq!(kind(created), ErrorKind::Unique);
        let created = second.update_or_create(&bed.cluster, BY_SKU).await;
        assert_eq!(kind(created), ErrorKind::Unique);
        assert_eq!(Line::on(key).all(&bed.cluster).await.unwrap(), [first]);
    }

    async fn a_conflict_with_a_row_of_another_key_leaves_that_row_alone(bed: &Bed) {
        let key = bed.key();
        let code = Some(bed.id());
        let theirs = Line { code, ..Line::new(bed, key, "a", 1) }.insert(&bed.cluster).await.unwrap();
        let neighbour = bed.neighbours(key, 1)[0];
        let mine = Line { code, ..Line::new(bed, neighbour, "a", 9) };
        assert_eq!(kind(mine.upsert(&bed.cluster, Line::CODE).await), ErrorKind::Unique);
        let created = mine.clone().update_or_create(&bed.cluster, Line::CODE).await;
        assert_eq!(kind(created), ErrorKind::Unique);
        let created = mine.clone().get_or_create(&bed.cluster, Line::CODE).await;
        assert_eq!(kind(created), ErrorKind::Unique);
        assert_eq!(theirs.reload(&bed.cluster).await.unwrap(), theirs);
        assert_eq!(Line::on(neighbour).count(&bed.cluster).await.unwrap(), 0);
    }

    async fn the_primary_key_serves_as_the_index(bed: &Bed) {
        let first = Line::new(bed, bed.key(), "a", 1);
        first.upsert(&bed.cluster, Line::ID).await.unwrap();
        let second = Line { sku: "b".into(), quantity: 2, ..first.clone() };
        second.upsert(&bed.cluster, Line::ID).await.unwrap();
        assert_eq!(Line::on(first.user_id).all(&bed.cluster).await.unwrap(), [second]);
    }

    async fn get_or_create_gives_the_row_that_is_there(bed: &Bed) {
        let key = bed.key();
        let (first, created) = Line::new(bed, key, "a", 1).get_or_create(&bed.cluster, BY_SKU).await.unwrap();
        assert!(created);
        let (second, created) = Line::new(bed, key, "a", 9).get_or_create(&bed.cluster, BY_SKU).await.unwrap();
        assert!(!created);
        assert_eq!(second, first);
        assert_eq!(Line::on(key).all(&bed.cluster).await.unwrap(), [first]);
    }

    async fn update_or_create_updates_the_row_that_is_there(bed: &Bed) {
        let key = bed.key();
        let (first, created) = Line::new(bed, key, "a", 1).update_or_create(&bed.cluster, BY_SKU).await.unwrap();
        assert!(created);
        let (second, created) = Line::new(bed, key, "a", 9).update_or_create(&bed.cluster, BY_SKU).await.unwrap();
        assert!(!created);
        assert_eq!(second, Line { quantity: 9, ..first });
        assert_eq!(Line::on(key).all(&bed.cluster).await.unwrap(), [second]);
    }

    async fn sixteen_clients_that_get_or_create_get_one_row(bed: &Bed) {
        for _ in 0..3 {
            let key = bed.key();
            let rows = join_all((0..16).map(|n| {
                let line = Line::new(bed, key, "raced", n);
                async move { line.get_or_create(&bed.cluster, BY_SKU).await.unwrap() }
            }))
            .await;
            let stored = Line::on(key).all(&bed.cluster).await.unwrap();
            assert_eq!(stored.len(), 1);
            assert_eq!(rows.iter().filter(|(_, created)| *created).count(), 1);
            assert!(rows.iter().all(|(row, _)| *row == stored[0]));
        }
    }

    async fn sixteen_clients_that_update_or_create_make_one_row(bed: &Bed) {
        for _ in 0..3 {
            let key = bed.key();
            let rows = join_all((0..16).map(|n| {
                let line = Line::new(bed, key, "raced", n);
                async move { line.update_or_create(&bed.cluster, BY_SKU).await.unwrap() }
            }))
            .await;
            let stored = Line::on(key).all(&bed.cluster).await.unwrap();
            assert_eq!(stored.len(), 1);
            assert_eq!(rows.iter().filter(|(_, created)| *created).count(), 1);
            let (created, _) = rows.iter().find(|(_, created)| *created).unwrap();
            assert_eq!(created.id, stored[0].id);
        }
    }

    async fn sixteen_clients_that_upsert_or_save_make_one_row(bed: &Bed) {
        let key = bed.key();
        join_all((0..16).map(|n| {
            let line = Line::new(bed, key, "raced", n);
            async move { line.upsert(&bed.cluster, BY_SKU).await.unwrap() }
        }))
        .await;
        assert_eq!(Line::on(key).count(&bed.cluster).await.unwrap(), 1);
        // Rows that two unique indexes refuse at once.
        let created = Line::new(bed, key, "created", 0);
        let rows = join_all((0..16).map(|_| {
            let line = created.clone();
            async move { line.get_or_create(&bed.cluster, BY_SKU).await.unwrap() }
        }))
        .await;
        assert_eq!(rows.iter().filter(|(_, created)| *created).count(), 1);
        let saved = Line::new(bed, key, "saved", 0);
        join_all((0..16).map(|quantity| {
            let line = Line { quantity, ..saved.clone() };
            async move { line.save(&bed.cluster).await.unwrap() }
        }))
        .await;
        assert_eq!(Line::on(key).count(&bed.cluster).await.unwrap(), 3);
    }

    async fn get_or_create_works_in_a_transaction(bed: &Bed) {
        let key = bed.key();
        let tx = bed.cluster.begin(Line::shard(key)).await.unwrap();
        // The state that a repeatable read sees is that of here.
        assert_eq!(Line::on(key).count(&tx).await.unwrap(), 0);
        let theirs = Line::new(bed, key, "a", 1);
        if bed.dialect != Dialect::Sqlite {
            theirs.clone().insert(&bed.cluster).await.unwrap();
        }
        let (row, created) = Line::new(bed, key, "a", 2).get_or_create(&tx, BY_SKU).await.unwrap();
        assert_eq!(created, bed.dialect == Dialect::Sqlite);
        assert_eq!(row.quantity, if created { 2 } else { 1 });
        let (row, created) = Line::new(bed, key, "a", 3).update_or_create(&tx, BY_SKU).await.unwrap();
        assert_eq!((row.quantity, created), (3, false));
        let (_, created) = Line::new(bed, key, "b", 4).get_or_create(&tx, BY_SKU).await.unwrap();
        assert!(created);
        tx.commit().await.unwrap();
        assert_eq!(Line::on(key).count(&bed.cluster).await.unwrap(), 2);
    }

    async fn a_row_of_keys_alone_is_saved_and_created_once(bed: &Bed) {
        let mark = Mark { user_id: bed.key(), number: 1 };
        mark.save(&bed.cluster).await.unwrap();
        mark.save(&bed.cluster).await.unwrap();
        mark.upsert(&bed.cluster, (Mark::USER_ID, Mark::NUMBER)).await.unwrap();
        let by = (Mark::USER_ID, Mark::NUMBER);
        let (_, created) = mark.clone().get_or_create(&bed.cluster, by).await.unwrap();
        assert!(!created);
        let (_, created) = mark.clone().update_or_create(&bed.cluster, by).await.unwrap();
        assert!(!created);
        let other = Mark { number: 2, ..mark.clone() };
        let (_, created) = other.update_or_create(&bed.cluster, by).await.unwrap();
        assert!(created);
        assert_eq!(Mark::on(mark.user_id).count(&bed.cluster).await.unwrap(), 2);
        mark.delete(&bed.cluster).await.unwrap();
        assert_eq!(Mark::on(mark.user_id).count(&bed.cluster).await.unwrap(), 1);
    }

    async fn a_null_in_the_target_is_refused(bed: &Bed) {
        let key = bed.key();
        let first = Line::new(bed, key, "a", 1).insert(&bed.cluster).await.unwrap();
        let row = Line::new(bed, key, "b", 1);
        let on = &bed.cluster;
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

    async fn a_null_of_a_hook_in_the_target_is_refused(bed: &Bed) {
        let key = bed.key();
        let coded = || Forgetful { id: bed.id(), user_id: key, code: Some(5) };
        let on = &bed.cluster;
        let by = (Forgetful::USER_ID, Forgetful::CODE);
        assert_eq!(kind(coded().get_or_create(on, by).await), ErrorKind::Unsupported);
        assert_eq!(Forgetful::on(key).count(on).await.unwrap(), 0);
    }
}
