//! A shard key is a tuple struct around one integer.

use shard_orm::ShardKey;

#[derive(Clone, ShardKey)]
struct Pair(i64, i64);

#[derive(Clone, ShardKey)]
struct Named {
    id: i64,
}

#[derive(Clone, ShardKey)]
struct Nullable(Option<i64>);

#[derive(Clone, ShardKey)]
enum Either {
    One,
}

#[derive(Clone, ShardKey)]
struct Generic<T>(T);

#[derive(Clone, ShardKey)]
#[shard(length = 3)]
struct Attributes(#[shard(key)] i64);

fn main() {}
