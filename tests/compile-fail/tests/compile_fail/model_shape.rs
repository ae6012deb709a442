//! A model is a struct with named fields and no generic parameters.

use shard_orm::ShardModel;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Tuple(i64);

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Unit;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
enum Either {
    One,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Generic<T> {
    #[shard(key, primary_key)]
    id: T,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Borrowed<'a> {
    #[shard(key, primary_key)]
    id: i64,
    name: &'a str,
}

fn main() {}
