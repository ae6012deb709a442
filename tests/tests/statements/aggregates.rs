//! Aggregates and groups.

use shard_orm::aggregate::count;
use shard_orm::prelude::*;

use crate::{Order, Recorder, order};

pub(crate) async fn record(recorder: &mut Recorder<'_>, on: &Cluster) {
    order(11).insert(on).await.unwrap();
    let sums = || {
        let (price, amount) = (Order::PRICE.sum(), Order::AMOUNT.avg());
        (count(), price, amount, Order::CODE.min())
    };
    let of_one = Order::on(1).aggregate(sums());
    recorder.record("aggregate", of_one.one(on)).await;
    let of_all = Order::scatter().aggregate(sums());
    recorder
        .record("aggregate of all shards", of_all.one(on))
        .await;
    let groups = Order::scatter().group_by(Order::CODE);
    let groups = groups.select((Order::CODE, Order::AMOUNT.sum()));
    recorder
        .record("groups of all shards", groups.all(on))
        .await;
    let days = Order::on(1).group_by(Order::PLACED_AT.date());
    let days = days.select((Order::PLACED_AT.date(), count()));
    recorder.record("groups of a day", days.all(on)).await;
    let users = Order::scatter().group_by(Order::USER_ID);
    let users = users.select((Order::USER_ID, Order::PRICE.sum()));
    let users = users
        .having(count().gt(1))
        .order_by(Order::PRICE.sum().desc());
    let first = users.limit(2).offset(1);
    recorder
        .record("groups of a shard key, bounded", first.all(on))
        .await;
    let few = Order::on(1).group_by(Order::CODE).limit(2).offset(1);
    recorder
        .record("groups of one key, bounded", few.all(on))
        .await;
    let distinct = Order::scatter().select(Order::CODE).distinct();
    recorder.record("distinct", distinct.all(on)).await;
    let codes = Order::scatter().aggregate(Order::CODE.count_distinct());
    recorder
        .record("count_distinct of all shards", codes.one(on))
        .await;
    let codes = Order::on(1).aggregate(Order::CODE.count_distinct());
    recorder
        .record("count_distinct of one key", codes.one(on))
        .await;
}
