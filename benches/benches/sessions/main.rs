//! What a session costs: reads that see the session's own writes, beside reads that go to any replica.
//!
//! Goal: none that can be measured, as long as nothing was written. On PostgreSQL with a real streaming replica. All
//! in one process, in rounds that alternate; a ratio is the median over the rounds of a contender's time by that of
//! the first one in the same round.

mod contender;
#[path = "../shared/cost.rs"]
mod cost;
#[path = "../shared/machine.rs"]
mod machine;
#[path = "../shared/order.rs"]
mod order;
mod replicas;

use crate::contender::Contender;
use crate::cost::Column;
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
    let costs = cost::rounds(contenders.len(), rounds, async |index| {
        let contender = &contenders[index];
        contender.run(replicas.rows(), operations).await;
        contender.run(replicas.rows(), operations).await
    })
    .await;
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
