//! What a query is given has to fit its columns, its model and its key.

use shard_orm::prelude::*;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    quantity: i32,
    note: Option<String>,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "lines")]
struct Line {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

fn a_value_of_another_type() {
    let _ = Order::on(42).filter(Order::QUANTITY.eq("many"));
}

fn null_in_a_comparison() {
    let _ = Order::on(42).filter(Order::NOTE.eq(None));
}

fn null_where_there_is_none() {
    let _ = Order::on(42).filter(Order::QUANTITY.is_null());
}

fn a_text_as_key() {
    let _ = Order::on("42");
}

fn a_filter_of_another_model() {
    let _ = Order::on(42).filter(Line::ID.eq(1));
}

fn a_column_of_another_model() {
    let _ = Order::on(42).select((Order::ID, Line::ID));
}

fn an_assignment_of_another_type() {
    let _ = Order::on(42).set(Order::QUANTITY, "many");
}

async fn a_cluster_by_value(cluster: Cluster) {
    let _ = Order::on(42).all(cluster).await;
}

fn main() {}
