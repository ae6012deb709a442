//! Generated ids stand on one field of the primary key, of a type that holds them; only a snowflake tells the shard.

use shard_orm::prelude::*;
use uuid::Uuid;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct OfTheDatabase {
    #[shard(primary_key, generate = "database")]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Misspelt {
    #[shard(primary_key, generate = "snowflak")]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct BesideThePrimaryKey {
    #[shard(primary_key, generate)]
    id: i64,
    #[shard(key, generate = "table")]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Text {
    #[shard(primary_key, generate = "snowflake")]
    id: String,
    #[shard(key)]
    user_id: i64,
}

#[derive(Clone, ShardField)]
struct Name(String);

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct StructAroundAText {
    #[shard(primary_key, generate = "table")]
    id: Name,
    #[shard(key)]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct SmallInteger {
    #[shard(primary_key, generate = "nanosecond")]
    id: i32,
    #[shard(key)]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct UuidOfIntegers {
    #[shard(primary_key, generate = "uuid_v7")]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct SnowflakeInAUuid {
    #[shard(primary_key, generate = "snowflake")]
    id: Uuid,
    #[shard(key)]
    user_id: i64,
}

fn main() {}
