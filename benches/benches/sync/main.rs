//! What it costs to bring copies of a static table up to their source, beside copying the table anew.
//!
//! Each part compares in one run, so that what disturbs one disturbs the others.

mod changes;
#[path = "../shared/cost.rs"]
mod cost;
mod first;
mod item;
#[path = "../shared/machine.rs"]
mod machine;
mod modes;
mod pair;
mod statements;
mod table;

use crate::pair::Pair;

const USAGE: &str = "\
usage: cargo bench -p shard-orm-benches --bench sync -- [OPTION]...

  --first, --modes   only these parts
  --rounds N         rounds of each contender (5)
  --rows N           rows of the table (1000000); one in a thousand changes in each round
  --pairs NAMES      of postgres, mariadb, mixed and sqlite these, with commas between (all)
  --only NAMES       of anew, capture, criterion, full and verify these, with commas between (all)
";

/// What to measure.
#[derive(Debug)]
struct Plan {
    parts: Vec<String>,
    rounds: usize,
    rows: i64,
    pairs: Vec<Pair>,
    only: Option<Vec<String>>,
}

impl Plan {
    /// `None` when help is asked for.
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut plan = Self {
            parts: Vec::new(),
            rounds: 5,
            rows: 1_000_000,
            pairs: Pair::ALL.to_vec(),
            only: None,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // A further part is a module, its name here, and a call in `main`.
                "--first" | "--modes" => plan.parts.push(argument),
                "--rounds" => plan.rounds = arguments.next()?.parse().ok()?,
                "--rows" => plan.rows = arguments.next()?.parse().ok()?,
                "--pairs" => {
                    let names = arguments.next()?;
                    plan.pairs = names.split(',').map(Pair::of).collect::<Option<_>>()?;
                }
                "--only" => {
                    plan.only = Some(arguments.next()?.split(',').map(str::to_owned).collect());
                }
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
        if plan.has("--first") {
            first::measure(plan.rounds).await;
        }
        if plan.has("--modes") {
            statements::count();
            for pair in &plan.pairs {
                modes::measure(*pair, plan.rows, plan.rounds, plan.only.as_deref()).await;
            }
        }
    });
}
