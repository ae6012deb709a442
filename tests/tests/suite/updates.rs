//! Updates and deletes of a query.

use chrono::{DateTime, Utc};
use shard_orm::prelude::*;
use shard_orm::sea_query::{Alias, Expr, ExprTrait};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "counters")]
#[shard(unique(user_id, code))]
struct Counter {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    code: i32,
    small: i32,
    large: i64,
    byte: u8,
    maybe: Option<i64>,
    weight: f64,
    name: String,
    note: Option<String>,
    #[shard(created_at)]
    created: DateTime<Utc>,
    #[shard(updated_at)]
    updated: Option<DateTime<Utc>>,
}

impl Counter {
    fn new(fixture: &Fixture, user_id: i64, code: i32) -> Self {
        Self {
            id: fixture.id(),
            user_id,
            code,
            small: 1,
            large: 1,
            byte: 1,
            maybe: None,
            weight: 0.5,
            name: format!("counter {code}"),
            note: None,
            created: DateTime::UNIX_EPOCH,
            updated: None,
        }
    }
}

async fn three(fixture: &Fixture) -> i64 {
    let key = fixture.key();
    let rows = (1..=3)
        .map(|code| Counter::new(fixture, key, code))
        .collect();
    Counter::insert_many(&fixture.cluster, rows).await.unwrap();
    key
}

