//! The ten latest orders of all logical shards: asked at once, or of one logical shard after the other.

use futures_util::future::try_join_all;
use shard_orm::config::{Config, Group, PoolOptions, Server};
use shard_orm::prelude::*;
use shard_orm::{Query, query::OnShard};

use crate::cost::Cost;
use crate::order::Order;

const ROWS: u32 = 10;

/// Ways to ask for them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// One query over all logical shards.
    Scatter,
    /// A query of each, all begun at once, merged by hand.
    SideBySide,
    /// A query of each, one after the other, merged by hand.
    InTurn,
    /// Of one logical shard alone.
    One,
}

/// A cluster of these servers with so many orders.
pub(crate) async fn open(shards: u32, servers: &[String], orders: i64) -> Cluster {
    let cluster = connect(shards, servers).await;
    cluster.setup().table::<Order>().run().await.unwrap();
    let orders = (1..=orders).map(Order::new).collect();
    Order::insert_many(&cluster, orders).await.unwrap();
    cluster
}

/// A cluster of these servers as they are.
pub(crate) async fn connect(shards: u32, servers: &[String]) -> Cluster {
    let mut group = Group::new(shards)
        .namespace("bench_{shard}")
        .pool(PoolOptions::new().statement_cache(500));
    for (number, url) in servers.iter().enumerate() {
        group = group.server(Server::new(format!("server-{number}"), url));
    }
    Cluster::connect(&Config::new("bench").group("bench", group))
        .await
        .unwrap()
}

impl Way {
    /// Asks so many times.
    pub(crate) async fn run(self, cluster: &Cluster, shards: u32, operations: usize) -> Cost {
        Cost::of(operations, async {
            for _ in 0..operations {
                self.ask(cluster, shards).await;
            }
        })
        .await
    }

    async fn ask(self, cluster: &Cluster, shards: u32) {
        let of = |shard| latest(shard).all(cluster);
        let found = match self {
            Self::Scatter => {
                let all = Order::scatter()
                    .order_by(Order::PLACED_AT.desc())
                    .limit(ROWS.into());
                all.all(cluster).await.unwrap()
            }
            Self::SideBySide => merged(try_join_all((0..shards).map(of)).await.unwrap()),
            Self::InTurn => {
                let mut all = Vec::new();
                for shard in 0..shards {
                    all.push(of(shard).await.unwrap());
                }
                merged(all)
            }
            Self::One => of(0).await.unwrap(),
        };
        assert_eq!(found.len(), ROWS as usize);
        assert!(found.is_sorted_by(|one, two| one.placed_at > two.placed_at));
    }
}

fn latest(shard: u32) -> Query<Order, OnShard> {
    Order::on_shard(shard)
        .order_by(Order::PLACED_AT.desc())
        .limit(ROWS.into())
}

fn merged(answers: Vec<Vec<Order>>) -> Vec<Order> {
    let mut all: Vec<Order> = answers.into_iter().flatten().collect();
    all.sort_unstable_by_key(|order| std::cmp::Reverse(order.placed_at));
    all.truncate(ROWS as usize);
    all
}
