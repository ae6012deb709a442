//! Inner joins.

use futures_util::TryStreamExt as _;
use sea_query::{Alias, Expr, ExprTrait as _, Func};
use shard_orm::prelude::*;
use shard_orm::{Filter, sea_query};
use shard_orm_tests::behaviours;

use super::counted::counted;
use super::{Country, Customer, Invoice, Line, Order, Orders, Product, invoice};
use crate::kind;

behaviours! { (Customer, Order, Line, Product, Invoice, Country);
    async fn a_join_gives_a_row_for_each_pair(fixture: &Fixture) {
        let Orders { key, tea, coffee, tea_lines: [green, black], coffee_line, .. } = Orders::insert(fixture).await;
        let query = Order::on(key).join(Order::LINES).order_by(Line::ID);
        let (pairs, sent) = counted(query.all(&fixture.cluster)).await;
        assert_eq!(pairs.unwrap(), [(tea.clone(), green), (tea, black), (coffee.clone(), coffee_line.clone())]);
        assert_eq!(sent.len(), 1);
        // From the other side.
        let other = Line::on(key).filter(Line::SKU.eq("beans")).join(Line::ORDER);
        assert_eq!(other.one(&fixture.cluster).await.unwrap(), (coffee_line, coffee));
    }

    async fn joins_filter_and_order_by_every_joined_model(fixture: &Fixture) {
        let Orders { key, tea, coffee, tea_lines: [_, black], coffee_line, .. } = Orders::insert(fixture).await;
        let pairs = Order::on(key)
            .filter(Order::ITEM.ne("empty"))
            .join(Order::LINES)
            .filter(Line::QUANTITY.gt(1) & Line::SKU.is_in(["black", "beans", "green"]))
            .filter(Order::ITEM.like("%e%").or(Order::COUNTRY_CODE.is_not_null()))
            .order_by(Order::ITEM)
            .order_by(Line::QUANTITY.desc())
            .all(&fixture.cluster)
            .await
            .unwrap();
        assert_eq!(pairs, [(coffee, coffee_line), (tea, black)]);
    }

    async fn joins_take_limits_counts_and_streams(fixture: &Fixture) {
        let Orders { key, tea, tea_lines: [green, black], .. } = Orders::insert(fixture).await;
        let query = || Order::on(key).join(Order::LINES).order_by(Line::ID);
        let cluster = &fixture.cluster;
        let second = query().offset(1).limit(1).all(cluster).await.unwrap();
        assert_eq!(second, [(tea.clone(), black)]);
        assert_eq!(query().offset(2).all(cluster).await.unwrap().len(), 1);
        assert_eq!(query().first(cluster).await.unwrap(), Some((tea, green)));
        assert_eq!(query().count(cluster).await.unwrap(), 3);
        assert_eq!(query().limit(2).count(cluster).await.unwrap(), 2);
        assert_eq!(query().offset(2).count(cluster).await.unwrap(), 1);
        assert!(query().filter(Line::SKU.eq("beans")).exists(cluster).await.unwrap());
        assert!(!query().filter(Line::SKU.eq("milk")).exists(cluster).await.unwrap());
        assert!(!query().offset(3).exists(cluster).await.unwrap());
        let none = query().filter(Line::SKU.eq("milk"));
        assert_eq!(kind(none.one(cluster).await), ErrorKind::NotFound);
        let streamed: Vec<(Order, Line)> = query().stream(cluster).try_collect().await.unwrap();
        assert_eq!(streamed, query().all(cluster).await.unwrap());
    }

    async fn joins_select_columns_of_several_models(fixture: &Fixture) {
        let key = Orders::insert(fixture).await.key;
        let query = Order::on(key).join(Order::LINES).order_by(Line::ID);
        let picked = query.clone().select((Line::SKU, Order::ITEM, Line::QUANTITY));
        let rows: Vec<(String, String, i32)> = picked.all(&fixture.cluster).await.unwrap();
        assert_eq!(rows[1], ("black".into(), "tea".into(), 5));
        // Nullable stays nullable, once.
        let codes: Vec<Option<String>> = query.select(Order::COUNTRY_CODE).all(&fixture.cluster).await.unwrap();
        assert_eq!(codes, [None, None, None]);
    }

    async fn joins_chain_from_a_joined_model(fixture: &Fixture) {
        let Orders { key, tea, tea_lines: [green, mut black], .. } = Orders::insert(fixture).await;
        let product = Product { id: fixture.id(), user_id: key, title: Some("Assam".into()) };
        black.link(Line::PRODUCT, &product).unwrap();
        black.update(&fixture.cluster).await.unwrap();
        product.clone().insert(&fixture.cluster).await.unwrap();
        let paid = invoice(fixture, &tea, 900).insert(&fixture.cluster).await.unwrap();
        let three = Order::on(key).join(Order::LINES).join(Line::PRODUCT);
        let found = three.clone().filter(Product::TITLE.eq("Assam")).all(&fixture.cluster).await.unwrap();
        assert_eq!(found, [(tea.clone(), black.clone(), product.clone())]);
        // And once more from the first.
        let four = three.join(Order::INVOICE).order_by(Product::TITLE);
        assert_eq!(four.all(&fixture.cluster).await.unwrap(), [(tea, black, product, paid)]);
        assert_eq!(green.product_id, 0);
    }

    async fn joins_work_on_relations_by_the_shard_key_alone(fixture: &Fixture) {
        let Orders { key, tea, .. } = Orders::insert(fixture).await;
        let ada = Customer { user_id: key, name: "Ada".into() }.insert(&fixture.cluster).await.unwrap();
        let query = Customer::on(key).join(Customer::ORDERS).filter(Order::ITEM.eq("tea"));
        assert_eq!(query.all(&fixture.cluster).await.unwrap(), [(ada.clone(), tea.clone())]);
        let back = Order::on(key).join(Order::CUSTOMER).filter(Order::ID.eq(tea.id));
        assert_eq!(back.all(&fixture.cluster).await.unwrap(), [(tea, ada)]);
    }

    async fn joins_of_several_keys_pair_rows_of_equal_keys(fixture: &Fixture) {
        let key = fixture.key();
        let (first, second) = (Orders::insert(fixture).await, Orders::insert_of(fixture, fixture.neighbours(key, 1)[0]).await);
        let query = Order::on_each([first.key, second.key]).join(Order::LINES).filter(Line::SKU.eq("beans"));
        let mut found = query.clone().all(&fixture.cluster).await.unwrap();
        found.sort_by_key(|(order, _)| order.id);
        let expected = [(first.coffee, first.coffee_line), (second.coffee.clone(), second.coffee_line.clone())];
        assert_eq!(found, expected);
        assert_eq!(query.clone().count(&fixture.cluster).await.unwrap(), 2);
        let last = query.order_by(Order::ID.desc()).limit(1).all(&fixture.cluster).await.unwrap();
        assert_eq!(last, [(second.coffee, second.coffee_line)]);
    }

    async fn joins_cover_a_whole_logical_shard(fixture: &Fixture) {
        let first = Orders::insert(fixture).await;
        let second = Orders::insert_of(fixture, fixture.neighbours(first.key, 1)[0]).await;
        let mut found = Order::on_shard(fixture.shard_of(first.key))
            .join(Order::LINES)
            .filter(Line::SKU.eq("beans") & Line::USER_ID.is_in([first.key, second.key]))
            .all(&fixture.cluster)
            .await
            .unwrap();
        found.sort_by_key(|(order, _)| order.id);
        assert_eq!(found, [(first.coffee, first.coffee_line), (second.coffee, second.coffee_line)]);
    }

    async fn an_unscoped_query_can_be_joined(fixture: &Fixture) {
        let Orders { key, .. } = Orders::insert(fixture).await;
        let draft = Order::query().join(Order::LINES).filter(Line::QUANTITY.gt(1));
        assert_eq!(draft.clone().on(key).count(&fixture.cluster).await.unwrap(), 2);
        assert_eq!(draft.on_each([key, fixture.key()]).count(&fixture.cluster).await.unwrap(), 2);
    }

    async fn joins_see_uncommitted_rows_of_their_transaction(fixture: &Fixture) {
        let Orders { key, empty, .. } = Orders::insert(fixture).await;
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        super::line(fixture, &empty, "new", 1).insert(&tx).await.unwrap();
        assert_eq!(Order::on(key).join(Order::LINES).count(&tx).await.unwrap(), 4);
        let elsewhere = fixture.key_of_each_shard().into_iter().find(|other| fixture.shard_of(*other) != fixture.shard_of(key));
        if let Some(other) = elsewhere {
            assert_eq!(kind(Order::on(other).join(Order::LINES).all(&tx).await), ErrorKind::CrossShard);
        }
        tx.rollback().await.unwrap();
        assert_eq!(Order::on(key).join(Order::LINES).count(&fixture.cluster).await.unwrap(), 3);
    }

    async fn join_expressions_name_columns_of_every_model(fixture: &Fixture) {
        let key = Orders::insert(fixture).await.key;
        let query = Order::on(key).join(Order::LINES);
        // `id` and `user_id` are columns of both tables.
        let own = Filter::<Line>::expr(Func::lower(Expr::col("sku")).eq("beans").and(Expr::col("id").gt(0_i64)));
        assert_eq!(query.clone().filter(own).count(&fixture.cluster).await.unwrap(), 1);
        let between = Expr::col("id").gt(Expr::col((Alias::new("orders"), Alias::new("id"))));
        assert_eq!(query.clone().filter(Filter::<Line>::expr(between.clone())).count(&fixture.cluster).await.unwrap(), 3);
        let none = query.filter(Filter::<Line>::expr(between.not()));
        assert_eq!(none.count(&fixture.cluster).await.unwrap(), 0);
    }

    async fn a_join_takes_no_lock(fixture: &Fixture) {
        let key = fixture.key();
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        let locking = Order::on(key).for_update().join(Order::LINES);
        assert_eq!(kind(locking.all(&tx).await), ErrorKind::Unsupported);
        tx.rollback().await.unwrap();
    }
}
