//! Attributes of a field that exclude each other, and lengths.

use shard_orm::ShardModel;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Skipped {
    #[shard(key, primary_key)]
    id: i64,
    #[shard(skip, primary_key, default, index, column = "note")]
    note: String,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct AsJson {
    #[shard(json, key)]
    user_id: i64,
    #[shard(json, primary_key)]
    id: i64,
    #[shard(json, unique, length = 10)]
    tags: Vec<String>,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Times {
    #[shard(key, primary_key, created_at)]
    id: i64,
    #[shard(created_at, updated_at)]
    both: i64,
    #[shard(updated_at, default)]
    second: i64,
    #[shard(skip, updated_at)]
    skipped: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Lengths {
    #[shard(key, primary_key, length = 8)]
    id: i64,
    #[shard(length = 0)]
    empty: String,
    #[shard(length = 5_000_000_000)]
    large: String,
    #[shard(length = 8)]
    flag: Option<bool>,
    #[shard(length = 8)]
    numbers: Vec<i32>,
    #[shard(index, unique)]
    twice: String,
}

fn main() {}
