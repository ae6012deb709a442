//! 64 logical shards on four PostgreSQL databases: round trips and time of the ten latest orders.

use shard_orm_tests::database::{PostgresDatabase, fresh_postgres_on};
use shard_orm_tests::relay::Relay;
use shard_orm_tests::servers::PostgresServer;

use crate::cost::rounds;
use crate::machine::{CLIENT_CORE, SERVER_CORE, bind_to};
use crate::top::{self, Way};

const SHARDS: u32 = 64;
const DATABASES: usize = 4;
const ORDERS: i64 = 50_000;
const OPERATIONS: usize = 20;

pub(crate) async fn measure(given: usize) {
    bind_to(SERVER_CORE);
    let server = PostgresServer::start().await.unwrap();
    bind_to(CLIENT_CORE);
    let databases = databases(&server).await;
    let urls: Vec<String> = databases.iter().map(|one| one.url().to_owned()).collect();
    let cluster = top::open(SHARDS, &urls, ORDERS).await;

    // Counted by relays, through which another client asks the same.
    let mut relays = Vec::new();
    for url in &urls {
        relays.push(Relay::to(url).await);
    }
    let relayed: Vec<String> = relays
        .iter()
        .zip(&urls)
        .map(|(relay, url)| relay.url(url))
        .collect();
    let counted = top::connect(SHARDS, &relayed).await;
    println!(
        "\n{SHARDS} logical shards on {DATABASES} PostgreSQL databases: messages to the servers"
    );
    for (name, way) in WAYS {
        // Statements are prepared first, on as many connections as are opened for it.
        for _ in 0..5 {
            way.run(&counted, SHARDS, 4).await;
        }
        let before: usize = relays.iter().map(Relay::sent).sum();
        way.run(&counted, SHARDS, OPERATIONS).await;
        let sent = relays.iter().map(Relay::sent).sum::<usize>() - before;
        println!("{name:<52}{:>9.2}", sent as f64 / OPERATIONS as f64);
    }

    let costs = rounds(WAYS.len(), given, async |index| {
        let way = WAYS[index].1;
        way.run(&cluster, SHARDS, OPERATIONS).await;
        way.run(&cluster, SHARDS, OPERATIONS).await
    })
    .await;
    let names = WAYS.map(|(name, _)| name);
    crate::print(
        "The same: time of the ten latest of 50,000 orders",
        &names,
        &costs,
    );
}

const WAYS: [(&str, Way); 3] = [
    ("scatter()", Way::Scatter),
    ("on_shard(n) of each, all at once", Way::SideBySide),
    ("on_shard(n) of each, one after the other", Way::InTurn),
];

/// Empty databases of one server.
pub(crate) async fn databases(server: &PostgresServer) -> Vec<PostgresDatabase> {
    let mut databases = Vec::new();
    for _ in 0..DATABASES {
        databases.push(fresh_postgres_on(server.url()).await);
    }
    databases
}
