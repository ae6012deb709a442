//! Publishes the statistics of this process in the catalog, beside its heartbeat.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::text::text_of;
use crate::catalog::{Heartbeat, Store};
use crate::cluster::Cluster;
use crate::error::Result;

/// The pause after a publication that has failed: what is missing, such as the right to create a table, stays so.
const PAUSE: Duration = Duration::from_mins(1);

/// When statistics are published.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Publication(Mutex<Option<Instant>>);

impl Publication {
    /// Publishes, unless that was done within this interval: heartbeats are sent between too, when a process has
    /// something to say. Sends one statement, or two more if the catalog is of an earlier version.
    pub(in crate::cluster) async fn publish(
        &self,
        cluster: &Cluster,
        store: Store<'_>,
        process: &Heartbeat,
        interval: Duration,
    ) -> Result<()> {
        let now = Instant::now();
        if self.due().is_some_and(|due| now < due) {
            return Ok(());
        }
        *self.due() = Some(now + interval.mul_f64(0.9));
        let text = text_of(&cluster.measured());
        let published = store.publish(process, &text).await;
        if published.is_err() {
            *self.due() = Some(now + interval.max(PAUSE));
        }
        published
    }

    fn due(&self) -> MutexGuard<'_, Option<Instant>> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
