//! The models of a relation are of one shard group, have one key, and hold each other's id.

use shard_orm::ShardModel;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
#[shard(has_many(lines = "Line", by = "order_id"))]
#[shard(has_many(strays = "Stray", by = "order_id"))]
#[shard(has_many(notes = "Note", by = "order_id"))]
#[shard(has_many(labels = "Label", by = "order_id"))]
#[shard(has_many(unsaid = "Line"))]
#[shard(has_many(unknown = "Line", by = "odrer_id"))]
#[shard(has_one(country = "Country", by = "order_id"))]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "lines")]
#[shard(belongs_to(order = "Order", by = "order_id"))]
#[shard(belongs_to(wrong = "Order", by = "sku"))]
#[shard(belongs_to(user = "User", by = "order_id"))]
#[shard(belongs_to(country = "Country", by = "order_id"))]
#[shard(refers_to(product = "Order", by = "order_id"))]
struct Line {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    order_id: i64,
    sku: String,
}

/// Nothing is left of its primary key beside the shard key.
#[derive(ShardModel)]
#[shard(group = "shop", table = "users")]
struct User {
    #[shard(primary_key, key)]
    id: i64,
}

/// Of another group.
#[derive(ShardModel)]
#[shard(group = "yard", table = "strays")]
struct Stray {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    order_id: i64,
}

/// With another key.
#[derive(ShardModel)]
#[shard(group = "shop", table = "notes")]
struct Note {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i32,
    order_id: i64,
}

/// With an id of another type.
#[derive(ShardModel)]
#[shard(group = "shop", table = "labels")]
struct Label {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    order_id: Option<i32>,
}

#[derive(ShardModel)]
#[shard(database = "default", table = "countries")]
struct Country {
    #[shard(primary_key)]
    id: i64,
    order_id: i64,
}

fn main() {}
