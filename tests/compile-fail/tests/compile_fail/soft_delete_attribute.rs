//! The mark of a deleted row is nothing else, and stands on one field.

use chrono::{DateTime, Utc};
use shard_orm::ShardModel;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Twice {
    #[shard(key, primary_key)]
    id: i64,
    #[shard(soft_delete)]
    deleted_at: Option<DateTime<Utc>>,
    #[shard(soft_delete)]
    removed_at: Option<DateTime<Utc>>,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Mixed {
    #[shard(key, primary_key)]
    id: i64,
    #[shard(soft_delete, updated_at, default)]
    deleted_at: Option<DateTime<Utc>>,
    #[shard(skip, soft_delete)]
    skipped: Option<DateTime<Utc>>,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders", hooks = true, validate(item))]
struct Behaviour {
    #[shard(key, primary_key)]
    id: i64,
}

fn main() {}
