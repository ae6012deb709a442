//! Related models: batch loads, joins, and links.

pub(crate) mod counted;
mod joins;
mod left_joins;
mod links;
mod loads;
mod merged;
mod shapes;

use shard_orm::prelude::*;
use shard_orm_tests::fixture::Fixture;

/// Its primary key is the shard key, so nothing is left of it to point to.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "customers")]
#[shard(has_many(orders = "Order"))]
struct Customer {
    #[shard(key, primary_key)]
    user_id: i64,
    name: String,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
#[shard(
    has_many(lines = "Line", by = "order_id"),
    has_one(invoice = "Invoice", by = "order_id")
)]
#[shard(belongs_to(customer = "Customer"))]
#[shard(refers_to(country = "Country", by = "country_code"))]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    item: String,
    country_code: Option<String>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "lines")]
#[shard(belongs_to(order = "Order", by = "order_id"))]
#[shard(belongs_to(product = "self::Product", by = "product_id"))]
struct Line {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    order_id: Option<i64>,
    product_id: i64,
    sku: String,
    quantity: i32,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "products")]
struct Product {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    /// All that it has beside its keys, so that a row can be NULL in all else.
    title: Option<String>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "invoices")]
#[shard(belongs_to(order = "Order", by = "order_id"))]
struct Invoice {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    order_id: i64,
    cents: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "countries")]
struct Country {
    #[shard(primary_key, length = 8)]
    code: String,
    name: String,
}

fn order(fixture: &Fixture, user_id: i64, item: &str) -> Order {
    Order {
        id: fixture.id(),
        user_id,
        item: item.to_owned(),
        country_code: None,
    }
}

fn line(fixture: &Fixture, order: &Order, sku: &str, quantity: i32) -> Line {
    Line {
        id: fixture.id(),
        user_id: order.user_id,
        order_id: Some(order.id),
        product_id: 0,
        sku: sku.to_owned(),
        quantity,
    }
}

fn invoice(fixture: &Fixture, order: &Order, cents: i64) -> Invoice {
    Invoice {
        id: fixture.id(),
        user_id: order.user_id,
        order_id: order.id,
        cents,
    }
}

/// Two orders of one key with two lines and one, and a third without any.
struct Orders {
    key: i64,
    tea: Order,
    coffee: Order,
    empty: Order,
    tea_lines: [Line; 2],
    coffee_line: Line,
}

impl Orders {
    async fn insert(fixture: &Fixture) -> Self {
        Self::insert_of(fixture, fixture.key()).await
    }

    async fn insert_of(fixture: &Fixture, key: i64) -> Self {
        let [tea, coffee, empty] = ["tea", "coffee", "empty"].map(|item| order(fixture, key, item));
        let tea_lines = [
            line(fixture, &tea, "green", 1),
            line(fixture, &tea, "black", 5),
        ];
        let coffee_line = line(fixture, &coffee, "beans", 3);
        let orders = vec![tea.clone(), coffee.clone(), empty.clone()];
        Order::insert_many(&fixture.cluster, orders).await.unwrap();
        let lines = [&tea_lines[..], std::slice::from_ref(&coffee_line)].concat();
        Line::insert_many(&fixture.cluster, lines).await.unwrap();
        Self {
            key,
            tea,
            coffee,
            empty,
            tea_lines,
            coffee_line,
        }
    }
}
