//! A type of which more is asked than a column: of keys, regions, names of rows, and JSON.

use shard_orm::{ShardKey, ShardModel};

struct Opaque;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct OpaqueId {
    #[shard(primary_key)]
    id: Opaque,
    #[shard(key)]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct TextKey {
    #[shard(primary_key, key)]
    name: String,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct NumberRegion {
    #[shard(primary_key, key)]
    id: i64,
    #[shard(region)]
    region: i32,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct WithoutSerde {
    #[shard(primary_key, key)]
    id: i64,
    #[shard(json)]
    json: Opaque,
}

#[derive(Clone, ShardKey)]
struct Text(String);

#[derive(Clone, ShardKey)]
struct Wide(i128);

#[derive(ShardKey)]
struct NotClone(i64);

fn main() {}
