//! The cost of a write while the changes of its table are captured.

use std::time::Duration;

use shard_orm::prelude::*;
use shard_orm::reshard::{JobState, Pace};

use crate::cost::{Column, Cost, rounds};
use crate::fleet::{Fleet, MOVING, Order};

const ROWS: i64 = 50_000;
const WRITES: usize = 2_000;

pub(crate) async fn measure(fleet: &Fleet, given: usize) {
    fleet.fill(ROWS).await;
    let application = fleet.process().await;
    let key = fleet.key();
    let reshard = fleet.cluster.reshard().unwrap();
    let mut next = 10 * ROWS;
    let mut job = None;
    let names = ["insert", "insert, captured", "update", "update, captured"];
    let costs = rounds(names.len(), given, async |index| {
        // The copy waits for its throttle after its first page, and the capture is there meanwhile.
        if index % 2 == 1 && job.is_none() {
            let request = reshard.move_shard("bench", MOVING, fleet.other());
            let id = request
                .pace(Pace::RowsPerSecond(1))
                .accept_relaxed_durability()
                .start()
                .await
                .unwrap()
                .id;
            let running = tokio::spawn({
                let reshard = reshard.clone();
                async move { reshard.run(id).await.unwrap() }
            });
            while reshard.job(id).await.unwrap().state != JobState::Copying {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            job = Some((id, running));
        }
        if index % 2 == 0
            && let Some((id, running)) = job.take()
        {
            reshard.abort(id).await.unwrap();
            assert_eq!(running.await.unwrap().state, JobState::Aborted);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        Cost::of(WRITES, async {
            for (number, quantity) in (0_i64..).zip(0_i32..).take(WRITES) {
                if index < 2 {
                    next += 1;
                    Order::new(next, key).insert(&application).await.unwrap();
                } else {
                    let mut order = Order::new(number * 7 % ROWS + 1, key);
                    order.quantity = quantity;
                    order.update(&application).await.unwrap();
                }
            }
        })
        .await
    })
    .await;
    if let Some((id, running)) = job.take() {
        reshard.abort(id).await.unwrap();
        running.await.unwrap();
    }
    println!("\nsingle writes, one after the other, {:?}", fleet.dialect);
    println!("{:<42}{:>9}{:>9}{:>9}", "", "wall us", "ratio", "best");
    for (index, (name, cost)) in names.iter().zip(&costs).enumerate() {
        let wall = Column::new(cost, &costs[index - index % 2], |cost| cost.wall);
        println!(
            "{name:<42}{:>9.1}{:>9.3}{:>9.3}",
            wall.median, wall.ratio, wall.best
        );
    }
    application.close().await;
}
