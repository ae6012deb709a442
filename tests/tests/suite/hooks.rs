//! Hooks around the writes of rows.

use std::error::Error as _;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use shard_orm::prelude::*;
use shard_orm::{
    Error, Result,
    hooks::{Hooks, WriteContext},
};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders", hooks)]
#[shard(unique(user_id, code))]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 64)]
    code: String,
    item: String,
    #[shard(created_at)]
    created: DateTime<Utc>,
}

/// What the hooks of an order have written down, in their order.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "entries")]
struct Entry {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    order_id: i64,
    hook: String,
}

/// A model that guards its inserts and forgets `save`.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "guarded", hooks)]
struct Guarded {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

impl Hooks for Guarded {
    async fn before_insert(&mut self, _: WriteContext<'_>) -> Result<()> {
        Err(refused())
    }
}

/// The rows of a logical shard, told where they are written.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "jobs", hooks)]
struct Job {
    #[shard(primary_key)]
    id: i64,
    shard: i64,
    in_transaction: bool,
}

impl Hooks for Job {
    async fn before_insert(&mut self, on: WriteContext<'_>) -> Result<()> {
        self.shard = i64::from(on.shard());
        self.in_transaction = on.transaction().is_some();
        Ok(())
    }

    async fn after_insert(&self, on: WriteContext<'_>) -> Result<()> {
        // Read by the hook of its own insert, on the same logical shard.
        assert_eq!(Self::get(on, on.shard(), self.id).await?, *self);
        Ok(())
    }
}

fn refused() -> Error {
    Error::new(ErrorKind::Check, "the hook refuses it")
}

impl Order {
    fn new(fixture: &Fixture, user_id: i64, item: &str) -> Self {
        let id = fixture.id();
        Self {
            id,
            user_id,
            code: id.to_string(),
            item: item.to_owned(),
            created: DateTime::UNIX_EPOCH,
        }
    }

    /// Writes down that a hook ran, and fails when the item says so.
    async fn enter(&self, on: WriteContext<'_>, hook: &str) -> Result<()> {
        static NEXT: AtomicI64 = AtomicI64::new(1);
        let entry = Entry {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            user_id: self.user_id,
            order_id: self.id,
            hook: hook.to_owned(),
        };
        entry.insert(on).await?;
        if self.item == format!("fail {hook}") {
            return Err(refused());
        }
        Ok(())
    }

    /// The hooks that have run for this order, and whose writes are there.
    async fn entered(&self, fixture: &Fixture) -> Vec<String> {
        Entry::on(self.user_id)
            .filter(Entry::ORDER_ID.eq(self.id))
            .order_by(Entry::ID)
            .select(Entry::HOOK)
            .all(&fixture.cluster)
            .await
            .unwrap()
    }

    async fn find_it(&self, fixture: &Fixture) -> Option<Self> {
        Self::find(&fixture.cluster, self.user_id, self.id)
            .await
            .unwrap()
    }
}

impl Hooks for Order {
    async fn before_insert(&mut self, on: WriteContext<'_>) -> Result<()> {
        if self.item == "of another user" {
            self.user_id += 1;
        }
        self.item = self.item.trim().to_owned();
        self.enter(on, "before_insert").await
    }

    async fn after_insert(&self, on: WriteContext<'_>) -> Result<()> {
        self.enter(on, "after_insert").await
    }

    async fn before_update(&self, on: WriteContext<'_>) -> Result<()> {
        self.enter(on, "before_update").await
    }

    async fn after_update(&self, on: WriteContext<'_>) -> Result<()> {
        self.enter(on, "after_update").await
    }

    async fn before_save(&self, on: WriteContext<'_>) -> Result<()> {
        self.enter(on, "before_save").await
    }

    async fn after_save(&self, on: WriteContext<'_>) -> Result<()> {
        self.enter(on, "after_save").await
    }

    async fn before_delete(&self, on: WriteContext<'_>) -> Result<()> {
        self.enter(on, "before_delete").await
    }

