//! A join takes columns and relations of its own models alone.

use shard_orm::prelude::*;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
#[shard(has_many(lines = "Line", by = "order_id"))]
#[shard(refers_to(country = "Country", by = "country_id"))]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    country_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "lines")]
#[shard(belongs_to(order = "Order", by = "order_id"))]
#[shard(belongs_to(product = "Product", by = "product_id"))]
struct Line {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    order_id: i64,
    product_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "products")]
struct Product {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(database = "default", table = "countries")]
struct Country {
    #[shard(primary_key)]
    id: i64,
}

fn a_condition_on_a_model_that_is_not_joined() {
    let _ = Order::on(42).join(Order::LINES).filter(Product::ID.eq(1));
}

fn an_order_by_a_model_that_is_not_joined() {
    let _ = Order::on(42).join(Order::LINES).order_by(Product::ID);
}

fn a_column_of_a_model_that_is_not_joined() {
    let _ = Order::on(42).join(Order::LINES).select((Order::ID, Product::ID));
}

fn a_relation_of_a_model_that_is_not_joined() {
    let _ = Order::on(42).join(Line::PRODUCT);
}

fn what_belongs_to_a_row_that_may_be_absent() {
    let _ = Order::on(42).left_join(Order::LINES).join(Line::PRODUCT);
}

fn a_join_with_a_model_of_a_database() {
    let _ = Order::on(42).join(Order::COUNTRY);
}

fn a_load_of_a_model_of_a_database() {
    let _ = Order::on(42).with(Order::COUNTRY);
}

fn a_load_of_a_relation_of_another_model() {
    let _ = Order::on(42).with(Line::PRODUCT);
}

async fn a_join_that_names_no_shard(cluster: &Cluster) {
    let _ = Order::query().join(Order::LINES).all(cluster).await;
}

fn a_limit_for_each_row() {
    let _ = Order::on(42).with(Order::LINES.order_by(Line::ID).limit(3));
}

fn a_link_to_a_row_of_another_model(line: &mut Line, product: &Product) {
    let _ = line.link(Line::ORDER, product);
}

fn main() {}
