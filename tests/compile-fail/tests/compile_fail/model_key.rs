//! A sharded model has one shard key, any model a primary key, and neither is ever NULL.

use shard_orm::ShardModel;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct WithoutKey {
    #[shard(primary_key)]
    id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct WithoutPrimaryKey {
    #[shard(key)]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct TwoOfEach {
    #[shard(primary_key, key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(region)]
    from: String,
    #[shard(region)]
    to: String,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct RegionAlone {
    #[shard(primary_key)]
    id: i64,
    #[shard(region)]
    region: String,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct RegionAsKey {
    #[shard(primary_key, key, region)]
    id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", isolated, table = "settings")]
struct KeyOfIsolated {
    #[shard(primary_key, key)]
    id: i64,
}

#[derive(ShardModel)]
#[shard(database = "default", table = "countries")]
struct KeyOfDatabase {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(region)]
    region: String,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Nullable {
    #[shard(primary_key)]
    id: Option<i64>,
    #[shard(key)]
    user_id: std::option::Option<i64>,
    #[shard(region)]
    region: Option<String>,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct FiveColumns {
    #[shard(key, primary_key)]
    user_id: i64,
    #[shard(primary_key)]
    a: i64,
    #[shard(primary_key)]
    b: i64,
    #[shard(primary_key)]
    c: i64,
    #[shard(primary_key)]
    d: i64,
    #[shard(primary_key)]
    e: i64,
}

fn main() {}
