//! Static models, and models of a named database.

use shard_orm::prelude::*;

use crate::{Airline, Country, Limit, Line, Order, Recorder, line, order};

pub(crate) async fn record(recorder: &mut Recorder<'_>, on: &Cluster) {
    let country = Country {
        id: 1,
        name: "Iceland".into(),
    };
    recorder
        .record("named database: insert", country.clone().insert(on))
        .await;
    recorder
        .record("named database: get", Country::get(on, 1))
        .await;
    recorder
        .record("named database: save", country.save(on))
        .await;
    recorder
        .record("named database: all", Country::query().all(on))
        .await;

    let at = || Order::shard(1);
    let airline = Airline {
        id: 1,
        name: "Northern".into(),
    };
    recorder
        .record("source: insert", airline.clone().insert(on))
        .await;
    recorder.record("source: update", airline.update(on)).await;
    recorder
        .record("source: all", Airline::query().all(on))
        .await;
    recorder
        .record("copy: find", Airline::find_copy(on, at(), 1))
        .await;
    let named = Airline::copy(at()).filter(Airline::NAME.eq("Northern"));
    recorder.record("copy: all", named.all(on)).await;
    recorder
        .record("copy: count", Airline::copy(at()).count(on))
        .await;
    let limit = Limit { id: 1, most: 900 };
    recorder
        .record("per server: save", limit.save(on, at()))
        .await;
    recorder
        .record("per server: delete", limit.delete(on, at()))
        .await;

    let row = line(1, &order(11)).insert(on).await.unwrap();
    recorder
        .record("load of copies", Line::AIRLINE.load(on, &[row]))
        .await;
    let joined = Line::on(1).left_join(Line::AIRLINE);
    recorder.record("join of a copy", joined.all(on)).await;
    let joined = Line::scatter().join(Line::AIRLINE);
    recorder
        .record("join of the copies of all shards", joined.all(on))
        .await;
}
