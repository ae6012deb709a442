//! The pulse of both ends: short statements, by which a gentle copy notices what it costs others, and the number of
//! statements that run there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::task::JoinHandle;

use super::mover::End;
use super::place::Place;
use super::throttle::Throttle;
use crate::backend::{Row, active_statements, read_active_statements};
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::error::Result;

/// The time between two statements at an end.
const PERIOD: Duration = Duration::from_millis(15);
/// The time between two counts of the statements that run at an end.
const COUNTED: Duration = Duration::from_millis(100);
/// How often they are counted before the copy, and the time between two counts.
const COUNTS: usize = 5;
const BETWEEN: Duration = Duration::from_millis(40);
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
    /// Counts the statements that run at both ends before rows are copied, and begins to measure.
    pub(super) async fn start(
        cluster: &Cluster,
        ends: Vec<(End, Arc<NamespaceHandle>)>,
        throttle: &Arc<Throttle>,
    ) -> Self {
        let counting = ends
            .iter()
            .map(|(_, handle)| count_before(handle, throttle));
        for counted in join_all(counting).await {
            // It is felt by the time that statements take.
            if let Err(error) = counted {
                tracing::debug!(target: "shard_orm", %error, "the statements of an end were not counted");
            }
        }
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

/// Counts the statements that run at an end before the copy.
async fn count_before(handle: &Arc<NamespaceHandle>, throttle: &Throttle) -> Result<()> {
    let mut counts = counts(handle).await?;
    throttle.counted_before(&handle.server, &mut counts);
    Ok(())
}

/// The numbers of statements that run on a server, some moments after each other; none for a file.
pub(super) async fn counts(handle: &Arc<NamespaceHandle>) -> Result<Vec<u64>> {
    let mut place = Place::visit(handle).await?;
    let mut counts = Vec::with_capacity(COUNTS);
    for _ in 0..COUNTS {
        counts.extend(count(&mut place).await?);
        tokio::time::sleep(BETWEEN).await;
    }
    place.close().await;
    Ok(counts)
}

/// The number of statements that run at an end; `None` for a file.
async fn count(place: &mut Place) -> Result<Option<u64>> {
    let dialect = place.dialect();
    let Some(text) = active_statements(dialect) else {
        return Ok(None);
    };
    let mut number = None;
    let on_row = &mut |row: &Row<'_>| {
        number = Some(read_active_statements(dialect, row)?);
        Ok(())
    };
    place.ask_text(&text, &[], on_row).await?;
    Ok(number)
}

/// Reads the record of an end, again and again, until that fails.
async fn feel(end: End, handle: &Arc<NamespaceHandle>, throttle: &Throttle) {
    let Ok(mut place) = Place::visit(handle).await else {
        return;
    };
    let mut counted = Instant::now();
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
        if counted.elapsed() < COUNTED {
            continue;
        }
        counted = Instant::now();
        match count(&mut place).await {
            Ok(Some(number)) => throttle.counted(&handle.server, number),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}
