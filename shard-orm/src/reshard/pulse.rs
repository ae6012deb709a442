//! The pulse of both ends: short statements, by which a gentle copy notices what it costs others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::mover::End;
use super::place::Place;
use super::throttle::Throttle;
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;

/// The time between two statements at an end.
const PERIOD: Duration = Duration::from_millis(15);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Measures both ends until it is dropped.
pub(super) struct Pulse(Vec<JoinHandle<()>>);

impl Drop for Pulse {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Pulse {
    pub(super) fn start(
        cluster: &Cluster,
        ends: Vec<(End, Arc<NamespaceHandle>)>,
        throttle: &Arc<Throttle>,
    ) -> Self {
        let tasks = ends.into_iter().map(|(end, handle)| {
            let throttle = Arc::clone(throttle);
            cluster.runtime().spawn(async move {
                loop {
                    feel(end, &handle, &throttle).await;
                    tokio::time::sleep(PAUSE).await;
                }
            })
        });
        Self(tasks.collect())
    }
}

/// Reads the record of an end, again and again, until that fails.
async fn feel(end: End, handle: &Arc<NamespaceHandle>, throttle: &Throttle) {
    let Ok(mut place) = Place::visit(handle).await else {
        return;
    };
    loop {
        let jitter = Duration::from_millis(crate::random::random() % 10);
        tokio::time::sleep(PERIOD + jitter).await;
        if !throttle.is_gentle() {
            continue;
        }
        let (mark, begun) = (throttle.mark(), Instant::now());
        if place.standing(None).await.is_err() {
            return;
        }
        throttle.felt(end, mark, begun.elapsed());
    }
}
