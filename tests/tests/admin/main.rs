//! What operators ask of a cluster: status, checks, SQL, and the copies of static tables.

#![allow(clippy::single_range_in_vec_init)] // Runs of shards are lists of ranges.

mod check;
mod copies;
mod migrations;
mod route;
mod sql;
mod status;
mod sync;
mod users;

use shard_orm::prelude::*;
use shard_orm_tests::fixture::Fixture;

/// A sharded row.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
pub(crate) struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    item: String,
    note: Option<Vec<u8>>,
}

/// A row of which each server has a copy.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(source = "default", groups = ["shop"], table = "airlines")]
pub(crate) struct Airline {
    #[static_model(primary_key, length = 3)]
    code: String,
    name: String,
}

/// A row of the named database.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "settings")]
pub(crate) struct Setting {
    #[shard(primary_key, length = 64)]
    name: String,
    value: String,
}

/// An order of each logical shard; returns their keys, by the number of the shard.
async fn fill(fixture: &Fixture) -> Vec<i64> {
    let keys = fixture.key_of_each_shard();
    let orders = keys.iter().map(|key| Order {
        id: fixture.id(),
        user_id: *key,
        item: "tea".to_owned(),
        note: None,
    });
    Order::insert_many(&fixture.cluster, orders.collect())
        .await
        .unwrap();
    keys
}
