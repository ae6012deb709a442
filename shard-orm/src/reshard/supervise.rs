//! The supervisor of jobs: takes over those whose runner has died.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Reshard;
use crate::catalog::{Job, JobState};
use crate::task::restarting;

/// The time between two looks at the jobs.
const PERIOD: Duration = Duration::from_secs(2);

impl Reshard {
    /// Takes over jobs whose runner has died, or that have stopped while writes wait for them, and runs each as
    /// [`run`](Self::run) does. Start it in each process of the application: whichever sees the job first gets
    /// it, and a switch that was begun is completed though its process is gone.
    ///
    /// A job that was never run, or that was paused, is left alone.
    ///
    /// ```no_run
    /// # async fn shutdown() {}
    /// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
    /// let supervisor = cluster.reshard()?.supervise();
    /// shutdown().await;
    /// supervisor.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn supervise(&self) -> Supervisor {
        let (stop, stopped) = watch::channel(false);
        let reshard = self.clone();
        let begin = move || watch_over(reshard.clone(), stopped.clone());
        let watching = restarting("the supervisor of jobs", begin);
        let task = self.cluster.runtime().spawn(watching);
        Supervisor { stop, task }
    }
}

/// Takes over the jobs of dead runners. When it is dropped, it stops in the background.
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Supervisor {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Stops. A job that it runs goes on to where it waits for an operator.
    pub async fn stop(self) {
        // There is no receiver when it has ended.
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

async fn watch_over(reshard: Reshard, mut stopped: watch::Receiver<bool>) {
    loop {
        let jitter = Duration::from_millis(crate::random::random() % 500);
        // An error says that the supervisor was dropped.
        let is_stopped = stopped.wait_for(|is_stopped| *is_stopped);
        if timeout(PERIOD + jitter, is_stopped).await.is_ok() {
            return;
        }
        let Ok(jobs) = reshard.jobs().await else {
            // The catalog is away; nothing can be done without it.
            continue;
        };
        for job in jobs.iter().filter(|job| is_abandoned(job)) {
            tracing::warn!(target: "shard_orm", job = job.id, "a job without a runner is taken over");
            if let Err(error) = reshard.run(job.id).await {
                tracing::warn!(target: "shard_orm", job = job.id, %error, "a job that was taken over does not go on");
            }
        }
    }
}

/// Whether a job should run, and does not.
fn is_abandoned(job: &Job) -> bool {
    if job.state.is_over() || !job.lease.is_zero() {
        return false;
    }
    // A runner that ends in good order leaves no name.
    let has_died = job.owner.is_some();
    let holds_writes_up = matches!(
        job.state,
        JobState::Switching | JobState::Parting | JobState::Reversing | JobState::Aborting
    );
    has_died || (holds_writes_up && job.token > 0)
}
