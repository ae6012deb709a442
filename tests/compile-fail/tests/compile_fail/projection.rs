//! A projection names its model, and each of its fields is one of the model's.

use shard_orm::{ShardModel, ShardProjection};

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(key, primary_key)]
    id: i64,
    item: String,
    quantity: i32,
    #[shard(json)]
    tags: Vec<String>,
}

#[derive(ShardProjection)]
struct WithoutModel {
    item: String,
}

#[derive(ShardProjection)]
#[shard(model = "Order")]
struct Quoted {
    item: String,
}

#[derive(ShardProjection)]
#[shard(model = Order)]
struct Empty {}

#[derive(ShardProjection)]
#[shard(model = Order)]
struct Tuple(String);

#[derive(ShardProjection)]
#[shard(model = Order)]
struct Attributes {
    #[shard(column = "item")]
    item: String,
    #[shard(field = "item.name")]
    name: String,
}

fn main() {}