behaviours! { (Counter);
    async fn columns_are_set_to_values_and_to_other_columns(fixture: &Fixture) {
        let key = three(fixture).await;
        let before = Counter::on(key).filter(Counter::CODE.eq(2)).one(&fixture.cluster).await.unwrap();
        let changed = Counter::on(key)
            .filter(Counter::CODE.ge(2))
            .set(Counter::NAME, "new")
            .set(Counter::NOTE, "noted")
            .set(Counter::MAYBE, Some(5))
            .set(Counter::SMALL, Counter::CODE)
            .update(&fixture.cluster)
            .await
            .unwrap();
        assert_eq!(changed, 2);
        let after = before.reload(&fixture.cluster).await.unwrap();
        assert!(after.updated > before.updated);
        let expected = Counter {
            name: "new".into(),
            note: Some("noted".into()),
            maybe: Some(5),
            small: 2,
            updated: after.updated,
            ..before
        };
        assert_eq!(after, expected);
        let first = Counter::on(key).filter(Counter::CODE.eq(1)).one(&fixture.cluster).await.unwrap();
        assert_eq!((first.name.as_str(), first.note), ("counter 1", None));
    }

    async fn a_column_is_set_to_null(fixture: &Fixture) {
        let key = three(fixture).await;
        Counter::on(key).set(Counter::MAYBE, 5).set(Counter::NOTE, "x").update(&fixture.cluster).await.unwrap();
        Counter::on(key).set(Counter::MAYBE, None).set(Counter::NOTE, None::<String>).update(&fixture.cluster).await.unwrap();
        let nulls = Counter::on(key).filter(Counter::MAYBE.is_null() & Counter::NOTE.is_null());
        assert_eq!(nulls.count(&fixture.cluster).await.unwrap(), 3);
    }

    async fn update_counts_matched_rows(fixture: &Fixture) {
        // Not those that it changes, as MySQL would.
        let key = three(fixture).await;
        let same = || Counter::on(key).set(Counter::SMALL, 1).set(Counter::UPDATED, None);
        assert_eq!(same().update(&fixture.cluster).await.unwrap(), 3);
        assert_eq!(same().update(&fixture.cluster).await.unwrap(), 3);
        let none = Counter::on(key).filter(Counter::CODE.eq(9)).set(Counter::SMALL, 1);
        assert_eq!(none.update(&fixture.cluster).await.unwrap(), 0);
    }

    async fn columns_are_incremented(fixture: &Fixture) {
        let key = three(fixture).await;
        Counter::on(key)
            .increment(Counter::SMALL, 4)
            .increment(Counter::LARGE, -3)
            .increment(Counter::WEIGHT, 0.25)
            .increment(Counter::MAYBE, 1)
            .update(&fixture.cluster)
            .await
            .unwrap();
        for row in Counter::on(key).all(&fixture.cluster).await.unwrap() {
            assert_eq!((row.small, row.large, row.weight, row.maybe), (5, -2, 0.75, None));
        }
        Counter::on(key).increment(Counter::SMALL, Counter::CODE).update(&fixture.cluster).await.unwrap();
        let sum: i32 = Counter::on(key).select(Counter::SMALL).all(&fixture.cluster).await.unwrap().iter().sum();
        assert_eq!(sum, 15 + 6);
    }

    async fn a_sum_that_does_not_fit_is_refused_and_stores_nothing(fixture: &Fixture) {
        let key = three(fixture).await;
        let top = Counter::on(key).set(Counter::SMALL, i32::MAX).set(Counter::LARGE, i64::MAX).set(Counter::BYTE, u8::MAX);
        // 255 fits everywhere.
        top.update(&fixture.cluster).await.unwrap();
        let kinds = [
            kind(Counter::on(key).increment(Counter::SMALL, 1).update(&fixture.cluster).await),
            kind(Counter::on(key).increment(Counter::LARGE, 1).update(&fixture.cluster).await),
            kind(Counter::on(key).increment(Counter::LARGE, i64::MAX).update(&fixture.cluster).await),
        ];
        assert_eq!(kinds, [ErrorKind::Check; 3]);
        Counter::on(key).set(Counter::SMALL, i32::MIN).set(Counter::LARGE, i64::MIN).update(&fixture.cluster).await.unwrap();
        let kinds = [
            kind(Counter::on(key).increment(Counter::SMALL, -1).update(&fixture.cluster).await),
            kind(Counter::on(key).increment(Counter::LARGE, -1).update(&fixture.cluster).await),
        ];
        assert_eq!(kinds, [ErrorKind::Check; 2]);
        for row in Counter::on(key).all(&fixture.cluster).await.unwrap() {
            assert_eq!((row.small, row.large, row.byte), (i32::MIN, i64::MIN, u8::MAX));
        }
    }

    async fn a_column_is_set_to_an_expression(fixture: &Fixture) {
        let key = three(fixture).await;
        let doubled = Expr::col(Alias::new("code")).mul(2_i32);
        let update = Counter::on(key).set(Counter::NAME, "x").set_expr(Counter::SMALL, doubled);
        assert_eq!(update.update(&fixture.cluster).await.unwrap(), 3);
        let smalls = Counter::on(key).select(Counter::SMALL).order_by(Counter::CODE).all(&fixture.cluster).await.unwrap();
        assert_eq!(smalls, [2, 4, 6]);
    }

    async fn the_last_assignment_of_a_column_wins(fixture: &Fixture) {
        let key = three(fixture).await;
        let doubled = Expr::col(Alias::new("code")).mul(2_i32);
        let update = Counter::on(key).increment(Counter::SMALL, 5).set(Counter::SMALL, 0).set_expr(Counter::SMALL, doubled);
        assert_eq!(update.update(&fixture.cluster).await.unwrap(), 3);
        let smalls = Counter::on(key).select(Counter::SMALL).order_by(Counter::CODE).all(&fixture.cluster).await.unwrap();
        assert_eq!(smalls, [2, 4, 6]);
    }

    async fn one_expression_with_values_of_several_types_stores_the_right_ones(fixture: &Fixture) {
        let key = three(fixture).await;
        for _ in 0..2 {
            let set = |value: Expr| Counter::on(key).set(Counter::NAME, "x").set_expr(Counter::WEIGHT, value);
            set(Expr::val(2_i64)).update(&fixture.cluster).await.unwrap();
            assert_eq!(Counter::on(key).filter(Counter::WEIGHT.eq(2.0)).count(&fixture.cluster).await.unwrap(), 3);
            set(Expr::val(1.5_f64)).update(&fixture.cluster).await.unwrap();
            assert_eq!(Counter::on(key).filter(Counter::WEIGHT.eq(1.5)).count(&fixture.cluster).await.unwrap(), 3);
        }
    }

    async fn the_shard_key_cannot_be_changed(fixture: &Fixture) {
        let key = three(fixture).await;
        let same = Counter::on(key).set(Counter::USER_ID, key).set(Counter::SMALL, 7);
        assert_eq!(same.update(&fixture.cluster).await.unwrap(), 3);
        for other in [fixture.neighbours(key, 1)[0], fixture.key()] {
            let error = Counter::on(key).set(Counter::USER_ID, other).update(&fixture.cluster).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::CrossShard);
            assert!(error.to_string().contains("insert it under its new key"), "{error}");
            let several = Counter::on_each([key]).set(Counter::USER_ID, other).set(Counter::SMALL, 9);
            assert_eq!(kind(several.update(&fixture.cluster).await), ErrorKind::CrossShard);
        }
        let moved = Counter::on(key).increment(Counter::USER_ID, 1).update(&fixture.cluster).await;
        assert_eq!(kind(moved), ErrorKind::CrossShard);
        let moved = Counter::on(key).set(Counter::USER_ID, Counter::LARGE).update(&fixture.cluster).await;
        assert_eq!(kind(moved), ErrorKind::CrossShard);
        assert_eq!(Counter::on(key).filter(Counter::SMALL.eq(7)).count(&fixture.cluster).await.unwrap(), 3);
    }

    async fn rows_are_deleted_by_filter(fixture: &Fixture) {
        let key = three(fixture).await;
        let deleted = Counter::on(key).filter(Counter::CODE.ne(2)).delete(&fixture.cluster).await.unwrap();
        assert_eq!(deleted, 2);
        assert_eq!(Counter::on(key).one(&fixture.cluster).await.unwrap().code, 2);
        assert_eq!(Counter::on(key).filter(Counter::CODE.ne(2)).delete(&fixture.cluster).await.unwrap(), 0);
    }

    async fn a_write_with_an_order_or_limit_is_refused(fixture: &Fixture) {
        let key = three(fixture).await;
        let query = || Counter::on(key);
        assert_eq!(kind(query().limit(1).delete(&fixture.cluster).await), ErrorKind::Unsupported);
        assert_eq!(kind(query().order_by(Counter::ID).delete(&fixture.cluster).await), ErrorKind::Unsupported);
        assert_eq!(kind(query().offset(1).set(Counter::SMALL, 2).update(&fixture.cluster).await), ErrorKind::Unsupported);
        assert_eq!(query().filter(Counter::SMALL.eq(1)).count(&fixture.cluster).await.unwrap(), 3);
    }

    async fn a_unique_violation_changes_nothing(fixture: &Fixture) {
        let key = three(fixture).await;
        let error = Counter::on(key).set(Counter::CODE, 2).update(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unique);
        let codes = Counter::on(key).select(Counter::CODE).order_by(Counter::CODE).all(&fixture.cluster).await.unwrap();
        assert_eq!(codes, [1, 2, 3]);
    }

    async fn a_failed_update_of_several_keys_names_the_updated_shards(fixture: &Fixture) {
        let keys = fixture.key_of_each_shard();
        for key in &keys {
            Counter::new(fixture, *key, 1).insert(&fixture.cluster).await.unwrap();
        }
        // On the first shard the update makes two rows equal.
        Counter::new(fixture, keys[0], 2).insert(&fixture.cluster).await.unwrap();
        let update = Counter::on_each(keys.iter().copied()).set(Counter::CODE, 5);
        let error = update.update(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unique);
        if keys.len() > 1 {
            let failed: Vec<u32> = error.failed_shards().iter().map(|shard| shard.shard).collect();
            assert_eq!(failed, [0]);
            assert_eq!(error.done_shards().len(), keys.len() - 1);
        }
        for key in &keys[1..] {
            assert_eq!(Counter::on(*key).one(&fixture.cluster).await.unwrap().code, 5);
        }
        let untouched = Counter::on(keys[0]).filter(Counter::CODE.eq(5)).count(&fixture.cluster).await.unwrap();
        assert_eq!(untouched, 0);
    }

    async fn increment_is_refused_on_other_types(fixture: &Fixture) {
        let key = three(fixture).await;
        let added = Counter::on(key).increment(Counter::NAME, "more").update(&fixture.cluster).await;
        assert_eq!(kind(added), ErrorKind::Unsupported);
        let unchanged = Counter::on(key).filter(Counter::NAME.starts_with("counter ")).count(&fixture.cluster).await;
        assert_eq!(unchanged.unwrap(), 3);
    }

    async fn column_swaps_use_old_values_or_are_refused(fixture: &Fixture) {
        let key = three(fixture).await;
        let swapped = Counter::on(key)
            .filter(Counter::CODE.eq(3))
            .set(Counter::CODE, Counter::SMALL)
            .set(Counter::SMALL, Counter::CODE)
            .update(&fixture.cluster)
            .await;
        if fixture.dialect == Dialect::MySql {
            assert_eq!(kind(swapped), ErrorKind::Unsupported);
            return;
        }
        // The row of code 1 is still there.
        assert_eq!(kind(swapped), ErrorKind::Unique);
        Counter::on(key).filter(Counter::CODE.eq(1)).delete(&fixture.cluster).await.unwrap();
        let swapped = Counter::on(key)
            .filter(Counter::CODE.eq(3))
            .set(Counter::CODE, Counter::SMALL)
            .set(Counter::SMALL, Counter::CODE)
            .update(&fixture.cluster)
            .await;
        assert_eq!(swapped.unwrap(), 1);
        let row = Counter::on(key).filter(Counter::SMALL.eq(3)).one(&fixture.cluster).await.unwrap();
        assert_eq!((row.code, row.small), (1, 3));
    }

    async fn concurrent_increments_are_all_counted(fixture: &Fixture) {
        let key = three(fixture).await;
        futures_util::future::join_all((0..32).map(|_| {
            let update = Counter::on(key).filter(Counter::CODE.eq(1)).increment(Counter::LARGE, 1);
            async { update.update(&fixture.cluster).await.unwrap() }
        }))
        .await;
        let row = Counter::on(key).filter(Counter::CODE.eq(1)).one(&fixture.cluster).await.unwrap();
        assert_eq!(row.large, 33);
    }
}
