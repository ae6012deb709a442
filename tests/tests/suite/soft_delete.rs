//! Soft deletes, and the permanent deletion after them.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
#[shard(unique(user_id, item))]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 64)]
    item: String,
    quantity: i32,
    #[shard(updated_at)]
    updated: DateTime<Utc>,
    #[shard(soft_delete)]
    deleted_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "jobs")]
struct Job {
    #[shard(primary_key)]
    id: i64,
    #[shard(soft_delete)]
    ended: Option<time::OffsetDateTime>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "settings")]
struct Setting {
    #[shard(primary_key)]
    id: i64,
    #[shard(soft_delete)]
    gone: Option<chrono::NaiveDateTime>,
}

impl Order {
    async fn insert_new(fixture: &Fixture, user_id: i64, item: &str) -> Self {
        let order = Self {
            id: fixture.id(),
            user_id,
            item: item.to_owned(),
            quantity: 1,
            updated: DateTime::UNIX_EPOCH,
            deleted_at: None,
        };
        order.insert(&fixture.cluster).await.unwrap()
    }

    async fn insert_deleted(fixture: &Fixture, user_id: i64, item: &str) -> Self {
        let order = Self::insert_new(fixture, user_id, item).await;
        order.delete(&fixture.cluster).await.unwrap();
        order.stored(fixture).await.unwrap()
    }

    /// The row as it stands in the table, deleted or not.
    async fn stored(&self, fixture: &Fixture) -> Option<Self> {
        Self::on(self.user_id)
            .with_deleted()
            .filter(Self::ID.eq(self.id))
            .first(&fixture.cluster)
            .await
            .unwrap()
    }
}

fn is_of_a_deleted_row(outcome: shard_orm::Result<impl std::fmt::Debug>) -> bool {
    let error = outcome.unwrap_err();
    error.kind() == ErrorKind::Unique && error.to_string().contains("is soft-deleted")
}

