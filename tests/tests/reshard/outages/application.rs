//! An application that goes on while servers are away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shard_orm::prelude::*;
use tokio::task::JoinSet;

use crate::Order;
use crate::writer::assert_rows;

/// An application that gives its rows one number after the other, each until it is acknowledged, and reads them: none may
/// be older than what was acknowledged.
pub(super) struct Application {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Vec<Order>>,
}

const ROWS: i64 = 60;
const TASKS: i64 = 4;

impl Application {
    pub(super) fn start(cluster: &Cluster, keys: &[i64]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let (stop, cluster) = (Arc::clone(&stop), cluster.clone());
            let keys = keys.to_vec();
            tasks.spawn(async move {
                let mut rows = rows(&keys);
                rows.retain(|row| row.id % TASKS == task);
                let mut next = 0_usize;
                'all: while !stop.load(Ordering::Relaxed) {
                    next += 1;
                    let at = next % rows.len();
                    let mut row = rows[at].clone();
                    row.amount = i32::try_from(next).ok();
                    // What is not acknowledged is sent again: it may have been carried out or not.
                    while let Err(error) = row.update(&cluster).await {
                        assert!(may_pass(&error), "{error:?}");
                        if stop.load(Ordering::Relaxed) {
                            // Either is right.
                            while let Err(error) = row.reload(&cluster).await {
                                assert!(may_pass(&error), "{error:?}");
                                tokio::time::sleep(Duration::from_millis(20)).await;
                            }
                            rows[at] = row;
                            break 'all;
                        }
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    rows[at] = row.clone();
                    match Order::get(&cluster, row.user_id, row.id).await {
                        Ok(found) => {
                            assert_eq!(found, row, "a read is older than an acknowledged write")
                        }
                        Err(error) => assert!(may_pass(&error), "{error:?}"),
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                rows
            });
        }
        Self { stop, tasks }
    }

    /// Stops, and compares what the cluster holds with what was acknowledged.
    pub(super) async fn end(self, cluster: &Cluster) {
        self.stop.store(true, Ordering::Relaxed);
        let mut rows = BTreeMap::<i64, Vec<Order>>::new();
        for row in self.tasks.join_all().await.concat() {
            rows.entry(row.user_id).or_default().push(row);
        }
        for (key, rows) in &rows {
            assert_rows(cluster, *key, rows).await;
        }
        let all: usize = rows.values().map(Vec::len).sum();
        let found = Order::scatter().count(cluster).await.unwrap();
        assert_eq!(found, all as u64);
    }
}

/// The rows that it begins with.
pub(super) fn rows(keys: &[i64]) -> Vec<Order> {
    let row = |(id, key): (i64, &i64)| Order {
        id,
        user_id: *key,
        code: format!("code {id}"),
        amount: None,
    };
    (0..ROWS).zip(keys.iter().cycle()).map(row).collect()
}

/// Whether a call failed because a server is away, or a logical shard is moving.
pub(super) fn may_pass(error: &shard_orm::Error) -> bool {
    error.is_retryable()
        || matches!(
            error.kind(),
            ErrorKind::Unavailable | ErrorKind::OutcomeUnknown | ErrorKind::Timeout
        )
}