    async fn after_delete(&self, on: WriteContext<'_>) -> Result<()> {
        self.enter(on, "after_delete").await
    }
}

const INSERT: [&str; 2] = ["before_insert", "after_insert"];
const SAVE: [&str; 2] = ["before_save", "after_save"];

behaviours! { (Order, Entry, Guarded, Job);
    async fn each_verb_calls_its_hooks_in_order(fixture: &Fixture) {
        let order = Order::new(fixture, fixture.key(), "tea").insert(&fixture.cluster).await.unwrap();
        assert_eq!(order.entered(fixture).await, INSERT);
        order.update(&fixture.cluster).await.unwrap();
        order.update_only(&fixture.cluster, Order::ITEM).await.unwrap();
        order.delete(&fixture.cluster).await.unwrap();
        assert_eq!(order.entered(fixture).await, [
            "before_insert", "after_insert", "before_update", "after_update", "before_update",
            "after_update", "before_delete", "after_delete",
        ]);
    }

    async fn upserts_call_the_save_hooks(fixture: &Fixture) {
        let by = (Order::USER_ID, Order::CODE);
        // Each of them twice: where the row is not there yet, and where it is.
        let saved = Order::new(fixture, fixture.key(), "tea");
        saved.save(&fixture.cluster).await.unwrap();
        saved.save(&fixture.cluster).await.unwrap();
        let upserted = Order::new(fixture, fixture.key(), "tea");
        upserted.upsert(&fixture.cluster, by).await.unwrap();
        upserted.upsert_only(&fixture.cluster, by, Order::ITEM).await.unwrap();
        let created = Order::new(fixture, fixture.key(), "tea");
        assert!(created.clone().update_or_create(&fixture.cluster, by).await.unwrap().1);
        assert!(!created.clone().update_or_create(&fixture.cluster, by).await.unwrap().1);
        for order in [saved, upserted, created] {
            assert_eq!(order.entered(fixture).await, [SAVE, SAVE].concat());
        }
    }

    async fn get_or_create_calls_hooks_when_it_inserts(fixture: &Fixture) {
        let order = Order::new(fixture, fixture.key(), " tea ");
        let by = (Order::USER_ID, Order::CODE);
        let (created, inserted) = order.clone().get_or_create(&fixture.cluster, by).await.unwrap();
        assert_eq!((created.item.as_str(), inserted), ("tea", true));
        assert!(created.created > DateTime::UNIX_EPOCH);
        assert_eq!(order.entered(fixture).await, INSERT);
        let (found, inserted) = order.clone().get_or_create(&fixture.cluster, by).await.unwrap();
        assert_eq!((found, inserted), (created, false));
        assert_eq!(order.entered(fixture).await, INSERT);
    }

    async fn query_updates_and_deletes_call_no_hooks(fixture: &Fixture) {
        let order = Order::new(fixture, fixture.key(), "tea").insert(&fixture.cluster).await.unwrap();
        Order::on(order.user_id).set(Order::ITEM, "milk").update(&fixture.cluster).await.unwrap();
        Order::on(order.user_id).delete(&fixture.cluster).await.unwrap();
        assert_eq!(order.entered(fixture).await, INSERT);
    }

    async fn before_hooks_change_the_row(fixture: &Fixture) {
        let order = Order::new(fixture, fixture.key(), " tea ").insert(&fixture.cluster).await.unwrap();
        assert_eq!(order.item, "tea");
        assert_eq!(order.find_it(fixture).await, Some(order));
        let orders = vec![Order::new(fixture, fixture.key(), " milk ")];
        let orders = Order::insert_many(&fixture.cluster, orders).await.unwrap();
        assert_eq!(orders[0].item, "milk");
        assert_eq!(orders[0].find_it(fixture).await.as_ref(), Some(&orders[0]));
    }

    async fn a_shard_key_set_by_a_hook_routes_the_row(fixture: &Fixture) {
        for key in fixture.key_of_each_shard() {
            let one = Order::new(fixture, key, "of another user").insert(&fixture.cluster).await.unwrap();
            assert_eq!(one.user_id, key + 1);
            assert_eq!(one.find_it(fixture).await, Some(one));
            let many = vec![Order::new(fixture, key, "of another user")];
            let many = Order::insert_many(&fixture.cluster, many).await.unwrap();
            assert_eq!(many[0].find_it(fixture).await.as_ref(), Some(&many[0]));
            let by = (Order::USER_ID, Order::CODE);
            let order = Order::new(fixture, key, "of another user");
            let (created, _) = order.get_or_create(&fixture.cluster, by).await.unwrap();
            assert_eq!(created.find_it(fixture).await, Some(created));
        }
    }

    async fn a_failing_before_hook_prevents_the_write(fixture: &Fixture) {
        let order = Order::new(fixture, fixture.key(), "fail before_insert");
        assert_eq!(kind(order.clone().insert(&fixture.cluster).await), ErrorKind::Check);
        assert_eq!(order.find_it(fixture).await, None);
        // Outside of a transaction, what the hook has written is there at once.
        assert_eq!(order.entered(fixture).await, ["before_insert"]);

        let order = Order::new(fixture, fixture.key(), "tea").insert(&fixture.cluster).await.unwrap();
        let changed = |item: &str| Order { item: item.to_owned(), ..order.clone() };
        assert_eq!(kind(changed("fail before_update").update(&fixture.cluster).await), ErrorKind::Check);
        assert_eq!(kind(changed("fail before_save").save(&fixture.cluster).await), ErrorKind::Check);
        assert_eq!(kind(changed("fail before_delete").delete(&fixture.cluster).await), ErrorKind::Check);
        assert_eq!(order.find_it(fixture).await, Some(order));
    }

    async fn a_failing_after_hook_reports_that_the_row_is_written(fixture: &Fixture) {
        let order = Order::new(fixture, fixture.key(), "fail after_insert");
        let error = order.clone().insert(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AfterHook);
        assert!(!error.is_retryable());
        assert_eq!(error.shard().unwrap().shard, fixture.shard_of(order.user_id));
        let source = error.source().unwrap().downcast_ref::<Error>().unwrap();
        assert_eq!(source.kind(), ErrorKind::Check);
        assert!(error.to_string().contains("`after_insert` of `Order` failed: the hook refuses it"), "{error}");
        assert!(order.find_it(fixture).await.is_some());

        let changed = |item: &str| Order { item: item.to_owned(), ..order.clone() };
        assert_eq!(kind(changed("fail after_update").update(&fixture.cluster).await), ErrorKind::AfterHook);
        assert_eq!(kind(changed("fail after_save").save(&fixture.cluster).await), ErrorKind::AfterHook);
        assert_eq!(order.find_it(fixture).await.unwrap().item, "fail after_save");
        assert_eq!(kind(changed("fail after_delete").delete(&fixture.cluster).await), ErrorKind::AfterHook);
        assert_eq!(order.find_it(fixture).await, None);
    }

    async fn hooks_write_in_the_transaction_of_their_row(fixture: &Fixture) {
        let key = fixture.key();
        let order = Order::new(fixture, key, "tea");
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        order.clone().insert(&tx).await.unwrap();
        assert_eq!(Entry::on(key).count(&tx).await.unwrap(), 2);
        tx.rollback().await.unwrap();
        assert_eq!(order.entered(fixture).await, [""; 0]);

        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        order.clone().insert(&tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(order.entered(fixture).await, INSERT);
    }

    async fn a_failing_hook_in_a_transaction_returns_its_own_error(fixture: &Fixture) {
        let key = fixture.key();
        let order = Order::new(fixture, key, "fail after_insert");
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        assert_eq!(kind(order.clone().insert(&tx).await), ErrorKind::Check);
        tx.rollback().await.unwrap();
        assert_eq!(order.find_it(fixture).await, None);
        assert_eq!(order.entered(fixture).await, [""; 0]);
    }

    async fn insert_many_calls_hooks_for_each_row(fixture: &Fixture) {
        let orders: Vec<Order> = (0..12).map(|_| Order::new(fixture, fixture.key(), "tea")).collect();
        let orders = Order::insert_many(&fixture.cluster, orders).await.unwrap();
        for order in orders {
            assert_eq!(order.entered(fixture).await, INSERT);
        }
    }

    async fn insert_many_skips_after_hooks_for_failed_rows(fixture: &Fixture) {
        let taken = Order::new(fixture, fixture.key(), "tea").insert(&fixture.cluster).await.unwrap();
        let other = Order::new(fixture, fixture.key(), "tea");
        let here = fixture.shard_of(taken.user_id) == fixture.shard_of(other.user_id);
        let again = Order { code: "again".to_owned(), ..taken.clone() };
        let error = Order::insert_many(&fixture.cluster, vec![again, other.clone()]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unique);
        assert_eq!(taken.entered(fixture).await, ["before_insert", "after_insert", "before_insert"]);
        let expected: &[&str] = if here { &INSERT[..1] } else { &INSERT };
        assert_eq!(other.entered(fixture).await, expected);
    }

    async fn insert_many_runs_the_other_hooks_after_a_failing_one(fixture: &Fixture) {
        let orders: Vec<Order> = ["tea", "fail after_insert", "milk"]
            .into_iter()
            .map(|item| Order::new(fixture, fixture.key(), item))
            .collect();
        assert_eq!(kind(Order::insert_many(&fixture.cluster, orders.clone()).await), ErrorKind::AfterHook);
        for order in orders {
            assert!(order.find_it(fixture).await.is_some());
            assert_eq!(order.entered(fixture).await, INSERT);
        }
    }

    async fn every_verb_calls_the_general_hooks(fixture: &Fixture) {
        let guarded = Guarded { id: fixture.id(), user_id: fixture.key() };
        assert_eq!(kind(guarded.clone().insert(&fixture.cluster).await), ErrorKind::Check);
        let error = guarded.save(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("`before_save` for `Guarded`"), "{error}");
        assert_eq!(kind(guarded.upsert(&fixture.cluster, Guarded::ID).await), ErrorKind::Unsupported);
        let outcome = guarded.clone().update_or_create(&fixture.cluster, Guarded::ID).await;
        assert_eq!(kind(outcome), ErrorKind::Unsupported);
        assert_eq!(Guarded::on(guarded.user_id).count(&fixture.cluster).await.unwrap(), 0);
    }

    async fn hooks_know_the_shard_of_their_row(fixture: &Fixture) {
        for shard in [0, fixture.logical_shards - 1] {
            let job = Job { id: fixture.id(), shard: -1, in_transaction: true };
            let job = job.insert(&fixture.cluster, shard).await.unwrap();
            assert_eq!((job.shard, job.in_transaction), (i64::from(shard), false));

            let tx = fixture.cluster.begin(Job::shard(shard)).await.unwrap();
            let job = Job { id: fixture.id(), shard: -1, in_transaction: false };
            let job = job.insert(&tx, shard).await.unwrap();
            assert_eq!((job.shard, job.in_transaction), (i64::from(shard), true));
            tx.commit().await.unwrap();
        }
    }
}
