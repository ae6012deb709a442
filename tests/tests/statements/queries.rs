//! The verbs of queries.

use futures_util::TryStreamExt as _;
use rust_decimal::Decimal;
use shard_orm::prelude::*;

use crate::{Order, Recorder, order};

pub(crate) async fn record(recorder: &mut Recorder<'_>, on: &Cluster) {
    order(11).insert(on).await.unwrap();
    of_one_key(recorder, on).await;
    of_many_shards(recorder, on).await;
    writes(recorder, on).await;
    texts(recorder, on).await;
    in_transactions(recorder, on).await;
}

async fn of_one_key(recorder: &mut Recorder<'_>, on: &Cluster) {
    let query = || Order::on(1);
    recorder.record("all", query().all(on)).await;
    let filter = Order::CODE.like("a%")
        & (Order::AMOUNT.gt(1) | Order::PRICE.is_in([Decimal::ONE, Decimal::TWO]));
    let filtered = query().filter(filter);
    recorder.record("all, filtered", filtered.all(on)).await;
    let ordered = || query().order_by(Order::CODE.desc()).limit(2).offset(1);
    recorder.record("all, ordered", ordered().all(on)).await;
    let columns = query().select((Order::ID, Order::CODE));
    recorder.record("all, of columns", columns.all(on)).await;
    recorder.record("first", query().first(on)).await;
    let one = query().filter(Order::ID.eq(11));
    recorder.record("one", one.one(on)).await;
    recorder.record("count", query().count(on)).await;
    recorder.record("count, bounded", ordered().count(on)).await;
    recorder.record("exists", query().exists(on)).await;
    let stream = query().stream(on).try_collect::<Vec<_>>();
    recorder.record("stream", stream).await;
    let shard = Order::on_shard(1);
    recorder
        .record("all of a logical shard", shard.all(on))
        .await;
}

async fn of_many_shards(recorder: &mut Recorder<'_>, on: &Cluster) {
    let keys = || Order::on_each([1, 2]);
    recorder.record("all of several keys", keys().all(on)).await;
    let count = keys().count(on);
    recorder.record("count of several keys", count).await;
    let exists = keys().exists(on);
    recorder.record("exists of several keys", exists).await;
    let largest = || Order::scatter().order_by(Order::AMOUNT).limit(3);
    recorder.record("scatter", largest().all(on)).await;
    let columns = largest().offset(1).select(Order::CODE);
    recorder
        .record("scatter, of columns", columns.all(on))
        .await;
    recorder.record("scatter, first", largest().first(on)).await;
    let stream = largest().stream(on).try_collect::<Vec<_>>();
    recorder.record("scatter, stream", stream).await;
}

async fn writes(recorder: &mut Recorder<'_>, on: &Cluster) {
    let query = || Order::on(1);
    let update = query().set(Order::AMOUNT, 2).update(on);
    recorder.record("update of a query", update).await;
    let increment = query().increment(Order::AMOUNT, 1).update(on);
    recorder.record("increment", increment).await;
    let several = Order::on_each([1, 2]).set(Order::AMOUNT, 2).update(on);
    recorder.record("update of several keys", several).await;
    let everywhere = Order::scatter().filter(Order::AMOUNT.gt(5));
    let everywhere = everywhere.set(Order::AMOUNT, 2).update_everywhere(on);
    recorder.record("update_everywhere", everywhere).await;
    let delete = query().filter(Order::ID.eq(31)).delete(on);
    recorder.record("delete of a query", delete).await;
    let everywhere = Order::scatter().filter(Order::AMOUNT.gt(5));
    let everywhere = everywhere.delete_everywhere(on);
    recorder.record("delete_everywhere", everywhere).await;
}

async fn texts(recorder: &mut Recorder<'_>, on: &Cluster) {
    let raw = Order::on_shard_of(1)
        .sql("SELECT code FROM {orders} WHERE user_id = ?")
        .bind(1_i64);
    recorder.record("raw SQL", raw.all::<String>(on)).await;
    let update = "UPDATE {orders} SET amount = ? WHERE amount > ?";
    let to_shards = || on.broadcast("shop").sql(update).bind(2_i32).bind(5_i32);
    let done = async { to_shards().execute().await?.into_result() };
    recorder.record("broadcast", done).await;
    let ask = on.broadcast("shop").sql("SELECT COUNT(*) FROM {orders}");
    let counted = async { ask.all::<i64>().await?.into_result() };
    recorder.record("broadcast of a query", counted).await;
}

async fn in_transactions(recorder: &mut Recorder<'_>, on: &Cluster) {
    let call = async {
        let tx = on.begin(Order::shard(1)).await?;
        let query = || Order::on(1).filter(Order::ID.eq(11)).for_update();
        query().all(&tx).await?;
        query().skip_locked().first(&tx).await?;
        Order::on_each([1]).for_update().all(&tx).await?;
        order(11).update(&tx).await?;
        tx.commit().await
    };
    recorder.record("transaction", call).await;
}
