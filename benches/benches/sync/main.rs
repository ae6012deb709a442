//! What it costs to bring copies of a static table up to their source.
//!
//! Each part compares in one run, so that what disturbs one disturbs the others.

#[path = "../shared/cost.rs"]
mod cost;
mod first;

const USAGE: &str = "\
usage: cargo bench -p shard-orm-benches --bench sync -- [OPTION]...

  --first       only this part
  --rounds N    rounds of each contender (5)
";

/// What to measure.
#[derive(Debug)]
struct Plan {
    parts: Vec<String>,
    rounds: usize,
}

impl Plan {
    /// `None` when help is asked for.
    fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut plan = Self {
            parts: Vec::new(),
            rounds: 5,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--first" => plan.parts.push(argument),
                "--rounds" => plan.rounds = arguments.next()?.parse().ok()?,
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
    });
}
