//! The move of a logical shard without traffic, beside a copy by what comes with the database.

use shard_orm::Dialect;
use shard_orm::reshard::Pace;

use crate::cost::{Column, Cost, rounds};
use crate::fleet::Fleet;

/// The states of a job in which it prepares a switch.
const STATES: [&str; 7] = [
    "preparing",
    "copying",
    "levelling",
    "verifying",
    "ready",
    "switching",
    "switched",
];

pub(crate) async fn measure(fleet: &Fleet, rows: i64, given: usize) {
    let by_hand = match fleet.dialect {
        Dialect::Postgres => "psql COPY | psql COPY, indexes after",
        Dialect::MySql => "mariadb-dump | mariadb",
        Dialect::Sqlite => "ATTACH, INSERT .. SELECT, indexes after",
    };
    let names = [by_hand, "move, all of it"];
    fleet.fill(rows).await;
    let mut times: Vec<Vec<u64>> = Vec::new();
    let costs = rounds(names.len(), given, async |index| {
        if index == 0 {
            let cost = Cost::of(1, fleet.copy_by_hand()).await;
            fleet.remove_copy().await;
            return cost;
        }
        let mut job = None;
        let cost = Cost::of(1, async { job = Some(fleet.move_away(Pace::Full).await) }).await;
        let job = job.unwrap();
        assert_eq!(job.copied.rows, rows.unsigned_abs());
        let of = |state: &&str| {
            job.copied
                .milliseconds
                .get(*state)
                .copied()
                .unwrap_or_default()
        };
        times.push(STATES.iter().map(of).collect());
        fleet.finish(job.id).await;
        cost
    })
    .await;
    println!("\n{rows} rows, {:?}", fleet.dialect);
    println!(
        "{:<42}{:>9}{:>9}{:>9}{:>9}{:>11}",
        "", "wall ms", "rows/s", "of first", "best", "client ms"
    );
    #[allow(clippy::cast_precision_loss)]
    let count = rows as f64;
    for (name, cost) in names.iter().zip(&costs) {
        let wall = Column::new(cost, &costs[0], |cost| cost.wall);
        let cpu = Column::new(cost, &costs[0], |cost| cost.cpu);
        println!(
            "{name:<42}{:>9.0}{:>9.0}{:>9.3}{:>9.3}{:>11.0}",
            wall.median / 1e3,
            count / (wall.median / 1e6),
            1.0 / wall.ratio,
            1.0 / wall.best,
            cpu.median / 1e3
        );
    }
    let median = |at: usize| {
        let mut column: Vec<u64> = times.iter().map(|times| times[at]).collect();
        column.sort_unstable();
        column[column.len() / 2]
    };
    let parts = STATES
        .iter()
        .enumerate()
        .map(|(at, state)| format!("{state} {}", median(at)));
    println!("milliseconds: {}", parts.collect::<Vec<_>>().join(", "));
}
