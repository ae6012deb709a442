//! Loads and joins.

use futures_util::TryStreamExt as _;
use shard_orm::prelude::*;

use crate::{Country, Line, Order, Recorder, line, order};

pub(crate) async fn record(recorder: &mut Recorder<'_>, on: &Cluster) {
    let row = order(11);
    let rows = [order(11), order(12)];
    for row in &rows {
        row.clone().insert(on).await.unwrap();
        line(row.id, row).insert(on).await.unwrap();
    }
    let country = Country {
        id: 1,
        name: "Iceland".into(),
    };
    country.insert(on).await.unwrap();

    let with = Order::on(1).with(Order::LINES);
    recorder.record("with", with.all(on)).await;
    let with = Order::scatter().with(Order::LINES);
    recorder.record("with, of all shards", with.all(on)).await;
    let load = Line::ORDER.load(on, &[line(1, &row)]);
    recorder.record("load", load).await;
    let load = Order::LINES.filter(Line::ITEM.is_null());
    let load = load.order_by(Line::ITEM.desc()).load(on, &rows);
    recorder.record("load, filtered, of two shards", load).await;
    let related = row.related(Order::LINES);
    recorder.record("related", related.all(on)).await;
    let separately = Line::on(1).with_separately(Line::COUNTRY);
    recorder.record("with_separately", separately.all(on)).await;

    let join = || Order::on(1).join(Order::LINES);
    recorder.record("join", join().all(on)).await;
    let filtered = join()
        .filter(Line::ITEM.is_null())
        .order_by(Order::AMOUNT.desc());
    recorder
        .record("join, filtered", filtered.limit(2).all(on))
        .await;
    let columns = join().select((Order::CODE, Line::ITEM));
    recorder.record("join, of columns", columns.all(on)).await;
    recorder.record("join, first", join().first(on)).await;
    recorder.record("join, count", join().count(on)).await;
    let bounded = join().limit(3).offset(1);
    recorder
        .record("join, count, bounded", bounded.count(on))
        .await;
    recorder.record("join, exists", join().exists(on)).await;
    let stream = join().stream(on).try_collect::<Vec<_>>();
    recorder.record("join, stream", stream).await;
    let left = Order::scatter().left_join(Order::LINES);
    recorder.record("left_join", left.clone().all(on)).await;
    recorder
        .record("left_join, count", left.clone().count(on))
        .await;
    let ordered = left.order_by(Line::ID.desc()).limit(2);
    recorder.record("left_join, ordered", ordered.all(on)).await;
}
