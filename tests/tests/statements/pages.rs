//! Pages and their cursors.

use shard_orm::prelude::*;
use shard_orm::query::Cursor;

use crate::{Line, Order, Recorder, line, order};

pub(crate) async fn record(recorder: &mut Recorder<'_>, on: &Cluster) {
    for id in [11, 21, 12, 22] {
        order(id).insert(on).await.unwrap();
        line(id, &order(id)).insert(on).await.unwrap();
    }
    let by_amount = || Order::on(1).order_by(Order::AMOUNT.desc());
    let next = by_amount().page(on, 1, None).await.unwrap().next;
    recorder
        .record("first page", by_amount().page(on, 1, None))
        .await;
    let page = by_amount().page(on, 1, next.as_ref());
    recorder.record("next page", page).await;

    let items = || Line::on(1).order_by(Line::ITEM);
    let next: Option<Cursor> = items().page(on, 1, None).await.unwrap().next;
    let page = items().page(on, 1, next.as_ref());
    recorder.record("next page, after NULL", page).await;

    let of_shard = || Order::on_shard(1).order_by(Order::AMOUNT);
    let next = of_shard().page(on, 1, None).await.unwrap().next;
    let page = of_shard().page(on, 1, next.as_ref());
    recorder.record("next page of a logical shard", page).await;

    let all = || Order::scatter().order_by(Order::AMOUNT);
    let next = all().page(on, 1, None).await.unwrap().next;
    recorder
        .record("first page of all shards", all().page(on, 1, None))
        .await;
    let page = all().page(on, 1, next.as_ref());
    recorder.record("next page of all shards", page).await;
}
