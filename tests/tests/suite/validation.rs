//! Rows that their model rejects.

use shard_orm::prelude::*;
use shard_orm::{
    Result,
    hooks::{Hooks, Problems, Validate, WriteContext},
};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders", validate, hooks)]
#[shard(unique(user_id, item))]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 64)]
    item: String,
    #[shard(column = "pieces")]
    quantity: i32,
}

impl Validate for Order {
    fn validate(&self, problems: &mut Problems<Self>) {
        problems.check(Self::ITEM, !self.item.is_empty(), "is missing");
        problems.check(Self::QUANTITY, self.quantity > 0, "must be 1 or more");
        if self.item == "nested" {
            problems.add_named("item.name[0]", "is not one");
        }
    }
}

impl Hooks for Order {
    async fn before_insert(&mut self, _: WriteContext<'_>) -> Result<()> {
        if self.quantity == -1 {
            self.quantity = 1;
        }
        Ok(())
    }

    async fn before_save(&self, _: WriteContext<'_>) -> Result<()> {
        Ok(())
    }
}

fn order(fixture: &Fixture, item: &str, quantity: i32) -> Order {
    Order {
        id: fixture.id(),
        user_id: fixture.key(),
        item: item.to_owned(),
        quantity,
    }
}

behaviours! { (Order);
    async fn validation_reports_all_problems_of_a_row(fixture: &Fixture) {
        let wrong = order(fixture, "", -7);
        let error = wrong.clone().insert(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!error.is_retryable());
        let [item, quantity] = error.fields() else { panic!("{error}") };
        assert!(item.is(Order::ITEM) && !item.is(Order::QUANTITY));
        assert_eq!((item.field(), item.message(), item.row()), ("item", "is missing", None));
        assert!(quantity.is(Order::QUANTITY));
        assert_eq!(quantity.to_string(), "pieces: must be 1 or more");
        assert_eq!(
            error.to_string(),
            "invalid: `Order` is not written: item: is missing; pieces: must be 1 or more"
        );
    }

    async fn no_verb_writes_an_invalid_row(fixture: &Fixture) {
        let by = (Order::USER_ID, Order::ITEM);
        let wrong = order(fixture, "tea", 0);
        let on = &fixture.cluster;
        assert_eq!(kind(wrong.clone().insert(on).await), ErrorKind::Invalid);
        assert_eq!(kind(wrong.save(on).await), ErrorKind::Invalid);
        assert_eq!(kind(wrong.upsert(on, by).await), ErrorKind::Invalid);
        assert_eq!(kind(wrong.upsert_only(on, by, Order::ITEM).await), ErrorKind::Invalid);
        assert_eq!(kind(wrong.clone().get_or_create(on, by).await), ErrorKind::Invalid);
        assert_eq!(kind(wrong.clone().update_or_create(on, by).await), ErrorKind::Invalid);
        assert_eq!(Order::on(wrong.user_id).count(on).await.unwrap(), 0);

        let right = Order { quantity: 1, ..wrong.clone() }.insert(on).await.unwrap();
        assert_eq!(kind(wrong.update(on).await), ErrorKind::Invalid);
        assert_eq!(kind(wrong.update_only(on, Order::QUANTITY).await), ErrorKind::Invalid);
        assert_eq!(right.reload(on).await.unwrap(), right);
        // A row that is there is given as it is.
        assert_eq!(wrong.get_or_create(on, by).await.unwrap(), (right, false));
    }

    async fn update_only_validates_the_named_columns(fixture: &Fixture) {
        let right = order(fixture, "tea", 1).insert(&fixture.cluster).await.unwrap();
        let wrong = Order { item: "milk".to_owned(), quantity: 0, ..right.clone() };
        wrong.update_only(&fixture.cluster, Order::ITEM).await.unwrap();
        let nested = Order { item: "nested".to_owned(), quantity: 2, ..right };
        nested.update_only(&fixture.cluster, Order::QUANTITY).await.unwrap();
        let error = nested.update_only(&fixture.cluster, Order::ITEM).await.unwrap_err();
        assert_eq!(error.fields()[0].field(), "item.name[0]");
        let stored = nested.reload(&fixture.cluster).await.unwrap();
        assert_eq!((stored.item.as_str(), stored.quantity), ("milk", 2));
    }

    async fn hooks_run_before_validation(fixture: &Fixture) {
        assert_eq!(order(fixture, "tea", -1).insert(&fixture.cluster).await.unwrap().quantity, 1);
        let many = vec![order(fixture, "tea", -1)];
        assert_eq!(Order::insert_many(&fixture.cluster, many).await.unwrap()[0].quantity, 1);
    }

    async fn insert_many_names_the_invalid_rows_and_writes_none(fixture: &Fixture) {
        let rows = vec![order(fixture, "tea", 1), order(fixture, "", 0), order(fixture, "tea", 2), order(fixture, "tea", 0)];
        let keys: Vec<i64> = rows.iter().map(|row| row.user_id).collect();
        let error = Order::insert_many(&fixture.cluster, rows).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let found: Vec<_> = error.fields().iter().map(|field| (field.row(), field.field())).collect();
        assert_eq!(found, [(Some(1), "item"), (Some(1), "pieces"), (Some(3), "pieces")]);
        assert!(error.to_string().contains("row 3, pieces: must be 1 or more"), "{error}");
        assert_eq!(Order::on_each(keys).count(&fixture.cluster).await.unwrap(), 0);
    }

    async fn the_list_of_validation_problems_is_limited(fixture: &Fixture) {
        let rows = (0..500).map(|_| order(fixture, "", 0)).collect();
        let error = Order::insert_many(&fixture.cluster, rows).await.unwrap_err();
        assert_eq!(error.fields().len(), 100);
    }

    async fn query_updates_are_not_validated(fixture: &Fixture) {
        let right = order(fixture, "tea", 1).insert(&fixture.cluster).await.unwrap();
        Order::on(right.user_id).set(Order::QUANTITY, 0).update(&fixture.cluster).await.unwrap();
        assert_eq!(right.reload(&fixture.cluster).await.unwrap().quantity, 0);
    }
}
