//! Point reads with 1, 16, 256 and 1,024 logical shards on one server.
//!
//! The same 20,000 rows in each; in rounds that alternate, as the others.

#[path = "../shared/cost.rs"]
mod cost;
mod hand;
#[path = "../shared/machine.rs"]
mod machine;
#[path = "../shared/order.rs"]
mod order;

use std::time::Instant;

use shard_orm::config::{Config, Group, PoolOptions, Server};
use shard_orm::prelude::*;
use shard_orm::route::mix64;
use shard_orm_tests::database::fresh_postgres_on;
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};

use crate::cost::{Column, Cost, rounds};
use crate::hand::Hand;
use crate::machine::{CLIENT_CORE, SERVER_CORE, bind_to};
use crate::order::Order;

const SHARDS: [u32; 4] = [1, 16, 256, 1_024];
const ROWS: i64 = 20_000;

const USAGE: &str = "\
usage: cargo bench -p shard-orm-benches --bench shards -- [OPTION]...

  --postgres, --mariadb   only this server
  --rounds N              rounds of each number of shards (15)
  --operations N          reads of a round (4000)
  --connections N         the most connections of each cluster (4)
";

/// What to measure.
#[derive(Debug)]
struct Plan {
    postgres: bool,
    mariadb: bool,
    rounds: usize,
    operations: usize,
    connections: u32,
}

impl Plan {
    /// `None` when help is asked for.
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut plan = Self {
            postgres: true,
            mariadb: true,
            rounds: 15,
            operations: 4_000,
            connections: 4,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--postgres" => plan.mariadb = false,
                "--mariadb" => plan.postgres = false,
                "--rounds" => plan.rounds = arguments.next()?.parse().ok()?,
                "--operations" => plan.operations = arguments.next()?.parse().ok()?,
                "--connections" => plan.connections = arguments.next()?.parse().ok()?,
                // Given by cargo.
                "--bench" => {}
                _ => return None,
            }
        }
        Some(plan)
    }
}

/// A cluster of so many logical shards, with the rows in them.
async fn open(url: &str, shards: u32, connections: u32) -> Cluster {
    let begun = Instant::now();
    let group = Group::new(shards).namespace(format!("of_{shards}_{{shard}}"));
    let group = group.pool(PoolOptions::new().max_connections(connections));
    // One server of MariaDB has the namespaces of all.
    let config = Config::new(format!("bench_{shards}"));
    let config = config.group("bench", group.server(Server::new("a", url)));
    let cluster = Cluster::connect(&config).await.unwrap();
    cluster.setup().table::<Order>().run().await.unwrap();
    let orders = (1..=ROWS).map(Order::new).collect();
    Order::insert_many(&cluster, orders).await.unwrap();
    println!(
        "{shards} logical shards made and filled in {:.1?}",
        begun.elapsed()
    );
    cluster
}

async fn read(cluster: &Cluster, operations: usize) -> Cost {
    Cost::of(operations, async {
        for turn in 0..operations {
            let id = 1 + (mix64(turn as u64) % ROWS.unsigned_abs()).cast_signed();
            let row = Order::new(id);
            let found = Order::get(cluster, row.user_id, id).await.unwrap();
            assert_eq!(found.placed_at, row.placed_at);
        }
    })
    .await
}

/// The same rows, by hand.
async fn read_by_hand(hand: &mut Hand, operations: usize) -> Cost {
    let rows = (0..operations).map(|turn| {
        let id = 1 + (mix64(turn as u64) % ROWS.unsigned_abs()).cast_signed();
        let row = Order::new(id);
        (hand.shard_of(row.user_id), row)
    });
    let rows: Vec<(usize, Order)> = rows.collect();
    Cost::of(operations, async {
        for (shard, row) in &rows {
            let found = hand.read(*shard, row).await;
            assert_eq!(found.placed_at, row.placed_at);
        }
    })
    .await
}

async fn compare(server: &str, clusters: &[Cluster], plan: &Plan) {
    let costs = rounds(clusters.len(), plan.rounds, async |index| {
        read(&clusters[index], plan.operations).await;
        read(&clusters[index], plan.operations).await
    })
    .await;
    print(server, &costs, plan);
}

/// In the same rounds by `shard-orm` and by hand.
async fn compare_with_hand(clusters: &[Cluster], hands: &mut [Hand], plan: &Plan) {
    let ways = clusters.len();
    let mut costs = rounds(2 * ways, plan.rounds, async |index| {
        if index < ways {
            read(&clusters[index], plan.operations).await;
            read(&clusters[index], plan.operations).await
        } else {
            read_by_hand(&mut hands[index - ways], plan.operations).await;
            read_by_hand(&mut hands[index - ways], plan.operations).await
        }
    })
    .await;
    let by_hand = costs.split_off(ways);
    print("PostgreSQL", &costs, plan);
    print("PostgreSQL by sqlx, held connection", &by_hand, plan);
}

fn print(server: &str, costs: &[Vec<Cost>], plan: &Plan) {
    println!(
        "\n{server}, point reads: {} rounds of {} reads",
        plan.rounds, plan.operations
    );
    println!(
        "{:<24}{:>10}{:>8}{:>8}{:>11}{:>8}",
        "", "wall us", "ratio", "best", "client us", "ratio"
    );
    for (shards, cost) in SHARDS.iter().zip(costs) {
        let wall = Column::new(cost, &costs[0], |cost| cost.wall);
        let cpu = Column::new(cost, &costs[0], |cost| cost.cpu);
        println!(
            "{:<24}{:>10.2}{:>8.3}{:>8.3}{:>11.2}{:>8.3}",
            format!("{shards} logical shards"),
            wall.median,
            wall.ratio,
            wall.best,
            cpu.median,
            cpu.ratio
        );
    }
}

async fn postgres(plan: &Plan) {
    bind_to(SERVER_CORE);
    let server = PostgresServer::start().await.unwrap();
    bind_to(CLIENT_CORE);
    let (mut clusters, mut hands) = (Vec::new(), Vec::new());
    let mut databases = Vec::new();
    for shards in SHARDS {
        let database = fresh_postgres_on(server.url()).await;
        let cluster = open(database.url(), shards, plan.connections).await;
        hands.push(Hand::open(database.url(), shards, &cluster).await);
        clusters.push(cluster);
        databases.push(database);
    }
    compare_with_hand(&clusters, &mut hands, plan).await;
    for hand in hands {
        hand.close().await;
    }
    for cluster in clusters {
        cluster.close().await;
    }
}

async fn mariadb(plan: &Plan) {
    bind_to(SERVER_CORE);
    let server = MariaDbServer::start().await.unwrap();
    bind_to(CLIENT_CORE);
    let mut clusters = Vec::new();
    for shards in SHARDS {
        clusters.push(open(server.url(), shards, plan.connections).await);
    }
    compare("MariaDB", &clusters, plan).await;
    for cluster in clusters {
        cluster.close().await;
    }
}

fn main() {
    let Some(plan) = Plan::read(std::env::args().skip(1)) else {
        print!("{USAGE}");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        if plan.postgres {
            postgres(&plan).await;
        }
        if plan.mariadb {
            mariadb(&plan).await;
        }
    });
}
