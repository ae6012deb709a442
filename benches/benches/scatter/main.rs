//! What a query over many logical shards costs: its round trips, its time over many servers, its merging, its memory.
//!
//! Each part compares in one run, so that what disturbs one disturbs the others.

mod best;
#[path = "../shared/cost.rs"]
mod cost;
#[path = "../shared/machine.rs"]
mod machine;
mod many;
mod memory;
mod merge;
#[path = "../shared/order.rs"]
mod order;
mod ordered;
mod round_trips;
mod top;

use crate::cost::Cost;

const USAGE: &str = "\
usage: cargo bench -p shard-orm-benches --bench scatter -- [OPTION]...

  --round-trips, --servers, --files, --ordered, --best, --merge, --memory   only these parts
  --contender TEXT   of the ordered files, only contenders in whose name this stands
  --rounds N    rounds of each contender (11)
  --rows N      rows that are merged to see how much memory they take (10000000)
";

/// What to measure.
#[derive(Debug)]
struct Plan {
    parts: Vec<String>,
    contender: Option<String>,
    rounds: usize,
    rows: i64,
}

impl Plan {
    /// `None` when help is asked for.
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut plan = Self {
            parts: Vec::new(),
            contender: None,
            rounds: 11,
            rows: 10_000_000,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--round-trips" | "--servers" | "--files" | "--ordered" | "--best" | "--merge"
                | "--memory" => {
                    plan.parts.push(argument);
                }
                "--contender" => plan.contender = Some(arguments.next()?),
                "--rounds" => plan.rounds = arguments.next()?.parse().ok()?,
                "--rows" => plan.rows = arguments.next()?.parse().ok()?,
                // Given by cargo.
                "--bench" => {}
                _ => return None,
            }
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // Memory first, while little was allocated.
        if plan.has("--memory") {
            memory::measure(plan.rows).await;
        }
        if plan.has("--round-trips") {
            round_trips::measure(plan.rounds).await;
        }
        if plan.has("--servers") {
            many::servers(plan.rounds).await;
        }
        if plan.has("--files") {
            many::files(plan.rounds).await;
        }
        if plan.has("--ordered") {
            ordered::measure(&plan).await;
        }
        if plan.has("--best") {
            best::measure(&plan).await;
        }
        if plan.has("--merge") {
            merge::measure(plan.rounds).await;
        }
    });
}

/// One line for each contender; the first is the measure of the others.
fn print(what: &str, contenders: &[&str], costs: &[Vec<Cost>]) {
    println!("\n{what}");
    println!(
        "{:<52}{:>9}{:>8}{:>8}{:>11}{:>8}{:>8}{:>10}",
        "", "wall ms", "ratio", "best", "client ms", "ratio", "best", "switches"
    );
    for (name, cost) in contenders.iter().zip(costs) {
        let wall = cost::Column::new(cost, &costs[0], |cost| cost.wall);
        let cpu = cost::Column::new(cost, &costs[0], |cost| cost.cpu);
        println!(
            "{name:<52}{:>9.2}{:>8.3}{:>8.3}{:>11.2}{:>8.3}{:>8.3}{:>10.0}",
            wall.median / 1e3,
            wall.ratio,
            wall.best,
            cpu.median / 1e3,
            cpu.ratio,
            cpu.best,
            cost::switches(cost)
        );
    }
}
