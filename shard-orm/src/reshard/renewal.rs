//! The lease of a runner: renewed in the background, together with a look at what operators want.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::throttle::Throttle;
use crate::catalog::{Job, Owner, Store};
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::task::catch_panic;

/// The time between two looks at the job's row.
const PERIOD: Duration = Duration::from_millis(200);

/// The task that renews the lease of a job. It ends when this is dropped.
pub(super) struct Renewal {
    latest: watch::Receiver<Option<Job>>,
    lost: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Renewal {
    /// Starts to renew the lease of a job that was taken.
    pub(super) fn start(
        cluster: &Cluster,
        taken: (Arc<NamespaceHandle>, Job, Owner),
        throttle: &Arc<Throttle>,
    ) -> Self {
        let (sender, latest) = watch::channel(None);
        let lost = Arc::new(AtomicBool::new(false));
        let renewing = renew(taken, sender, Arc::clone(&lost), Arc::clone(throttle));
        let renewing = catch_panic("the renewal of a job's lease", renewing);
        let task = cluster.runtime().spawn(async move {
            let _ = renewing.await;
        });
        Self { latest, lost, task }
    }

    /// Whether another runner has taken the job.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// The job's row, as it was seen last.
    pub(super) fn latest(&self) -> watch::Receiver<Option<Job>> {
        self.latest.clone()
    }
}

async fn renew(
    (handle, job, owner): (Arc<NamespaceHandle>, Job, Owner),
    latest: watch::Sender<Option<Job>>,
    lost: Arc<AtomicBool>,
    throttle: Arc<Throttle>,
) {
    let store = Store::new(&handle);
    let mut next = Instant::now() + owner.lease / 3;
    loop {
        tokio::time::sleep(PERIOD).await;
        if Instant::now() >= next {
            match store.renew_job(&job, &owner).await {
                Ok(true) => next = Instant::now() + owner.lease / 3,
                Ok(false) => break,
                Err(error) => {
                    tracing::debug!(target: "shard_orm", %error, "a job's lease was not renewed");
                }
            }
        }
        let Ok(found) = store.job(job.id).await else {
            continue;
        };
        if found.token != job.token {
            break;
        }
        throttle.set(found.pace);
        let is_over = found.state.is_over();
        latest.send_replace(Some(found));
        if is_over {
            return;
        }
    }
    lost.store(true, Ordering::Release);
}
