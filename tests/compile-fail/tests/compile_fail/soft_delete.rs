//! The mark of a deleted row is an `Option` of a time, and what brings rows back needs one.

use chrono::{DateTime, Utc};
use shard_orm::prelude::*;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct NeverNull {
    #[shard(key, primary_key)]
    id: i64,
    #[shard(soft_delete)]
    deleted_at: DateTime<Utc>,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct NoTime {
    #[shard(key, primary_key)]
    id: i64,
    #[shard(soft_delete)]
    deleted: Option<bool>,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Gone {
    #[shard(key, primary_key)]
    id: i64,
}

async fn what_needs_the_mark(cluster: &Cluster, gone: Gone) {
    let _ = gone.restore(cluster).await;
    let _ = gone.force_delete(cluster).await;
    let _ = Gone::on(1).with_deleted().all(cluster).await;
    let _ = Gone::on(1).only_deleted().all(cluster).await;
    let _ = Gone::on(1).restore(cluster).await;
}

fn main() {}
