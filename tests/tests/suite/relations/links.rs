//! Links between rows, and references to models of a named database.

use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use super::counted::{counted, tables};
use super::{Country, Customer, Invoice, Line, Order, Product, line, order};
use crate::kind;

behaviours! { (Customer, Order, Line, Product, Invoice, Country);
    async fn links_stay_within_the_shard_key(fixture: &Fixture) {
        let key = fixture.key();
        let tea = order(fixture, key, "tea");
        let mut linked = line(fixture, &tea, "x", 1);
        linked.order_id = None;
        linked.link(Line::ORDER, &tea).unwrap();
        assert_eq!(linked.order_id, Some(tea.id));
        // Of another logical shard, and of another key of the same one.
        for other in fixture.key_of_each_shard().into_iter().chain(fixture.neighbours(key, 1)) {
            let before = linked.clone();
            let theirs = order(fixture, other, "theirs");
            assert_eq!(kind(linked.link(Line::ORDER, &theirs)), ErrorKind::CrossShard);
            assert_eq!(linked, before);
        }
    }

    async fn fetch_separately_loads_rows_of_a_named_database(fixture: &Fixture) {
        let key = fixture.key();
        // One fixture is shared by all tests of this file.
        let codes = ["a", "b", "c"].map(|prefix| format!("{prefix}{}", fixture.id() % 1_000_000));
        let country = |code: &String| Country { code: code.clone(), name: format!("land {code}") };
        for code in &codes[..2] {
            country(code).insert(&fixture.cluster).await.unwrap();
        }
        let mut orders: Vec<Order> = (0..5).map(|_| order(fixture, key, "x")).collect();
        orders[0].refer(Order::COUNTRY, &country(&codes[0]));
        orders[1].refer(Order::COUNTRY, &country(&codes[1]));
        orders[2].refer(Order::COUNTRY, &country(&codes[0]));
        // Of a row that is gone; the last has none.
        orders[3].refer(Order::COUNTRY, &country(&codes[2]));
        let orders = Order::insert_many(&fixture.cluster, orders).await.unwrap();

        let (found, sent) = counted(Order::COUNTRY.fetch_separately(&fixture.cluster, &orders)).await;
        let (a, b) = (Some(country(&codes[0])), Some(country(&codes[1])));
        assert_eq!(found.unwrap(), [a.clone(), b.clone(), a.clone(), None, None]);
        assert_eq!(tables(sent), ["countries"]);

        let query = Order::on(key).order_by(Order::ID).with(Order::LINES).with_separately(Order::COUNTRY);
        let (rows, sent) = counted(query.all(&fixture.cluster)).await;
        let countries: Vec<Option<Country>> = rows.unwrap().into_iter().map(|(_, _, country)| country).collect();
        assert_eq!(countries, [a.clone(), b, a, None, None]);
        assert_eq!(tables(sent), ["countries", "lines", "orders"]);
    }

    async fn fetch_separately_is_refused_in_a_transaction_of_a_shard(fixture: &Fixture) {
        let key = fixture.key();
        let mut tea = order(fixture, key, "tea");
        tea.country_code = Some("x".into());
        let tx = fixture.cluster.begin(Order::shard(key)).await.unwrap();
        let refused = Order::COUNTRY.fetch_separately(&tx, &[tea]).await;
        assert_eq!(kind(refused), ErrorKind::CrossShard);
        tx.rollback().await.unwrap();
    }
}
