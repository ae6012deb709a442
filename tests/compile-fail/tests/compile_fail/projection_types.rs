//! A projection's field has a column of its type in the model.

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
#[shard(model = Order)]
struct Unknown {
    itme: String,
    #[shard(field = "price")]
    cost: i32,
}

#[derive(ShardProjection)]
#[shard(model = Order)]
struct OtherTypes {
    item: Option<String>,
    #[shard(field = "quantity")]
    count: i64,
    tags: Vec<String>,
}

struct NotAModel;

#[derive(ShardProjection)]
#[shard(model = NotAModel)]
struct OfNoModel {
    item: String,
}

fn main() {}
