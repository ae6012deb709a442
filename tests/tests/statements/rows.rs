//! The verbs of rows.

use shard_orm::prelude::*;

use crate::{Job, Order, Recorder, order};

pub(crate) async fn record(recorder: &mut Recorder<'_>, on: &Cluster) {
    let row = order(11);
    let by = (Order::USER_ID, Order::CODE);
    recorder.record("insert", order(11).insert(on)).await;
    let of_one = vec![order(21), order(31)];
    let inserted = Order::insert_many(on, of_one);
    recorder.record("insert_many of one shard", inserted).await;
    let of_two = vec![order(12), order(41)];
    let inserted = Order::insert_many(on, of_two);
    recorder.record("insert_many of two shards", inserted).await;
    recorder.record("get", Order::get(on, 1, 11)).await;
    recorder.record("find", Order::find(on, 1, 1)).await;
    recorder.record("reload", row.reload(on)).await;
    recorder.record("update", row.update(on)).await;
    let only = row.update_only(on, (Order::AMOUNT, Order::PRICE));
    recorder.record("update_only", only).await;
    recorder.record("save", row.clone().save(on)).await;
    recorder.record("upsert", row.upsert(on, by)).await;
    let only = row.upsert_only(on, by, Order::AMOUNT);
    recorder.record("upsert_only", only).await;
    let found = row.clone().get_or_create(on, by);
    recorder.record("get_or_create, found", found).await;
    let created = order(51).get_or_create(on, by);
    recorder.record("get_or_create, created", created).await;
    let updated = row.clone().update_or_create(on, by);
    recorder.record("update_or_create, updated", updated).await;
    let created = order(61).update_or_create(on, by);
    recorder.record("update_or_create, created", created).await;
    recorder.record("delete", order(41).delete(on)).await;

    let job = Job {
        id: 1,
        name: "sweep".into(),
    };
    recorder
        .record("isolated: insert", job.clone().insert(on, 1))
        .await;
    recorder.record("isolated: get", Job::get(on, 1, 1)).await;
    recorder.record("isolated: save", job.save(on, 1)).await;
    recorder.record("isolated: all", Job::on(1).all(on)).await;
}
