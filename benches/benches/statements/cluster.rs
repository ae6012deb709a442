//! `shard-orm`.

use shard_orm::config::{Config, Group, PoolOptions, Server};
use shard_orm::prelude::*;

use crate::contender::Operations;
use crate::order::Order;
use crate::rows::{Located, Rows};

/// The statements that each connection keeps, of every contender.
pub(crate) const STATEMENT_CACHE: usize = 500;

/// Opens a cluster of one server and makes its tables, with the rows in them.
pub(crate) async fn open(url: &str, shards: u32, rows: &Rows) -> Cluster {
    open_with(url, shards, PoolOptions::new(), rows).await
}

/// The same with a pool of these options.
pub(crate) async fn open_with(url: &str, shards: u32, pool: PoolOptions, rows: &Rows) -> Cluster {
    let config = Config::new("bench").group(
        "bench",
        Group::new(shards)
            .namespace("bench_{shard}")
            .pool(pool.statement_cache(STATEMENT_CACHE))
            .server(Server::new("a", url)),
    );
    let cluster = Cluster::connect(&config).await.unwrap();
    cluster.setup().table::<Order>().run().await.unwrap();
    let orders = rows.stored().iter().map(|row| row.order.clone()).collect();
    Order::insert_many(&cluster, orders).await.unwrap();
    cluster
}

impl Operations for Cluster {
    async fn select(&mut self, row: &Located) -> Order {
        Order::get(&*self, row.order.user_id, row.order.id)
            .await
            .unwrap()
    }

    async fn insert(&mut self, row: Located) {
        row.order.insert(&*self).await.unwrap();
    }

    async fn update(&mut self, row: &Located) {
        row.order.update(&*self).await.unwrap();
    }
}
