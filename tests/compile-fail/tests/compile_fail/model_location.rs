//! A model says where its rows live and names its table.

use shard_orm::ShardModel;

#[derive(ShardModel)]
struct SaysNothing {
    id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", database = "default", table = "orders")]
struct InBoth {
    #[shard(key, primary_key)]
    id: i64,
}

#[derive(ShardModel)]
#[shard(isolated, table = "orders")]
struct IsolatedFromNothing {
    #[shard(primary_key)]
    id: i64,
}

#[derive(ShardModel)]
#[shard(database = "default", isolated, table = "orders")]
struct IsolatedInADatabase {
    #[shard(primary_key)]
    id: i64,
}

#[derive(ShardModel)]
#[shard(group = "", table = "")]
struct EmptyNames {
    #[shard(key, primary_key)]
    id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "a_name_of_sixty_four_bytes_is_one_more_than_postgresql_will_keep")]
struct LongName {
    #[shard(key, primary_key)]
    id: i64,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "public.orders")]
struct WithSchema {
    #[shard(key, primary_key)]
    id: i64,
}

fn main() {}
