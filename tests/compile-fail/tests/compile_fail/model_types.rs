//! A type that does not fit its column is explained once, at the field.

use shard_orm::ShardModel;

struct Opaque;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Columns {
    #[shard(key, primary_key)]
    id: i64,
    opaque: Opaque,
    nullable: Option<Opaque>,
    pointer_sized: usize,
    #[shard(skip)]
    skipped: Opaque,
    #[shard(default)]
    without_default: Opaque,
    #[shard(default = "one")]
    number: i32,
    #[shard(default = 1)]
    text: String,
    #[shard(default = 1)]
    nullable_number: Option<i32>,
    #[shard(created_at)]
    created: String,
    #[shard(updated_at)]
    updated: Option<String>,
}

fn main() {}
