//! Groups and aggregates of the wrong type, and on no shard.

use shard_orm::aggregate::{GroupExpr, count};
use shard_orm::prelude::*;

#[derive(Debug, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    item: String,
    weight: f64,
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
    // No date, no time of the day, no integer.
    Order::scatter().group_by(Order::ITEM.year());
    Order::scatter().group_by(Order::USER_ID.hour());
    Order::scatter().group_by(Order::WEIGHT.bucket(10));
    // An aggregate has a value for each group, and no group for each value.
    Order::scatter().group_by(count());
    Order::scatter().group_by((Order::ITEM, Order::ID.max()));
    // No type of a column.
    Order::scatter().group_by(GroupExpr::<Order, &str>::new(1));
    // No shard.
    Order::query().aggregate(count()).one(cluster).await?;
    Ok(())
}

fn main() {}
