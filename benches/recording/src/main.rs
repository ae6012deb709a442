//! Point reads to be counted by cachegrind, with and without the feature `metrics`.
//!
//! ```text
//! recording URL READS [publish]
//! ```
//!
//! The URL is of a PostgreSQL or MariaDB database whose user may create others, or a folder for SQLite. With
//! `publish`, metrics are published after each thousand reads, to a recorder that keeps all values.

#[cfg(feature = "metrics")]
mod keeping;

use shard_orm::config::{Config, Group, Server};
use shard_orm::prelude::*;

/// The logical shards, all on one server.
const SHARDS: u32 = 16;
/// The reads between two publications.
#[cfg_attr(not(feature = "metrics"), allow(dead_code))]
const PUBLISHED: i64 = 1_000;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "recorded", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    quantity: i64,
    #[shard(length = 40)]
    item: String,
    #[shard(length = 40)]
    note: String,
    at: i64,
}

fn order(id: i64) -> Order {
    Order {
        id,
        user_id: id,
        quantity: 2,
        item: "tea".to_owned(),
        note: "as always".to_owned(),
        at: 1_700_000_000,
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|one| one != "--bench");
    let (Some(url), Some(reads)) = (arguments.next(), arguments.next()) else {
        print!("usage: recording URL READS [publish]");
        return;
    };
    let reads: i64 = reads.parse().unwrap();
    let publishes = arguments.next().is_some();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run(&url, reads, publishes));
}

async fn run(url: &str, reads: i64, publishes: bool) {
    let group = Group::new(SHARDS).server(Server::new("a", url));
    let cluster = Cluster::connect(&Config::new("recorded").group("recorded", group))
        .await
        .unwrap();
    cluster.setup().table::<Order>().run().await.unwrap();
    for id in 0..500 {
        order(id).save(&cluster).await.unwrap();
    }
    let publish = publisher(&cluster, publishes);
    for read in 0..reads {
        let id = read % 500;
        assert_eq!(Order::get(&cluster, id, id).await.unwrap().id, id);
        publish(read);
    }
    cluster.close().await;
}

#[cfg(feature = "metrics")]
fn publisher(cluster: &Cluster, publishes: bool) -> impl Fn(i64) {
    use shard_orm::metrics::{Publisher, describe};

    if publishes {
        metrics::set_global_recorder(keeping::Keeping::default()).unwrap();
        describe();
    }
    let publisher = Publisher::new(cluster);
    move |read| {
        if publishes && read % PUBLISHED == PUBLISHED - 1 {
            publisher.publish();
        }
    }
}

#[cfg(not(feature = "metrics"))]
fn publisher(_cluster: &Cluster, _publishes: bool) -> impl Fn(i64) {
    |_| {}
}
