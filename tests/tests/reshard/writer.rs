//! An application that writes to the moving shard all the time, and keeps what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shard_orm::prelude::*;
use shard_orm_tests::fixture::Fixture;
use tokio::task::JoinHandle;

use crate::Order;

/// Calls until it is acknowledged. A switch may take longer than a call waits, if its runner is killed.
macro_rules! acknowledged {
    ($call:expr) => {
        loop {
            match $call.await {
                Ok(done) => break done,
                Err(error) if error.kind() == ErrorKind::ShardMoved => {}
                Err(error) => panic!("a write failed: {error:?}"),
            }
        }
    };
}

pub(crate) fn order(fixture: &Fixture, user_id: i64, amount: i32) -> Order {
    let id = fixture.id();
    Order {
        id,
        user_id,
        code: format!("code {id}"),
        amount: Some(amount),
    }
}

pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<Order>>,
}

impl Writer {
    /// Inserts rows, changes them, moves their unique values among each other, and deletes some.
    pub(crate) fn start(fixture: &Fixture, cluster: Cluster, user_id: i64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ids = fixture.ids(50_000);
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut kept: Vec<Order> = Vec::new();
            for id in ids {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let order = Order {
                    id,
                    user_id,
                    code: format!("code {id}"),
                    amount: Some(0),
                };
                let mut order = acknowledged!(order.clone().insert(&cluster));
                order.amount = Some(1);
                acknowledged!(order.update(&cluster));
                if id % 5 == 0
                    && let Some(other) = kept.last_mut()
                {
                    // Two unique values change places.
                    let (own, theirs) = (order.code.clone(), other.code.clone());
                    order.code = format!("free {id}");
                    acknowledged!(order.update(&cluster));
                    other.code = own;
                    acknowledged!(other.update(&cluster));
                    order.code = theirs;
                    acknowledged!(order.update(&cluster));
                }
                if id % 3 == 0 {
                    acknowledged!(order.clone().delete(&cluster));
                } else {
                    kept.push(order);
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            kept
        });
        Self { stop, task }
    }

    /// Stops, and returns the rows that exist by what was acknowledged.
    pub(crate) async fn end(self) -> Vec<Order> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// That the moving shard holds exactly these rows.
pub(crate) async fn assert_rows(cluster: &Cluster, key: i64, expected: &[Order]) {
    let mut found = Order::on(key).all(cluster).await.unwrap();
    found.sort_by_key(|order| order.id);
    let mut expected = expected.to_vec();
    expected.sort_by_key(|order| order.id);
    let lost = expected
        .iter()
        .filter(|order| !found.contains(order))
        .count();
    assert_eq!(found.len(), expected.len(), "{lost} are lost");
    assert_eq!(found, expected);
}
