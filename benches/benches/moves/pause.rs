//! How long writes wait at a switch, and how long it takes to level again after a runner was away.

use std::time::{Duration, Instant};

use shard_orm::prelude::*;
use shard_orm::reshard::Pace;

use crate::fleet::{Fleet, Order};
use crate::latency::{Application, milliseconds, quantile};

const ROWS: i64 = 2_000;
/// The writes while nobody runs the job.
const MISSED: i64 = 20_000;

pub(crate) async fn measure(fleet: &Fleet, moves: usize) {
    fleet.fill(ROWS).await;
    let application = fleet.process().await;
    let key = fleet.key();
    let (mut fenced, mut waits) = (Vec::new(), Vec::new());
    for _ in 0..moves {
        let traffic = Application::start(&application, key, ROWS, 1);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let job = fleet.move_away(Pace::Full).await;
        fenced.push(job.copied.pause.unwrap());
        let calls = traffic.end().await;
        assert!(calls.iter().all(|call| call.writes));
        waits.push(calls.iter().map(|call| call.took).max().unwrap());
        fleet.finish(job.id).await;
    }
    println!("\n{moves} switches under writes, {:?}", fleet.dialect);
    println!("{:<42}{:>9}{:>9}{:>9}", "", "p50 ms", "p99 ms", "max ms");
    for (name, times) in [
        ("from the fence to the topology", &mut fenced),
        ("longest call of each move", &mut waits),
    ] {
        println!(
            "{name:<42}{:>9.1}{:>9.1}{:>9.1}",
            milliseconds(quantile(times, 50)),
            milliseconds(quantile(times, 99)),
            milliseconds(quantile(times, 100))
        );
    }
    let job = fleet.move_away(Pace::Full).await;
    for number in 0..MISSED {
        let mut order = Order::new(number % ROWS + 1, key);
        order.quantity = (number % 1_000) as i32;
        order.update(&application).await.unwrap();
    }
    let begun = Instant::now();
    fleet.cluster.reshard().unwrap().run(job.id).await.unwrap();
    println!(
        "level again after {MISSED} writes without a runner: {:.0} ms",
        milliseconds(begun.elapsed())
    );
    fleet.finish(job.id).await;
    application.close().await;
}
