//! The split of a logical shard in two, and their merge, beside its move.

use std::collections::BTreeMap;

use shard_orm::reshard::{ChangeKeys, Job, JobState, Pace};

use crate::cost::{Column, Cost, rounds};
use crate::fleet::{Fleet, MOVING};

pub(crate) async fn measure(fleet: &Fleet, rows: i64, given: usize) {
    let names = ["move", "split in two", "merge of two"];
    fleet.fill_with_keys(rows, 64).await;
    let mut states = vec![BTreeMap::new(); names.len()];
    let costs = rounds(names.len(), given, async |index| match index {
        0 => {
            let mut job = None;
            let cost = Cost::of(1, async { job = Some(fleet.move_away(Pace::Full).await) }).await;
            let job = job.unwrap();
            fleet.finish(job.id).await;
            states[0] = job.copied.milliseconds;
            cost
        }
        measured => {
            let reshard = fleet.cluster.reshard().unwrap();
            let other = fleet.other();
            let split = reshard.split_shard("bench", MOVING, [other, other]);
            let (job, split) = timed(fleet, split).await;
            assert_eq!(job.copied.rows, rows.unsigned_abs());
            let parts: Vec<u32> = job.targets.iter().map(|part| part.shard).collect();
            let merge = reshard.merge_shards("bench", parts, fleet.other());
            let (merged, merge) = timed(fleet, merge).await;
            states[1] = job.copied.milliseconds;
            states[2] = merged.copied.milliseconds;
            if measured == 1 { split } else { merge }
        }
    })
    .await;
    println!("\n{rows} rows, {:?}", fleet.dialect);
    println!(
        "{:<42}{:>9}{:>9}{:>9}{:>9}",
        "", "wall ms", "rows/s", "of first", "best"
    );
    #[allow(clippy::cast_precision_loss)]
    let count = rows as f64;
    for (name, cost) in names.iter().zip(&costs) {
        let wall = Column::new(cost, &costs[0], |cost| cost.wall);
        println!(
            "{name:<42}{:>9.0}{:>9.0}{:>9.3}{:>9.3}",
            wall.median / 1e3,
            count / (wall.median / 1e6),
            1.0 / wall.ratio,
            1.0 / wall.best,
        );
    }
    println!("milliseconds of each state in the last round");
    for (name, states) in names.iter().zip(states) {
        println!("{name:<42}{states:?}");
    }
}

/// Runs a job, and finishes it; the cost up to where the old rows are level.
pub(crate) async fn timed(fleet: &Fleet, request: ChangeKeys) -> (Job, Cost) {
    let reshard = fleet.cluster.reshard().unwrap();
    let request = request
        .key("user_id")
        .accept_relaxed_durability()
        .pace(Pace::Full);
    let mut done = None;
    let cost = Cost::of(1, async {
        let job = request.start().await.unwrap();
        done = Some(reshard.run(job.id).await.unwrap());
    })
    .await;
    let job = done.unwrap();
    assert_eq!(job.state, JobState::Holding, "{job:?}");
    fleet.finish(job.id).await;
    (job, cost)
}
