//! Throughput of point reads by 1, 16 and 64 tasks over 16 connections, beside sqlx's pool.
//!
//! All in one process on one thread, in rounds that alternate; server and client have a core each.
//! A contender's figure is the median over the rounds of its throughput by that of sqlx's pool
//! without its test in the same round.

#[path = "../statements/cluster.rs"]
#[allow(
    dead_code,
    reason = "its other way to open one is that of other benches"
)]
mod cluster;
#[path = "../statements/contender.rs"]
#[allow(dead_code, reason = "its rounds are of one task")]
mod contender;
#[path = "../shared/cost.rs"]
mod cost;
#[path = "../statements/hand_written.rs"]
mod hand_written;
#[path = "../shared/machine.rs"]
mod machine;
#[path = "../shared/order.rs"]
mod order;
#[path = "../statements/rows.rs"]
mod rows;

use std::str::FromStr;
use std::sync::Arc;

use shard_orm::config::PoolOptions;
use shard_orm_tests::servers::{MariaDbServer, PostgresServer};
use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::task::LocalSet;

use crate::cluster::STATEMENT_CACHE;
use crate::contender::Operations;
use crate::cost::{Column, Cost, rounds};
use crate::hand_written::{HandWritten, Texts};
use crate::machine::{CLIENT_CORE, SERVER_CORE, bind_to};
use crate::rows::{Located, Rows};

const SHARDS: u32 = 16;
const STORED_ROWS: i64 = 20_000;
const CONNECTIONS: u32 = 16;
const TASKS: [usize; 3] = [1, 16, 64];

const USAGE: &str = "\
usage: cargo bench -p shard-orm-benches --bench pool -- [OPTION]...

  --postgres, --mariadb   only this server
  --rounds N              rounds of each contender (11)
  --operations N          reads of a round, by all tasks together (6400)
";

/// What to measure.
#[derive(Debug)]
struct Plan {
    postgres: bool,
    mariadb: bool,
    rounds: usize,
    operations: usize,
}

impl Plan {
    /// `None` when help is asked for.
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut plan = Self {
            postgres: true,
            mariadb: true,
            rounds: 11,
            operations: 6_400,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--postgres" => plan.mariadb = false,
                "--mariadb" => plan.postgres = false,
                "--rounds" => plan.rounds = arguments.next()?.parse().ok()?,
                "--operations" => plan.operations = arguments.next()?.parse().ok()?,
                // Given by cargo.
                "--bench" => {}
                _ => return None,
            }
        }
        Some(plan)
    }
}

/// Shares the reads out among so many tasks.
async fn read<O: Operations + Clone + 'static>(
    on: &O,
    tasks: usize,
    rows: &Arc<[Located]>,
) -> Cost {
    let work = async {
        let mut running = Vec::new();
        for task in 0..tasks {
            let (mut on, rows) = (on.clone(), Arc::clone(rows));
            running.push(tokio::task::spawn_local(async move {
                for row in rows.iter().skip(task).step_by(tasks) {
                    let found = on.select(row).await;
                    assert_eq!(found.placed_at, row.order.placed_at);
                }
            }));
        }
        for task in running {
            task.await.unwrap();
        }
    };
    LocalSet::new().run_until(Cost::of(rows.len(), work)).await
}

/// Compares the library with a pool of sqlx that tests its connections, and one that does not.
async fn compare<Pool>(server: &str, url: &str, pool: [HandWritten<Pool>; 2], plan: &Plan)
where
    HandWritten<Pool>: Operations + Clone + 'static,
{
    let [tested, untested] = pool;
    let rows = Rows::new(SHARDS, STORED_ROWS);
    let options = PoolOptions::new().max_connections(CONNECTIONS);
    let cluster = cluster::open_with(url, SHARDS, options, &rows).await;

    let names = ["sqlx pool, no test", "sqlx pool", "shard-orm"];
    let wanted: Arc<[Located]> = rows.some(plan.operations, None).into();
    for tasks in TASKS {
        let costs = rounds(names.len(), plan.rounds, async |contender| {
            let mut cost = None;
            // The first one warms up.
            for _ in 0..2 {
                cost = Some(match contender {
                    0 => read(&untested, tasks, &wanted).await,
                    1 => read(&tested, tasks, &wanted).await,
                    _ => read(&cluster, tasks, &wanted).await,
                });
            }
            cost.unwrap()
        })
        .await;
        println!(
            "\n{server}, {tasks} tasks on {CONNECTIONS} connections: {} rounds of {} reads",
            plan.rounds, plan.operations
        );
        println!(
            "{:<24}{:>10}{:>10}{:>10}{:>11}{:>8}",
            "", "reads/s", "times", "best", "client us", "ratio"
        );
        for (name, cost) in names.iter().zip(&costs) {
            let wall = Column::new(cost, &costs[0], |cost| cost.wall);
            let cpu = Column::new(cost, &costs[0], |cost| cost.cpu);
            println!(
                "{name:<24}{:>10.0}{:>10.3}{:>10.3}{:>11.2}{:>8.3}",
                1e6 / wall.median,
                1.0 / wall.ratio,
                1.0 / wall.best,
                cpu.median,
                cpu.ratio
            );
        }
    }
    cluster.close().await;
}

async fn postgres(plan: &Plan) {
    bind_to(SERVER_CORE);
    let server = PostgresServer::start().await.unwrap();
    bind_to(CLIENT_CORE);
    let options = PgConnectOptions::from_str(server.url()).unwrap();
    let options = options.statement_cache_capacity(STATEMENT_CACHE);
    let options = options.disable_statement_logging();
    let texts: Vec<Texts> = (0..SHARDS)
        .map(|shard| Texts::new(&format!(r#""bench_{shard}"."orders""#)))
        .collect();
    let pool = |test: bool| -> HandWritten<PgPool> {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
        HandWritten {
            on: pool
                .test_before_acquire(test)
                .connect_lazy_with(options.clone()),
            texts: texts.clone(),
        }
    };
    let pools = [pool(true), pool(false)];
    compare("PostgreSQL", server.url(), pools, plan).await;
}

async fn mariadb(plan: &Plan) {
    bind_to(SERVER_CORE);
    let server = MariaDbServer::start().await.unwrap();
    bind_to(CLIENT_CORE);
    let options = MySqlConnectOptions::from_str(server.url()).unwrap();
    let options = options.statement_cache_capacity(STATEMENT_CACHE);
    let options = options.disable_statement_logging();
    let texts: Vec<Texts> = (0..SHARDS)
        .map(|shard| Texts::of_mariadb(&format!("`bench_{shard}`.`orders`")))
        .collect();
    let pool = |test: bool| -> HandWritten<MySqlPool> {
        let pool = MySqlPoolOptions::new().max_connections(CONNECTIONS);
        HandWritten {
            on: pool
                .test_before_acquire(test)
                .connect_lazy_with(options.clone()),
            texts: texts.clone(),
        }
    };
    let pools = [pool(true), pool(false)];
    compare("MariaDB", server.url(), pools, plan).await;
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
