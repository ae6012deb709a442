//! Migrations over all namespaces of a cluster.

mod backfill;
mod deployment;
mod drift;
mod drift_scratch;
mod failures;
mod interrupted;
mod killed;
mod level;
mod locks;
mod models;
mod reverts;
mod runs;
mod sqlx_files;
mod status;
mod traffic;

use shard_orm::prelude::*;

/// The model of the fixtures; no migration is about its table.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

/// A table that migrations create, in every logical shard.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "notes")]
struct Note {
    #[shard(primary_key)]
    id: i64,
}
