//! The latencies of an application's calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use shard_orm::prelude::*;
use shard_orm::route::mix64;
use tokio::task::JoinSet;

use crate::fleet::Order;

/// The pause between two calls of a task.
const PACE: Duration = Duration::from_millis(4);
const TASKS: u64 = 4;

/// An application that reads and updates rows of one key at a steady rate.
#[derive(Debug)]
pub(crate) struct Application {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Vec<Call>>,
}

/// A call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) begun: Instant,
    pub(crate) took: Duration,
    pub(crate) writes: bool,
}

impl Application {
    /// Begins to read, and to write one time in so many.
    pub(crate) fn start(cluster: &Cluster, key: i64, rows: i64, writes: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let (stop, cluster) = (Arc::clone(&stop), cluster.clone());
            tasks.spawn(async move {
                let mut calls = Vec::new();
                let mut random = task;
                let mut ticks = tokio::time::interval(PACE);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                while !stop.load(Ordering::Relaxed) {
                    ticks.tick().await;
                    random = mix64(random + 1);
                    let id = (random >> 8).cast_signed().rem_euclid(rows) + 1;
                    let writes = random.is_multiple_of(writes);
                    let begun = Instant::now();
                    if writes {
                        let mut order = Order::new(id, key);
                        order.quantity = (random % 1_000) as i32;
                        order.update(&cluster).await.unwrap();
                    } else {
                        Order::get(&cluster, key, id).await.unwrap();
                    }
                    calls.push(Call {
                        begun,
                        took: begun.elapsed(),
                        writes,
                    });
                }
                calls
            });
        }
        Self { stop, tasks }
    }

    /// Stops, and returns all calls.
    pub(crate) async fn end(self) -> Vec<Call> {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.concat()
    }
}

/// The time within which so many percent of durations lie.
pub(crate) fn quantile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let at = times.len() * percent / 100;
    times[at.min(times.len() - 1)]
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
