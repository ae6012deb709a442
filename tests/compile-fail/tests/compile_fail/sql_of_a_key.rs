//! A statement in SQL runs on a whole logical shard, so a query of the rows of a key does not take it.

use shard_orm::prelude::*;

#[derive(ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    Order::on(42).sql("DELETE FROM {orders}").execute(cluster).await?;
    Order::on_each([42, 43]).sql("SELECT id FROM {orders}");
    Order::query().sql("SELECT id FROM {orders}");
    Order::on_shard_of(42).delete(cluster).await?;
    Ok(())
}

fn main() {}
