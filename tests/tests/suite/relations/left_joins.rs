//! Left joins.

use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use super::{Country, Customer, Invoice, Line, Order, Orders, Product};

behaviours! { (Customer, Order, Line, Product, Invoice, Country);
    async fn left_join_gives_none_without_a_partner(fixture: &Fixture) {
        let Orders { key, tea, coffee, empty, tea_lines: [green, black], coffee_line } = Orders::insert(fixture).await;
        let query = Order::on(key).left_join(Order::LINES).order_by(Order::ID).order_by(Line::ID);
        let rows: Vec<(Order, Option<Line>)> = query.clone().all(&fixture.cluster).await.unwrap();
        assert_eq!(
            rows,
            [
                (tea.clone(), Some(green)),
                (tea, Some(black)),
                (coffee, Some(coffee_line)),
                (empty, None),
            ]
        );
        assert_eq!(query.count(&fixture.cluster).await.unwrap(), 4);
    }

    async fn left_join_gives_a_partner_with_null_columns(fixture: &Fixture) {
        let Orders { key, tea_lines: [mut green, black], .. } = Orders::insert(fixture).await;
        let untitled = Product { id: fixture.id(), user_id: key, title: None }.insert(&fixture.cluster).await.unwrap();
        green.link(Line::PRODUCT, &untitled).unwrap();
        green.update(&fixture.cluster).await.unwrap();
        let rows = Line::on(key)
            .filter(Line::QUANTITY.ne(3))
            .left_join(Line::PRODUCT)
            .order_by(Line::ID)
            .all(&fixture.cluster)
            .await
            .unwrap();
        assert_eq!(rows, [(green, Some(untitled)), (black, None)]);
    }

    async fn left_join_does_not_nest_options(fixture: &Fixture) {
        let key = Orders::insert(fixture).await.key;
        let rows: Vec<(_, Option<String>, Option<i64>, Option<i32>)> = Order::on(key)
            .left_join(Order::LINES)
            .order_by(Order::ID)
            .order_by(Line::ID)
            .select((Order::ITEM, Line::SKU, Line::ORDER_ID, Line::QUANTITY))
            .all(&fixture.cluster)
            .await
            .unwrap();
        assert_eq!((rows[1].1.as_deref(), rows[1].3), (Some("black"), Some(5)));
        assert!(rows[1].2.is_some());
        assert_eq!(rows[3], ("empty".into(), None, None, None));
        let alone: Vec<Option<i32>> =
            Order::on(key).left_join(Order::LINES).select(Line::QUANTITY).all(&fixture.cluster).await.unwrap();
        assert_eq!(alone.iter().flatten().sum::<i32>(), 9);
    }

    async fn left_join_separates_join_conditions_from_filters(fixture: &Fixture) {
        let Orders { key, tea, coffee, empty, tea_lines: [_, black], .. } = Orders::insert(fixture).await;
        let many = Line::QUANTITY.gt(3);
        let all = Order::on(key).left_join(Order::LINES.filter(many.clone())).order_by(Order::ID);
        let rows = all.all(&fixture.cluster).await.unwrap();
        assert_eq!(rows, [(tea.clone(), Some(black.clone())), (coffee, None), (empty.clone(), None)]);
        let kept = Order::on(key).left_join(Order::LINES).filter(many);
        assert_eq!(kept.all(&fixture.cluster).await.unwrap(), [(tea, Some(black))]);
        // What is absent can be asked for.
        let without = Order::on(key).left_join(Order::LINES).filter(Line::ORDER_ID.is_null());
        assert_eq!(without.all(&fixture.cluster).await.unwrap(), [(empty, None)]);
    }

    async fn the_query_order_precedes_the_relation_order(fixture: &Fixture) {
        let Orders { key, .. } = Orders::insert(fixture).await;
        let skus: Vec<Option<String>> = Order::on(key)
            .order_by(Order::ID)
            .left_join(Order::LINES.order_by(Line::QUANTITY.desc()))
            .select(Line::SKU)
            .all(&fixture.cluster)
            .await
            .unwrap();
        assert_eq!(skus, [Some("black".into()), Some("green".into()), Some("beans".into()), None]);
    }

    async fn relations_of_an_absent_row_are_absent(fixture: &Fixture) {
        let Orders { key, tea_lines: [mut green, _], .. } = Orders::insert(fixture).await;
        let product = Product { id: fixture.id(), user_id: key, title: Some("Sencha".into()) };
        green.link(Line::PRODUCT, &product).unwrap();
        green.update(&fixture.cluster).await.unwrap();
        product.clone().insert(&fixture.cluster).await.unwrap();
        let rows: Vec<(Order, Option<Line>, Option<Product>)> = Order::on(key)
            .left_join(Order::LINES)
            .left_join(Line::PRODUCT)
            .order_by(Order::ID)
            .order_by(Line::ID)
            .all(&fixture.cluster)
            .await
            .unwrap();
        let products: Vec<Option<Product>> = rows.into_iter().map(|(_, _, product)| product).collect();
        assert_eq!(products, [Some(product), None, None, None]);
    }
}
