//! A key of few rows is isolated: its rows alone are copied, or all of its logical shard.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cost::{Column, rounds};
use crate::fleet::{Fleet, MOVING};
use crate::split::timed;

/// The rows of a key.
const ROWS_OF_KEY: i64 = 100;
/// The number of the other keys.
const KEYS: usize = 64;

pub(crate) async fn measure(fleet: &Fleet, rows: i64, given: usize) {
    let names = ["isolated, all parts copied", "isolated, the rest stays"];
    let mut states = vec![BTreeMap::new(); names.len()];
    let mut pauses = vec![Duration::ZERO; names.len()];
    let mut copied = vec![0; names.len()];
    fleet.fill_with_keys(rows, KEYS).await;
    let key = fleet.keys().nth(KEYS).unwrap();
    fleet.give_rows(ROWS_OF_KEY, key).await;
    let costs = rounds(names.len(), given, async |measured| {
        let reshard = fleet.cluster.reshard().unwrap();
        let isolated = reshard.isolate("bench", key, fleet.other()).unwrap();
        let isolated = match measured {
            0 => isolated.copy_all(),
            _ => isolated,
        };
        let (job, cost) = timed(fleet, isolated).await;
        copied[measured] = job.copied.rows;
        pauses[measured] = job.copied.pause.unwrap_or_default();
        let parts: Vec<u32> = job.targets.iter().map(|part| part.shard).collect();
        let merge = reshard.merge_shards("bench", parts, fleet.here());
        timed(fleet, merge).await;
        states[measured] = job.copied.milliseconds;
        cost
    })
    .await;
    println!(
        "\na key of {ROWS_OF_KEY} rows of {rows}, {:?}, logical shard {MOVING}",
        fleet.dialect
    );
    println!(
        "{:<32}{:>9}{:>9}{:>12}{:>12}",
        "", "wall ms", "of first", "rows copied", "pause ms"
    );
    for (number, (name, cost)) in names.iter().zip(&costs).enumerate() {
        let wall = Column::new(cost, &costs[0], |cost| cost.wall);
        println!(
            "{name:<32}{:>9.0}{:>9.3}{:>12}{:>12.1}",
            wall.median / 1e3,
            wall.ratio,
            copied[number],
            pauses[number].as_secs_f64() * 1e3,
        );
    }
    println!("milliseconds of each state in the last round");
    for (name, states) in names.iter().zip(states) {
        println!("{name:<32}{states:?}");
    }
}
