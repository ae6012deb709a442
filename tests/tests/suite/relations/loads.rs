//! Loads of the related rows of one row, and of many.

use std::collections::BTreeSet;

use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use super::counted::{counted, tables};
use super::{Country, Customer, Invoice, Line, Order, Orders, Product, invoice, line, order};

behaviours! { (Customer, Order, Line, Product, Invoice, Country);
    async fn related_rows_can_be_queried(fixture: &Fixture) {
        let orders = Orders::insert(fixture).await;
        let lines = orders.tea.related(Order::LINES).order_by(Line::ID).all(&fixture.cluster).await.unwrap();
        assert_eq!(lines, orders.tea_lines);
        let of_five = orders.tea.related(Order::LINES).filter(Line::QUANTITY.ge(5));
        assert_eq!(of_five.clone().one(&fixture.cluster).await.unwrap(), orders.tea_lines[1]);
        assert_eq!(of_five.set(Line::QUANTITY, 6).update(&fixture.cluster).await.unwrap(), 1);
        assert_eq!(orders.empty.related(Order::LINES).count(&fixture.cluster).await.unwrap(), 0);
        let parent = orders.coffee_line.related(Line::ORDER).first(&fixture.cluster).await.unwrap();
        assert_eq!(parent, Some(orders.coffee));
    }

    async fn a_none_field_has_no_related_row(fixture: &Fixture) {
        let mut lost = line(fixture, &order(fixture, fixture.key(), "tea"), "x", 1);
        lost.order_id = None;
        let lost = lost.insert(&fixture.cluster).await.unwrap();
        assert_eq!(lost.related(Line::ORDER).all(&fixture.cluster).await.unwrap(), []);
        let (loaded, sent) = counted(Line::ORDER.load(&fixture.cluster, &[lost])).await;
        assert_eq!((loaded.unwrap(), sent), (vec![None], vec![]));
    }

    async fn relations_do_not_cross_shard_keys(fixture: &Fixture) {
        let theirs = Orders::insert(fixture).await;
        // In the same logical shard, with the id of the other's order.
        let key = fixture.neighbours(theirs.key, 1)[0];
        let mut tampered = line(fixture, &theirs.tea, "stolen", 1);
        tampered.user_id = key;
        let tampered = tampered.insert(&fixture.cluster).await.unwrap();
        let cluster = &fixture.cluster;
        assert_eq!(tampered.related(Line::ORDER).first(cluster).await.unwrap(), None);
        assert_eq!(Line::ORDER.load(cluster, std::slice::from_ref(&tampered)).await.unwrap(), [None]);
        let lines = Order::LINES.load(cluster, std::slice::from_ref(&theirs.tea)).await.unwrap();
        assert_eq!(lines, [theirs.tea_lines.to_vec()]);
        assert_eq!(Line::on(key).join(Line::ORDER).count(cluster).await.unwrap(), 0);
        let joined = Order::on_each([key, theirs.key]).join(Order::LINES).count(cluster).await.unwrap();
        assert_eq!(joined, 3);
    }

    async fn loads_send_one_statement_per_relation(fixture: &Fixture) {
        let orders = Orders::insert(fixture).await;
        let customer = Customer { user_id: orders.key, name: "Ada".into() }.insert(&fixture.cluster).await.unwrap();
        let paid = invoice(fixture, &orders.coffee, 250).insert(&fixture.cluster).await.unwrap();
        let query = Order::on(orders.key)
            .order_by(Order::ID)
            .limit(20)
            .with(Order::LINES)
            .with(Order::INVOICE)
            .with(Order::CUSTOMER);
        let (rows, sent) = counted(query.all(&fixture.cluster)).await;
        let customer = Some(customer);
        assert_eq!(
            rows.unwrap(),
            [
                (orders.tea, orders.tea_lines.to_vec(), None, customer.clone()),
                (orders.coffee, vec![orders.coffee_line], Some(paid), customer.clone()),
                (orders.empty, vec![], None, customer),
            ]
        );
        assert_eq!(tables(sent), ["customers", "invoices", "lines", "orders"]);
    }

    async fn loads_send_nothing_without_rows(fixture: &Fixture) {
        let query = Order::on(fixture.key()).with(Order::LINES).with(Order::CUSTOMER);
        let (rows, sent) = counted(query.all(&fixture.cluster)).await;
        assert_eq!((rows.unwrap(), tables(sent)), (vec![], vec!["orders".to_owned()]));
    }

    async fn loads_send_one_statement_per_logical_shard(fixture: &Fixture) {
        let mut all = Vec::new();
        for _ in 0..6 {
            all.push(Orders::insert(fixture).await);
        }
        let shards: BTreeSet<u32> = all.iter().map(|orders| fixture.shard_of(orders.key)).collect();
        let keys: Vec<i64> = all.iter().map(|orders| orders.key).collect();
        let (rows, sent) = counted(Order::on_each(&keys).with(Order::LINES).all(&fixture.cluster)).await;
        let rows = rows.unwrap();
        assert_eq!(rows.len(), 18);
        for orders in all {
            let lines_of = |order: &Order| &rows.iter().find(|(row, _)| row == order).unwrap().1;
            assert_eq!(*lines_of(&orders.tea), orders.tea_lines);
            assert_eq!(*lines_of(&orders.coffee), [orders.coffee_line]);
            assert_eq!(*lines_of(&orders.empty), []);
        }
        let of_lines: Vec<String> =
            sent.iter().filter(|(table, _)| table == "lines").map(|(_, shard)| shard.clone()).collect();
        assert_eq!(of_lines.len(), shards.len());
        assert_eq!(BTreeSet::from_iter(of_lines).len(), shards.len());
    }

    async fn loads_keep_the_order_of_the_rows(fixture: &Fixture) {
        let orders = Orders::insert(fixture).await;
        let rows = [orders.empty.clone(), orders.coffee.clone(), orders.tea.clone(), orders.coffee];
        let lines = Order::LINES.load(&fixture.cluster, &rows).await.unwrap();
        let coffee = vec![orders.coffee_line];
        assert_eq!(lines, [vec![], coffee.clone(), orders.tea_lines.to_vec(), coffee]);
    }

    async fn loads_take_filters_and_an_order(fixture: &Fixture) {
        let orders = Orders::insert(fixture).await;
        let third = line(fixture, &orders.tea, "white", 5).insert(&fixture.cluster).await.unwrap();
        let [green, black] = orders.tea_lines.clone();
        let most = Order::LINES.order_by(Line::QUANTITY.desc());
        let query = Order::on(orders.key).order_by(Order::ID.desc());
        let rows = query.clone().with(most).all(&fixture.cluster).await.unwrap();
        // Those that are equal are ordered by their primary key.
        assert_eq!(rows[2].1, [black.clone(), third.clone(), green]);
        let some = Order::LINES.filter(Line::QUANTITY.gt(3)).filter(Line::SKU.ne("white"));
        let rows = query.with(some).all(&fixture.cluster).await.unwrap();
        assert_eq!(rows.into_iter().map(|(_, lines)| lines).collect::<Vec<_>>(), [vec![], vec![], vec![black]]);
    }

    async fn loads_give_a_shared_parent_to_each_child(fixture: &Fixture) {
        let orders = Orders::insert(fixture).await;
        let (rows, sent) =
            counted(Line::on(orders.key).order_by(Line::ID).with(Line::ORDER).all(&fixture.cluster)).await;
        let parents: Vec<Option<Order>> = rows.unwrap().into_iter().map(|(_, order)| order).collect();
        assert_eq!(parents, [Some(orders.tea.clone()), Some(orders.tea), Some(orders.coffee)]);
        assert_eq!(tables(sent), ["lines", "orders"]);
    }

    async fn has_one_gives_the_first_row_by_primary_key(fixture: &Fixture) {
        let orders = Orders::insert(fixture).await;
        let (first, second) = (invoice(fixture, &orders.tea, 1), invoice(fixture, &orders.tea, 2));
        Invoice::insert_many(&fixture.cluster, vec![second, first.clone()]).await.unwrap();
        let found = Order::INVOICE.load(&fixture.cluster, &[orders.tea]).await.unwrap();
        assert_eq!(found, [Some(first)]);
    }

    async fn first_loads_relations(fixture: &Fixture) {
        let orders = Orders::insert(fixture).await;
        let query = Order::on(orders.key).order_by(Order::ID).with(Order::LINES);
        let (first, sent) = counted(query.first(&fixture.cluster)).await;
        assert_eq!(first.unwrap(), Some((orders.tea, orders.tea_lines.to_vec())));
        assert_eq!(tables(sent), ["lines", "orders"]);
        let none = Order::on(fixture.key()).with(Order::LINES);
        assert_eq!(crate::kind(none.one(&fixture.cluster).await), ErrorKind::NotFound);
    }

    async fn loads_see_uncommitted_rows_of_their_transaction(fixture: &Fixture) {
        let orders = Orders::insert(fixture).await;
        let tx = fixture.cluster.begin(Order::shard(orders.key)).await.unwrap();
        let added = line(fixture, &orders.empty, "new", 1).insert(&tx).await.unwrap();
        let rows = Order::on(orders.key).order_by(Order::ID.desc()).with(Order::LINES).all(&tx).await.unwrap();
        assert_eq!(rows[0], (orders.empty.clone(), vec![added]));
        tx.rollback().await.unwrap();
        let lines = Order::LINES.load(&fixture.cluster, &[orders.empty]).await.unwrap();
        assert_eq!(lines, [vec![]]);
    }

    async fn loads_split_long_lists_into_statements(fixture: &Fixture) {
        let key = fixture.key();
        let orders: Vec<Order> = (0..1_100).map(|_| order(fixture, key, "many")).collect();
        let lines: Vec<Line> = orders.iter().map(|order| line(fixture, order, "one", 1)).collect();
        Line::insert_many(&fixture.cluster, lines.clone()).await.unwrap();
        let expected: Vec<Vec<Line>> = lines.into_iter().map(|line| vec![line]).collect();
        let (found, sent) = counted(Order::LINES.load(&fixture.cluster, &orders)).await;
        assert_eq!((found.unwrap() == expected, sent.len()), (true, 2));
        // In a transaction one after another, on its one connection.
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        let found = Order::LINES.load(&tx, &orders).await.unwrap();
        assert!(found == expected);
        tx.commit().await.unwrap();
    }

    async fn loads_take_a_thousand_keys_of_one_shard(fixture: &Fixture) {
        let mut keys = fixture.neighbours(fixture.key(), 1_100);
        keys.push(fixture.key());
        let orders: Vec<Order> = keys.iter().map(|key| order(fixture, *key, "each")).collect();
        let last = line(fixture, &orders[1_099], "last", 1).insert(&fixture.cluster).await.unwrap();
        let found = Order::LINES.load(&fixture.cluster, &orders).await.unwrap();
        assert_eq!(found[1_099], [last]);
        assert_eq!(found.iter().flatten().count(), 1);
    }

    async fn loads_in_a_transaction_run_in_sequence(fixture: &Fixture) {
        let mut keys = fixture.neighbours(fixture.key(), 1_100);
        let tx = fixture.cluster.begin(Order::shard(keys[0])).await.unwrap();
        let first = order(fixture, keys[0], "first").insert(&tx).await.unwrap();
        let last = order(fixture, keys[1_099], "last").insert(&tx).await.unwrap();
        keys.reverse();
        let found = Order::on_each(&keys).all(&tx).await.unwrap();
        assert_eq!(found, [last, first]);
        tx.rollback().await.unwrap();
    }
}
