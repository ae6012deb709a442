//! One row: insert, get, find, update, save, delete, reload.

use std::time::Duration;

use chrono::{DateTime, Utc};
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    item: String,
    quantity: i32,
    note: Option<String>,
    #[shard(created_at)]
    created: DateTime<Utc>,
    #[shard(updated_at)]
    updated: DateTime<Utc>,
}

impl Order {
    fn new(fixture: &Fixture, user_id: i64, item: &str) -> Self {
        Self {
            id: fixture.id(),
            user_id,
            item: item.to_owned(),
            quantity: 1,
            note: None,
            created: DateTime::UNIX_EPOCH,
            updated: DateTime::UNIX_EPOCH,
        }
    }

    async fn insert_new(fixture: &Fixture, user_id: i64, item: &str) -> Self {
        let order = Self::new(fixture, user_id, item);
        order.insert(&fixture.cluster).await.unwrap()
    }
}

/// Lets the clock pass the microsecond of the last write.
async fn later() {
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_micros(50) {
        tokio::task::yield_now().await;
    }
}

behaviours! { (Order);
    async fn a_row_that_is_inserted_is_found(fixture: &Fixture) {
        let before = Utc::now() - Duration::from_millis(1);
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        assert!(order.created >= before && order.created <= Utc::now());
        assert_eq!(order.created, order.updated);
        assert_eq!(Order::get(&fixture.cluster, order.user_id, order.id).await.unwrap(), order);
        let found = Order::find(&fixture.cluster, order.user_id, order.id).await.unwrap();
        assert_eq!(found, Some(order));
    }

    async fn find_gives_none_and_get_an_error_without_a_row(fixture: &Fixture) {
        let order = Order::new(fixture, fixture.key(), "tea");
        assert_eq!(Order::find(&fixture.cluster, order.user_id, order.id).await.unwrap(), None);
        assert_eq!(kind(Order::get(&fixture.cluster, order.user_id, order.id).await), ErrorKind::NotFound);
        assert_eq!(kind(order.update(&fixture.cluster).await), ErrorKind::NotFound);
        assert_eq!(kind(order.update_only(&fixture.cluster, Order::ITEM).await), ErrorKind::NotFound);
        assert_eq!(kind(order.delete(&fixture.cluster).await), ErrorKind::NotFound);
        assert_eq!(kind(order.reload(&fixture.cluster).await), ErrorKind::NotFound);
        let error = Order::on(order.user_id).one(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(Order::on(order.user_id).first(&fixture.cluster).await.unwrap(), None);
    }

    async fn a_duplicate_id_is_refused(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        let other = Order { item: "coffee".into(), ..order.clone() };
        let error = other.insert(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unique);
        let shard = error.shard().expect("the error names the shard");
        assert_eq!((&*shard.group, shard.shard), ("shop", fixture.shard_of(order.user_id)));
        assert_eq!(order.reload(&fixture.cluster).await.unwrap(), order);
    }

    async fn update_writes_all_columns_except_keys_and_created_at(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        let bystander = Order::insert_new(fixture, order.user_id, "milk").await;
        later().await;
        let changed = Order {
            item: "coffee".into(),
            quantity: 7,
            note: Some("black".into()),
            created: DateTime::UNIX_EPOCH,
            updated: DateTime::UNIX_EPOCH,
            ..order.clone()
        };
        changed.update(&fixture.cluster).await.unwrap();
        let found = order.reload(&fixture.cluster).await.unwrap();
        assert!(found.updated > order.updated, "{} {}", found.updated, order.updated);
        assert_eq!(found, Order { created: order.created, updated: found.updated, ..changed });
        assert_eq!(bystander.reload(&fixture.cluster).await.unwrap(), bystander);
    }

    async fn update_sets_null(fixture: &Fixture) {
        let mut order = Order::new(fixture, fixture.key(), "tea");
        order.note = Some("hot".into());
        let mut order = order.insert(&fixture.cluster).await.unwrap();
        order.note = None;
        order.update(&fixture.cluster).await.unwrap();
        assert_eq!(order.reload(&fixture.cluster).await.unwrap().note, None);
    }

    async fn an_update_without_changes_finds_its_row(fixture: &Fixture) {
        // MySQL counts changed rows unless it is asked for those that were found.
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        order.update_only(&fixture.cluster, Order::ITEM).await.unwrap();
        order.update(&fixture.cluster).await.unwrap();
        order.update(&fixture.cluster).await.unwrap();
    }

    async fn update_only_writes_the_named_columns_and_updated_at(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        later().await;
        let changed = Order { item: "coffee".into(), quantity: 7, note: Some("x".into()), ..order.clone() };
        changed.update_only(&fixture.cluster, (Order::ITEM, Order::NOTE)).await.unwrap();
        let found = order.reload(&fixture.cluster).await.unwrap();
        assert!(found.updated > order.updated);
        assert_eq!(found, Order { quantity: 1, updated: found.updated, ..changed });
    }

    async fn update_only_refuses_the_columns_that_name_the_row(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        let error = order.update_only(&fixture.cluster, (Order::ITEM, Order::USER_ID)).await;
        assert_eq!(kind(error), ErrorKind::CrossShard);
        assert_eq!(kind(order.update_only(&fixture.cluster, Order::ID).await), ErrorKind::Unsupported);
        assert_eq!(order.reload(&fixture.cluster).await.unwrap(), order);
    }

    async fn save_inserts_and_then_updates(fixture: &Fixture) {
        let order = Order::new(fixture, fixture.key(), "tea");
        order.save(&fixture.cluster).await.unwrap();
        let first = order.reload(&fixture.cluster).await.unwrap();
        assert!(first.created > DateTime::UNIX_EPOCH);
        assert_eq!(first.created, first.updated);
        later().await;
        let changed = Order { item: "coffee".into(), created: DateTime::UNIX_EPOCH, ..first.clone() };
        changed.save(&fixture.cluster).await.unwrap();
        let second = order.reload(&fixture.cluster).await.unwrap();
        assert!(second.updated > first.updated);
        assert_eq!(second, Order { item: "coffee".into(), updated: second.updated, ..first });
        changed.save(&fixture.cluster).await.unwrap();
        assert_eq!(Order::on(order.user_id).count(&fixture.cluster).await.unwrap(), 1);
    }

    async fn save_never_changes_a_row_of_another_shard_key(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        let neighbour = fixture.neighbours(order.user_id, 1)[0];
        let thief = Order { user_id: neighbour, item: "stolen".into(), ..order.clone() };
        assert_eq!(kind(thief.save(&fixture.cluster).await), ErrorKind::Unique);
        assert_eq!(order.reload(&fixture.cluster).await.unwrap(), order);
        assert_eq!(Order::on(neighbour).count(&fixture.cluster).await.unwrap(), 0);
    }

    async fn delete_removes_only_its_row(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        let kept = Order::insert_new(fixture, order.user_id, "milk").await;
        order.delete(&fixture.cluster).await.unwrap();
        assert_eq!(Order::on(order.user_id).all(&fixture.cluster).await.unwrap(), [kept]);
        assert_eq!(kind(order.delete(&fixture.cluster).await), ErrorKind::NotFound);
    }

    async fn reload_sees_changes_of_others(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        let other = fixture.another_process().await;
        Order::on(order.user_id).set(Order::ITEM, "coffee").update(&other).await.unwrap();
        assert_eq!(order.reload(&fixture.cluster).await.unwrap().item, "coffee");
    }

    async fn a_row_of_another_key_is_not_found_under_this_one(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        for other in fixture.neighbours(order.user_id, 3) {
            assert_eq!(Order::find(&fixture.cluster, other, order.id).await.unwrap(), None);
        }
    }

    async fn a_changed_shard_key_finds_no_row_and_says_what_to_do(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        let keys = [fixture.neighbours(order.user_id, 1)[0], fixture.key_of_shard(fixture.logical_shards - 1)];
        for key in keys {
            let moved = Order { user_id: key, ..order.clone() };
            let error = moved.update(&fixture.cluster).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.to_string().contains("insert the row under the new key"), "{error}");
            assert_eq!(kind(moved.delete(&fixture.cluster).await), ErrorKind::NotFound);
            assert_eq!(kind(moved.reload(&fixture.cluster).await), ErrorKind::NotFound);
        }
        assert_eq!(order.reload(&fixture.cluster).await.unwrap(), order);
    }

    async fn on_gives_only_rows_of_its_key(fixture: &Fixture) {
        let key = fixture.key();
        let others = fixture.neighbours(key, 4);
        let mine = Order::insert_new(fixture, key, "tea").await;
        for other in &others {
            Order::insert_new(fixture, *other, "tea").await;
        }
        let query = || Order::on(key).filter(Order::ITEM.eq("tea"));
        assert_eq!(query().all(&fixture.cluster).await.unwrap(), [mine]);
        assert_eq!(query().count(&fixture.cluster).await.unwrap(), 1);
        assert_eq!(query().set(Order::QUANTITY, 9).update(&fixture.cluster).await.unwrap(), 1);
        assert_eq!(query().delete(&fixture.cluster).await.unwrap(), 1);
        assert!(!query().exists(&fixture.cluster).await.unwrap());
        for other in &others {
            let row = Order::on(*other).one(&fixture.cluster).await.unwrap();
            assert_eq!(row.quantity, 1);
        }
    }

    async fn or_filters_stay_within_the_shard_key(fixture: &Fixture) {
        let key = fixture.key();
        let other = fixture.neighbours(key, 1)[0];
        Order::insert_new(fixture, key, "tea").await;
        let theirs = Order::insert_new(fixture, other, "tea").await;
        let either = || Order::ITEM.eq("coffee").or(Order::ITEM.eq("tea"));
        let raw = || shard_orm::Filter::expr(shard_orm::sea_query::Expr::cust("1 = 0 OR 1 = 1"));
        assert_eq!(Order::on(key).filter(either()).count(&fixture.cluster).await.unwrap(), 1);
        assert_eq!(Order::on(key).filter(raw()).count(&fixture.cluster).await.unwrap(), 1);
        assert_eq!(Order::on(key).filter(raw()).delete(&fixture.cluster).await.unwrap(), 1);
        assert_eq!(theirs.reload(&fixture.cluster).await.unwrap(), theirs);
    }

    async fn exists_and_count_respect_limit_and_offset(fixture: &Fixture) {
        let key = fixture.key();
        for item in ["a", "b", "c"] {
            Order::insert_new(fixture, key, item).await;
        }
        let query = || Order::on(key);
        let on = &fixture.cluster;
        assert_eq!(query().count(on).await.unwrap(), 3);
        assert_eq!(query().limit(2).count(on).await.unwrap(), 2);
        assert_eq!(query().limit(5).count(on).await.unwrap(), 3);
        assert_eq!(query().limit(0).count(on).await.unwrap(), 0);
        assert_eq!(query().offset(2).count(on).await.unwrap(), 1);
        assert_eq!(query().offset(3).count(on).await.unwrap(), 0);
        assert_eq!(query().order_by(Order::ITEM).limit(2).offset(2).count(on).await.unwrap(), 1);
        assert!(query().exists(on).await.unwrap());
        assert!(query().offset(2).exists(on).await.unwrap());
        assert!(!query().offset(3).exists(on).await.unwrap());
        assert!(!query().limit(0).exists(on).await.unwrap());
        assert!(!query().filter(Order::ITEM.eq("d")).exists(on).await.unwrap());
        assert_eq!(query().limit(0).first(on).await.unwrap(), None);
    }

    async fn all_verbs_roll_back_with_their_transaction(fixture: &Fixture) {
        let key = fixture.key();
        let kept = Order::insert_new(fixture, key, "tea").await;
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        let order = Order::new(fixture, key, "coffee").insert(&tx).await.unwrap();
        assert_eq!(order.reload(&tx).await.unwrap(), order);
        assert_eq!(Order::on(key).count(&tx).await.unwrap(), 2);
        assert!(Order::on(key).exists(&tx).await.unwrap());
        Order { quantity: 5, ..order.clone() }.update(&tx).await.unwrap();
        Order { quantity: 6, ..order.clone() }.save(&tx).await.unwrap();
        assert_eq!(Order::get(&tx, key, order.id).await.unwrap().quantity, 6);
        kept.delete(&tx).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(Order::on(key).all(&fixture.cluster).await.unwrap(), [kept]);
    }

    async fn a_row_of_another_shard_is_refused_in_a_transaction(fixture: &Fixture) {
        let mut keys = fixture.key_of_each_shard();
        let key = keys.remove(0);
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        for other in keys {
            let row = Order::new(fixture, other, "tea");
            assert_eq!(kind(row.clone().insert(&tx).await), ErrorKind::CrossShard);
            assert_eq!(kind(Order::insert_many(&tx, vec![row]).await), ErrorKind::CrossShard);
            assert_eq!(kind(Order::on(other).all(&tx).await), ErrorKind::CrossShard);
            assert_eq!(kind(Order::on_each([key, other]).all(&tx).await), ErrorKind::CrossShard);
        }
        // The transaction has not suffered: nothing was sent.
        Order::new(fixture, key, "tea").insert(&tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(Order::on(key).count(&fixture.cluster).await.unwrap(), 1);
    }

    async fn for_update_is_refused_outside_a_transaction(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        let query = || Order::on(order.user_id).for_update();
        assert_eq!(kind(query().all(&fixture.cluster).await), ErrorKind::Unsupported);
        assert_eq!(kind(query().skip_locked().first(&fixture.cluster).await), ErrorKind::Unsupported);
        let read_only = TxOptions::new().read_only();
        let tx = fixture.cluster.begin_with(Order::shard(order.user_id), &read_only).await.unwrap();
        assert_eq!(kind(query().all(&tx).await), ErrorKind::Unsupported);
        tx.rollback().await.unwrap();
    }

    async fn skip_locked_skips_locked_rows(fixture: &Fixture) {
        let key = fixture.key();
        let locked = Order::insert_new(fixture, key, "locked").await;
        let free = Order::insert_new(fixture, key, "free").await;
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        let by_id = Order::on(key).filter(Order::ID.eq(locked.id)).for_update();
        assert_eq!(by_id.one(&tx).await.unwrap(), locked);
        if fixture.dialect != Dialect::Sqlite {
            // There another transaction that writes would wait for the whole file.
            let other = fixture.cluster.begin(Order::shard(key)).await.unwrap();
            let rows = Order::on(key).for_update().skip_locked().all(&other).await.unwrap();
            assert_eq!(rows, [free]);
            other.rollback().await.unwrap();
        }
        tx.commit().await.unwrap();
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        assert_eq!(Order::on(key).for_update().skip_locked().all(&tx).await.unwrap().len(), 2);
        tx.rollback().await.unwrap();
    }

    async fn for_update_locks_the_rows_of_several_keys(fixture: &Fixture) {
        let key = fixture.key();
        let locked = Order::insert_new(fixture, key, "locked").await;
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        assert_eq!(Order::on_each([key]).for_update().all(&tx).await.unwrap(), [locked]);
        if fixture.dialect != Dialect::Sqlite {
            let other = fixture.cluster.begin(Order::shard(key)).await.unwrap();
            let free = Order::on_each([key]).for_update().skip_locked().all(&other).await.unwrap();
            assert_eq!(free, []);
            other.rollback().await.unwrap();
        }
        tx.rollback().await.unwrap();
    }

    async fn errors_contain_no_values_of_the_row(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "a-secret-item").await;
        let error = order.insert(&fixture.cluster).await.unwrap_err();
        assert!(!error.to_string().contains("a-secret-item"), "{error}");
    }
}
