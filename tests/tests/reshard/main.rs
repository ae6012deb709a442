//! Moves of logical shards between servers, while the application writes.

mod basic;
mod crowded;
mod everything;
mod failover;
mod fleet;
mod gradual;
mod histories;
mod keyless;
mod keys;
mod killed;
mod kinds;
mod merges;
mod mirror;
mod outages;
mod pgbench;
mod plans;
mod prepared;
mod published;
mod ranges;
mod refused;
mod regrouped;
mod requests;
mod space;
mod splits;
mod staying;
mod strategies;
mod values;
mod writer;

use std::time::Duration;

use shard_orm::config::{self, Config, Database};
use shard_orm::prelude::*;
use shard_orm_tests::database::{create_account, without_password};
use shard_orm_tests::fixture::{DATABASE, Fixture};
use shard_orm_tests::relay::Relay;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(unique)]
    code: String,
    amount: Option<i32>,
}

/// The logical shard that moves from the first server to the second.
const MOVING: u32 = 0;

/// The topology of the fixture as a document.
fn document(fixture: &Fixture) -> String {
    let shards = fixture.logical_shards / fixture.servers;
    let servers = fixture.server_urls().iter().zip(0_u32..);
    let servers = servers.map(|(url, number)| {
        let url = without_password(url);
        let first = number * shards;
        format!(
            "[[groups.shop.servers]]\nname = 'server-{number}'\nprimary = '{url}'\n\
             shards = '{first}..{}'\n",
            first + shards
        )
    });
    format!(
        "name = '{}'\n[databases.default]\nprimary = '{}'\n[groups.shop]\nlogical_shards = {}\n\
         namespace = '{}'\nstatic_namespace = '{}'\n{}",
        fixture.cluster_name(),
        without_password(fixture.database_url()),
        fixture.logical_shards,
        fixture.namespace(),
        fixture.namespace().replace("{shard}", "static"),
        servers.collect::<String>()
    )
}

/// The cluster of an operator, with a catalog.
async fn cluster(fixture: &Fixture) -> Cluster {
    cluster_of(fixture, &document(fixture)).await
}

/// The cluster of an operator, with this topology in its catalog.
async fn cluster_of(fixture: &Fixture, document: &str) -> Cluster {
    // One may be of another kind than the others.
    for url in fixture.server_urls() {
        create_account(url).await;
    }
    let cluster = process(fixture).await;
    let catalog = cluster.catalog().unwrap();
    catalog.initialize(document).await.unwrap();
    cluster
}

/// A network to the second server, and the topology in which all reach it by that. None on SQLite, whose files need none.
async fn relayed(fixture: &Fixture) -> Option<(Relay, String)> {
    let url = without_password(&fixture.server_urls()[1]);
    if url.starts_with("sqlite") {
        return None;
    }
    let relay = Relay::to(&url).await;
    let document = document(fixture);
    let (first, second) = document.split_once("name = 'server-1'").unwrap();
    let second = second.replace(&url, &relay.url(&url));
    Some((relay, format!("{first}name = 'server-1'{second}")))
}

/// The configuration of a process of the same cluster.
fn config(fixture: &Fixture) -> Config {
    let catalog = config::Catalog::new(DATABASE)
        .poll(Duration::from_millis(100))
        .process("test")
        .heartbeat(None);
    Config::new(fixture.cluster_name())
        .database(DATABASE, Database::new(fixture.database_url()))
        .catalog(catalog)
}

/// Another process of the same cluster.
async fn process(fixture: &Fixture) -> Cluster {
    Cluster::connect(&config(fixture)).await.unwrap()
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "settings")]
struct Setting {
    #[shard(primary_key)]
    id: i64,
}
