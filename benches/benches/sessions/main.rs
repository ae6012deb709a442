//! What a session costs: reads that see the session's own writes, beside reads that go to any replica.
//!
//! Goal: none that can be measured, as long as nothing was written. On PostgreSQL with a real streaming replica. All
//! in one process, in rounds that alternate; a ratio is the median over the rounds of a contender's time by that of
//! the first one in the same round.

mod contender;
mod replicas;

use std::time::Duration;

use shard_orm::route::mix64;

use crate::contender::{Contender, Cost};
use crate::replicas::Replicas;

const USAGE: &str = "\
usage: cargo bench -p shard-orm-benches --bench sessions -- [OPTION]...

  --rounds N         rounds of each contender (21)
  --operations N     operations of a round (2000)
";

fn main() {
    let mut rounds = 21;
    let mut operations = 2_000;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let number = match argument.as_str() {
            "--rounds" => &mut rounds,
            "--operations" => &mut operations,
            // Given by cargo.
            "--bench" => continue,
            _ => return print!("{USAGE}"),
        };
        let Some(given) = arguments.next().and_then(|given| given.parse().ok()) else {
            return print!("{USAGE}");
        };
        *number = given;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let replicas = Replicas::start().await;
        let read = Contender::that_read(&replicas).await;
        compare("one row read", read, &replicas, rounds, operations).await;
        let write = Contender::that_write_and_read(&replicas).await;
        let operations = operations / 4;
        compare(
            "one row updated, then read",
            write,
            &replicas,
            rounds,
            operations,
        )
        .await;
    });
}

async fn compare(
    what: &str,
    contenders: Vec<Contender>,
    replicas: &Replicas,
    rounds: usize,
    operations: usize,
) {
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); contenders.len()];
    for round in 0..=rounds {
        // In another order each time, so that nobody always follows the same one.
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        order.sort_unstable_by_key(|index| mix64((round * 100 + index) as u64));
        for index in order {
            let contender = &contenders[index];
            // The others have been busy meanwhile: caches are filled again first.
            contender.run(replicas.rows(), operations).await;
            let cost = contender.run(replicas.rows(), operations).await;
            // Statements are prepared in the first round.
            if round > 0 {
                costs[index].push(cost);
            }
        }
    }
    println!("\nPostgreSQL with a replica, {what}: {rounds} rounds of {operations} operations");
    println!(
        "{:<44}{:>9}{:>8}{:>8}{:>11}{:>8}{:>12}",
        "", "wall us", "ratio", "best", "client us", "ratio", "by primary"
    );
    for (contender, cost) in contenders.iter().zip(&costs) {
        let wall = Column::new(cost, &costs[0], |cost| cost.wall);
        let cpu = Column::new(cost, &costs[0], |cost| cost.cpu);
        let share = contender.share_of_primary(replicas).await;
        println!(
            "{:<44}{:>9.2}{:>8.3}{:>8.3}{:>11.2}{:>8.3}{:>10.0} %",
            contender.name, wall.median, wall.ratio, wall.best, cpu.median, cpu.ratio, share
        );
    }
}

/// One measure of one contender.
#[derive(Debug)]
struct Column {
    /// Microseconds.
    median: f64,
    /// The median of its ratios to the base, round by round.
    ratio: f64,
    /// Its best round by the base's best.
    best: f64,
}

impl Column {
    fn new(own: &[Cost], base: &[Cost], of: impl Fn(&Cost) -> Duration) -> Self {
        let micros = |costs: &[Cost]| -> Vec<f64> {
            costs
                .iter()
                .map(|cost| of(cost).as_secs_f64() * 1e6)
                .collect()
        };
        let (own, base) = (micros(own), micros(base));
        let ratios = own.iter().zip(&base).map(|(own, base)| own / base);
        let best = |costs: &[f64]| costs.iter().copied().fold(f64::INFINITY, f64::min);
        Self {
            ratio: median(ratios.collect()),
            best: best(&own) / best(&base),
            median: median(own),
        }
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
