//! One row read, inserted and updated: `shard-orm` beside sqlx written by hand, beside sqlx's own
//! pool and beside SeaORM.
//!
//! All in one process, in rounds that alternate, so that what disturbs one disturbs the others.
//! Each contender's ratio is the median over the rounds of its time by that of the held connection
//! in the same round.

mod catalog;
mod cluster;
mod contender;
#[path = "../shared/cost.rs"]
mod cost;
mod databases;
mod hand_written;
#[path = "../shared/machine.rs"]
mod machine;
#[path = "../shared/order.rs"]
mod order;
mod peer;
mod rows;

use crate::contender::Operation;
use crate::cost::{Column, rounds};
use crate::databases::Field;

const USAGE: &str = "\
usage: cargo bench -p shard-orm-benches --bench statements -- [OPTION]...

  --postgres, --mariadb, --sqlite   only these databases
  --operation NAME       only `select`, `insert` or `update`
  --contender TEXT       only contenders in whose name this stands
  --rounds N             rounds of each contender (21)
  --operations N         operations of a round (2000)
";

/// What to measure.
#[derive(Debug)]
struct Plan {
    postgres: bool,
    mariadb: bool,
    sqlite: bool,
    operation: Option<String>,
    contender: Option<String>,
    rounds: usize,
    operations: usize,
}

fn main() {
    let Some(plan) = plan(std::env::args().skip(1)) else {
        print!("{USAGE}");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        if plan.sqlite {
            compare(databases::sqlite().await, &plan).await;
        }
        if plan.postgres {
            compare(databases::postgres().await, &plan).await;
        }
        if plan.mariadb {
            compare(databases::mariadb().await, &plan).await;
        }
    });
}

/// `None` when help is asked for.
fn plan(mut arguments: impl Iterator<Item = String>) -> Option<Plan> {
    let mut plan = Plan {
        postgres: false,
        mariadb: false,
        sqlite: false,
        operation: None,
        contender: None,
        rounds: 21,
        operations: 2_000,
    };
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|number| number.parse().ok());
        match argument.as_str() {
            "--operation" => plan.operation = Some(arguments.next()?),
            "--contender" => plan.contender = Some(arguments.next()?),
            "--postgres" => plan.postgres = true,
            "--mariadb" => plan.mariadb = true,
            "--sqlite" => plan.sqlite = true,
            "--rounds" => plan.rounds = number()?,
            "--operations" => plan.operations = number()?,
            // Given by cargo.
            "--bench" => {}
            _ => return None,
        }
    }
    if !plan.postgres && !plan.mariadb && !plan.sqlite {
        (plan.postgres, plan.mariadb, plan.sqlite) = (true, true, true);
    }
    Some(plan)
}

async fn compare(mut field: Field, plan: &Plan) {
    if let Some(text) = &plan.contender {
        field
            .contenders
            .retain(|contender| contender.name.contains(text));
    }
    for operation in Operation::ALL {
        let name = format!("{operation:?}").to_lowercase();
        if plan.operation.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let (contenders, rows) = (&mut field.contenders, &mut field.rows);
        let costs = rounds(contenders.len(), plan.rounds, async |index| {
            let contender = &mut contenders[index];
            let warm_up = operation.rows(rows, plan.operations, contender.shard);
            contender.run(operation, warm_up).await;
            let measured = operation.rows(rows, plan.operations, contender.shard);
            contender.run(operation, measured).await
        })
        .await;
        println!(
            "\n{}, {name}: {} rounds of {} operations",
            field.database, plan.rounds, plan.operations
        );
        println!(
            "{:<24}{:>10}{:>8}{:>8}{:>11}{:>8}",
            "", "wall us", "ratio", "best", "client us", "ratio"
        );
        for (contender, cost) in field.contenders.iter().zip(&costs) {
            let wall = Column::new(cost, &costs[0], |cost| cost.wall);
            let cpu = Column::new(cost, &costs[0], |cost| cost.cpu);
            println!(
                "{:<24}{:>10.2}{:>8.3}{:>8.3}{:>11.2}{:>8.3}",
                contender.name, wall.median, wall.ratio, wall.best, cpu.median, cpu.ratio
            );
        }
    }
}
