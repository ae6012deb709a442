//! An attribute that is not known, or not written as it is meant, is explained.

use shard_orm::ShardModel;

#[derive(ShardModel)]
#[shard(gruop = "shop", table = "orders")]
struct Misspelt {
    #[shard(primery_key)]
    id: i64,
    #[shard(shard_key)]
    user_id: i64,
    #[shard(nonsense)]
    item: String,
    #[shard(rename = "many")]
    quantity: i32,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Generated {
    #[shard(primary_key, auto_increment)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
#[shard(group = "shop")]
struct Twice {
    #[shard(key, primary_key, key)]
    id: i64,
}

#[derive(ShardModel)]
#[shard(group, table = orders, isolated = true, index = "a", unique())]
struct WrongForms {
    #[shard(primary_key = true, column, length, default(1))]
    id: i64,
    #[shard(length = "64")]
    item: String,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders", crate = "not a path")]
#[shard]
struct WrongSyntax {
    #[shard(key; primary_key)]
    id: i64,
    #[shard("item")]
    item: String,
}

fn main() {}
