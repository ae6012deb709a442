//! A query without a shard has no verb that runs.

use shard_orm::prelude::*;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    quantity: i32,
}

async fn run(cluster: &Cluster, tx: &Tx) -> shard_orm::Result<()> {
    Order::query().all(cluster).await?;
    Order::query().filter(Order::QUANTITY.gt(1)).count(tx).await?;
    Order::query().set(Order::QUANTITY, 2).update(cluster).await?;
    Order::query().delete(cluster).await?;
    Order::query().select(Order::ID).first(cluster).await?;
    Ok(())
}

fn main() {}