behaviours! { (Order, Job, Setting);
    async fn reads_skip_soft_deleted_rows(fixture: &Fixture) {
        let key = fixture.key();
        let kept = Order::insert_new(fixture, key, "milk").await;
        let order = Order::insert_deleted(fixture, key, "tea").await;
        let on = &fixture.cluster;
        assert_eq!(Order::find(on, key, order.id).await.unwrap(), None);
        assert_eq!(kind(Order::get(on, key, order.id).await), ErrorKind::NotFound);
        let error = order.reload(on).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("or the row is soft-deleted: use `restore`"), "{error}");
        assert_eq!(Order::on(key).all(on).await.unwrap(), std::slice::from_ref(&kept));
        assert_eq!(Order::on_each([key]).all(on).await.unwrap(), std::slice::from_ref(&kept));
        assert_eq!(Order::on(key).count(on).await.unwrap(), 1);
        assert_eq!(Order::on(key).limit(9).count(on).await.unwrap(), 1);
        assert!(!Order::on(key).filter(Order::ID.eq(order.id)).exists(on).await.unwrap());
        assert_eq!(Order::on(key).order_by(Order::ID.desc()).first(on).await.unwrap(), Some(kept.clone()));
        assert_eq!(Order::on(key).select(Order::ITEM).all(on).await.unwrap(), ["milk"]);
        let streamed: Vec<Order> = Order::on(key).stream(on).try_collect().await.unwrap();
        assert_eq!(streamed, std::slice::from_ref(&kept));
        let page = Order::on(key).page(on, 5, None).await.unwrap();
        assert_eq!(page.rows, std::slice::from_ref(&kept));
        // A condition with OR does not let it in again.
        let either = Order::ITEM.eq("tea").or(Order::ITEM.eq("milk"));
        assert_eq!(Order::on(key).filter(either).all(on).await.unwrap(), [kept]);
    }

    async fn soft_delete_keeps_the_row_with_its_deletion_time(fixture: &Fixture) {
        let key = fixture.key();
        let order = Order::insert_new(fixture, key, "tea").await;
        let before = Utc::now() - std::time::Duration::from_millis(1);
        order.delete(&fixture.cluster).await.unwrap();
        let stored = order.stored(fixture).await.unwrap();
        let at = stored.deleted_at.unwrap();
        assert!(at >= before && at <= Utc::now(), "{at}");
        assert_eq!(stored.updated, at);
        assert_eq!(stored, Order { updated: at, deleted_at: Some(at), ..order });
        let on = &fixture.cluster;
        assert_eq!(Order::on(key).only_deleted().all(on).await.unwrap(), std::slice::from_ref(&stored));
        let kept = Order::insert_new(fixture, key, "milk").await;
        assert_eq!(Order::on(key).only_deleted().count(on).await.unwrap(), 1);
        let all = Order::on(key).with_deleted().order_by(Order::ID).all(on).await.unwrap();
        assert_eq!(all, [stored, kept]);
        // SQL of one's own sees what is there.
        let sql = Order::query().on_shard_of(key).sql("SELECT {orders.*} FROM {orders}");
        let rows: Vec<Order> = sql.all(on).await.unwrap();
        assert_eq!(rows.iter().filter(|row| row.user_id == key).count(), 2);
        let sql = Order::query().only_deleted().on_shard_of(key).sql("SELECT {orders.*} FROM {orders}");
        assert_eq!(kind(sql.all::<Order>(on).await), ErrorKind::Unsupported);
    }

    async fn a_second_delete_finds_no_row(fixture: &Fixture) {
        let order = Order::insert_deleted(fixture, fixture.key(), "tea").await;
        assert_eq!(kind(order.delete(&fixture.cluster).await), ErrorKind::NotFound);
        assert_eq!(Order::on(order.user_id).delete(&fixture.cluster).await.unwrap(), 0);
        let outcome = Order::on(order.user_id).with_deleted().delete(&fixture.cluster).await;
        assert_eq!(outcome.unwrap(), 0);
        let outcome = Order::on(order.user_id).only_deleted().delete(&fixture.cluster).await;
        assert_eq!(kind(outcome), ErrorKind::Unsupported);
        assert_eq!(order.stored(fixture).await, Some(order));
    }

    async fn updates_skip_soft_deleted_rows(fixture: &Fixture) {
        let order = Order::insert_deleted(fixture, fixture.key(), "tea").await;
        let on = &fixture.cluster;
        let changed = Order { quantity: 9, deleted_at: None, ..order.clone() };
        assert_eq!(kind(changed.update(on).await), ErrorKind::NotFound);
        assert_eq!(kind(changed.update_only(on, Order::QUANTITY).await), ErrorKind::NotFound);
        let outcome = Order::on(order.user_id).set(Order::QUANTITY, 9).update(on).await;
        assert_eq!(outcome.unwrap(), 0);
        assert_eq!(order.stored(fixture).await, Some(order.clone()));
        let outcome = Order::on(order.user_id).with_deleted().set(Order::QUANTITY, 9).update(on).await;
        assert_eq!(outcome.unwrap(), 1);
        assert_eq!(order.stored(fixture).await.unwrap().quantity, 9);
    }

    async fn an_update_does_not_change_the_deletion_time(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        let marked = Order { deleted_at: Some(Utc::now()), quantity: 3, ..order.clone() };
        marked.update(&fixture.cluster).await.unwrap();
        assert_eq!(order.reload(&fixture.cluster).await.unwrap().quantity, 3);
        marked.save(&fixture.cluster).await.unwrap();
        assert_eq!(order.reload(&fixture.cluster).await.unwrap().deleted_at, None);
        let outcome = marked.update_only(&fixture.cluster, Order::DELETED_AT).await;
        assert_eq!(kind(outcome), ErrorKind::Unsupported);
    }

    async fn restore_brings_a_row_back(fixture: &Fixture) {
        let order = Order::insert_deleted(fixture, fixture.key(), "tea").await;
        order.restore(&fixture.cluster).await.unwrap();
        let back = order.reload(&fixture.cluster).await.unwrap();
        assert_eq!((back.deleted_at, back.quantity), (None, 1));
        assert!(back.updated >= order.updated);
        assert_eq!(kind(order.restore(&fixture.cluster).await), ErrorKind::NotFound);
        let absent = Order { id: fixture.id(), ..order };
        assert_eq!(kind(absent.restore(&fixture.cluster).await), ErrorKind::NotFound);
    }

    async fn force_delete_removes_the_row(fixture: &Fixture) {
        let key = fixture.key();
        let deleted = Order::insert_deleted(fixture, key, "tea").await;
        let kept = Order::insert_new(fixture, key, "milk").await;
        for order in [deleted, kept] {
            order.force_delete(&fixture.cluster).await.unwrap();
            assert_eq!(order.stored(fixture).await, None);
            assert_eq!(kind(order.force_delete(&fixture.cluster).await), ErrorKind::NotFound);
        }
    }

    async fn queries_soft_delete_restore_and_force_delete(fixture: &Fixture) {
        let key = fixture.key();
        let early = Order::insert_deleted(fixture, key, "early").await;
        let late = Order::insert_new(fixture, key, "late").await;
        let on = &fixture.cluster;
        assert_eq!(Order::on(key).delete(on).await.unwrap(), 1);
        assert_eq!(early.stored(fixture).await.unwrap().deleted_at, early.deleted_at);
        assert!(late.stored(fixture).await.unwrap().deleted_at.is_some());
        assert_eq!(Order::on(key).filter(Order::ITEM.eq("late")).restore(on).await.unwrap(), 1);
        assert_eq!(late.stored(fixture).await.unwrap().deleted_at, None);
        assert_eq!(early.stored(fixture).await, Some(early.clone()));

        // Deleted rows go when they are named.
        assert_eq!(Order::on(key).only_deleted().force_delete(on).await.unwrap(), 1);
        assert_eq!(early.stored(fixture).await, None);
        let again = Order::insert_deleted(fixture, key, "early").await;
        assert_eq!(Order::on(key).force_delete(on).await.unwrap(), 1);
        assert_eq!((late.stored(fixture).await, again.stored(fixture).await.is_some()), (None, true));
        assert_eq!(Order::on(key).with_deleted().force_delete(on).await.unwrap(), 1);
        assert_eq!(Order::on(key).with_deleted().count(on).await.unwrap(), 0);
    }

    async fn a_conflicting_write_leaves_a_soft_deleted_row_deleted(fixture: &Fixture) {
        let order = Order::insert_deleted(fixture, fixture.key(), "tea").await;
        let by = (Order::USER_ID, Order::ITEM);
        let same = Order { quantity: 9, deleted_at: None, ..order.clone() };
        let other = Order { id: fixture.id(), ..same.clone() };
        let on = &fixture.cluster;
        assert!(is_of_a_deleted_row(same.save(on).await));
        assert!(is_of_a_deleted_row(other.upsert(on, by).await));
        assert!(is_of_a_deleted_row(other.upsert_only(on, by, Order::QUANTITY).await));
        assert!(is_of_a_deleted_row(other.clone().get_or_create(on, by).await));
        assert!(is_of_a_deleted_row(other.clone().update_or_create(on, by).await));
        assert_eq!(kind(other.insert(on).await), ErrorKind::Unique);
        assert_eq!(order.stored(fixture).await, Some(order.clone()));

        let tx = on.begin(Order::shard(order.user_id)).await.unwrap();
        assert!(is_of_a_deleted_row(same.save(&tx).await));
        tx.rollback().await.unwrap();
    }

    async fn a_conflict_with_another_shard_key_is_not_reported_as_soft_deleted(fixture: &Fixture) {
        let key = fixture.key();
        let order = Order::insert_new(fixture, key, "tea").await;
        let neighbour = Order { user_id: fixture.neighbours(key, 1)[0], ..order.clone() };
        let error = neighbour.save(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unique);
        assert!(error.to_string().contains("has another shard key"), "{error}");
        assert_eq!(order.stored(fixture).await, Some(order));
    }

    async fn upserts_work_on_rows_that_are_not_deleted(fixture: &Fixture) {
        let order = Order::insert_new(fixture, fixture.key(), "tea").await;
        let by = (Order::USER_ID, Order::ITEM);
        let on = &fixture.cluster;
        Order { quantity: 2, ..order.clone() }.save(on).await.unwrap();
        assert_eq!(order.reload(on).await.unwrap().quantity, 2);
        Order { quantity: 3, ..order.clone() }.upsert(on, by).await.unwrap();
        assert_eq!(order.reload(on).await.unwrap().quantity, 3);
        let (found, created) = order.clone().get_or_create(on, by).await.unwrap();
        assert_eq!((found.quantity, created), (3, false));
        let (found, created) = Order { quantity: 4, ..order }.update_or_create(on, by).await.unwrap();
        assert_eq!((found.quantity, created), (4, false));
    }

    async fn soft_delete_works_without_a_shard_key(fixture: &Fixture) {
        let on = &fixture.cluster;
        let shard = fixture.logical_shards - 1;
        let job = Job { id: fixture.id(), ended: None }.insert(on, shard).await.unwrap();
        job.delete(on, shard).await.unwrap();
        assert_eq!(Job::find(on, shard, job.id).await.unwrap(), None);
        let stored = Job::on(shard).only_deleted().filter(Job::ID.eq(job.id)).one(on).await.unwrap();
        assert!(stored.ended.is_some());
        job.restore(on, shard).await.unwrap();
        assert_eq!(Job::get(on, shard, job.id).await.unwrap(), job);
        job.force_delete(on, shard).await.unwrap();

        let setting = Setting { id: fixture.id(), gone: None }.insert(on).await.unwrap();
        setting.delete(on).await.unwrap();
        assert_eq!(Setting::query().filter(Setting::ID.eq(setting.id)).first(on).await.unwrap(), None);
        setting.restore(on).await.unwrap();
        setting.force_delete(on).await.unwrap();
        assert_eq!(kind(setting.restore(on).await), ErrorKind::NotFound);
    }
}
