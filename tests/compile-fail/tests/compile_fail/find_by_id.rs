//! A row is found by its id alone when the id is a snowflake, and is the whole primary key beside the shard key.

use shard_orm::prelude::*;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Given {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct FromATable {
    #[shard(primary_key, generate = "table")]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct OneOfTwo {
    #[shard(primary_key, generate = "snowflake")]
    id: i64,
    #[shard(primary_key)]
    line: i32,
    #[shard(key)]
    user_id: i64,
}

async fn run(cluster: &Cluster) {
    let _ = Given::find_by_id(cluster, 1).await;
    let _ = FromATable::get_by_id(cluster, 1).await;
    let _ = OneOfTwo::find_by_id(cluster, (1, 2)).await;
}

fn main() {}
