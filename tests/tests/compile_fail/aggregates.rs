//! Groups and aggregates of the wrong type, and on no shard.

use shard_orm::aggregate::count;
use shard_orm::prelude::*;

#[derive(Debug, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    item: String,
}

async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    // No number.
    Order::scatter().aggregate(Order::ITEM.sum());
    // No truth value.
    Order::scatter().aggregate(Order::ITEM.bool_and());
    // A count is never NULL.
    Order::scatter().group_by(Order::ITEM).having(count().is_null());
    // Not a count's type.
    Order::scatter().group_by(Order::ITEM).having(count().gt("many"));
    // Whole rows are distinct by their primary key.
    Order::scatter().distinct();
    // Not a condition on a group.
    Order::scatter().group_by(Order::ITEM).having(Order::ID.gt(1));
    // No shard.
    Order::query().aggregate(count()).one(cluster).await?;
    Ok(())
}

fn main() {}
