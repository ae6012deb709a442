//! Columns and constants have names of their own, and an index is over columns.

use shard_orm::ShardModel;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
#[allow(non_snake_case)]
struct Names {
    #[shard(key, primary_key)]
    id: i64,
    #[shard(column = "ID")]
    other: i64,
    item: String,
    Item: String,
    #[shard(column = "quantity")]
    count: i32,
    quantity: i32,
    #[shard(column = "")]
    empty: i32,
    a_name_of_sixty_four_bytes_is_one_more_than_postgresql_will_keep: i32,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
#[shard(index(itme), index(price), index(seen), unique(id, tags), index(id, item, id))]
#[shard(unique(item))]
struct Indexes {
    #[shard(key, primary_key)]
    id: i64,
    #[shard(index)]
    item: String,
    #[shard(skip)]
    seen: bool,
    #[shard(json)]
    tags: Vec<String>,
}

fn main() {}
