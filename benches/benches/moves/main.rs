//! What it costs to move a logical shard between two servers: alone, beside what a database brings for it, and under
//! traffic.

mod alone;
mod capture;
#[path = "../shared/cost.rs"]
mod cost;
mod fleet;
mod isolate;
mod latency;
#[path = "../shared/machine.rs"]
mod machine;
mod pause;
mod split;
mod traffic;

use shard_orm::Dialect;

use crate::fleet::Fleet;

const USAGE: &str = "\
usage: cargo bench -p shard-orm-benches --bench moves -- [OPTION]...

  --alone      rows a second, beside COPY | COPY, mariadb-dump | mariadb, and INSERT .. SELECT
  --split      rows a second of a split in two, and of their merge, beside a move
  --isolate    how long it takes to isolate a key of 100 rows, beside doing it with all parts copied
  --capture    the cost of a write while its changes are captured
  --traffic    latencies before, during and after a move
  --pause      how long writes wait at a switch
               only these parts (all)
  --sqlite, --postgres, --mariadb   only this database
  --rounds N   rounds of --alone, --split, --isolate and --capture (5)
  --rows N     rows of --alone, --split and --isolate (1000000)
  --moves N    moves of --pause (100)
";

/// What to measure.
#[derive(Debug)]
struct Plan {
    parts: Vec<String>,
    databases: Vec<Dialect>,
    rounds: usize,
    rows: i64,
    moves: usize,
}

impl Plan {
    /// `None` when help is asked for.
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut plan = Self {
            parts: Vec::new(),
            databases: Vec::new(),
            rounds: 5,
            rows: 1_000_000,
            moves: 100,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--alone" | "--split" | "--isolate" | "--capture" | "--traffic" | "--pause" => {
                    plan.parts.push(argument)
                }
                "--sqlite" => plan.databases.push(Dialect::Sqlite),
                "--postgres" => plan.databases.push(Dialect::Postgres),
                "--mariadb" => plan.databases.push(Dialect::MySql),
                "--rounds" => plan.rounds = arguments.next()?.parse().ok()?,
                "--rows" => plan.rows = arguments.next()?.parse().ok()?,
                "--moves" => plan.moves = arguments.next()?.parse().ok()?,
                // Given by cargo.
                "--bench" => {}
                _ => return None,
            }
        }
        if plan.databases.is_empty() {
            plan.databases = vec![Dialect::Sqlite, Dialect::Postgres, Dialect::MySql];
        }
        Some(plan)
    }

    fn has(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|one| one == part)
    }
}

fn main() {
    let Some(plan) = Plan::read(std::env::args().skip(1)) else {
        print!("{USAGE}");
        return;
    };
    // Nothing is bound to a core: two servers, the mover and the application share all that there are.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for dialect in &plan.databases {
            let fleet = Fleet::open(*dialect).await;
            if plan.has("--alone") {
                alone::measure(&fleet, plan.rows, plan.rounds).await;
            }
            if plan.has("--split") {
                split::measure(&fleet, plan.rows, plan.rounds).await;
            }
            if plan.has("--isolate") {
                isolate::measure(&fleet, plan.rows, plan.rounds).await;
            }
            if plan.has("--capture") {
                capture::measure(&fleet, plan.rounds).await;
            }
            if plan.has("--traffic") {
                traffic::measure(&fleet).await;
            }
            if plan.has("--pause") {
                pause::measure(&fleet, plan.moves).await;
            }
        }
    });
}
