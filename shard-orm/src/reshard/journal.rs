//! What a runner writes into the row of its job: states, progress, and what hinders it.

use std::time::Instant;

use super::driver::Driver;
use crate::catalog::{Changes, Job, JobState, Store};
use crate::error::Result;

impl Driver {
    /// Records the next state, with what was done in the one before.
    pub(super) async fn record(&mut self, to: JobState) -> Result<()> {
        self.leave();
        self.pulse = None;
        self.hindrance = None;
        self.copied.throttling = None;
        let handle = self.cluster.catalog_handle()?;
        let changes = Changes {
            message: Some(self.reason.clone()),
            copied: Some(self.copied.clone()),
        };
        let store = Store::new(&handle);
        let job = store.advance_job(&self.job, to, &changes).await?;
        if to == JobState::Reversing {
            self.done.drained = false;
            self.done.completed = false;
        }
        self.done.turned = to == JobState::Reversing;
        if to == JobState::Holding {
            self.done.level = false;
            self.done.unfit = false;
        }
        // Nothing is removed by what was seen before the decision.
        if to == JobState::Finishing {
            self.look_again();
        }
        self.entered(job);
        let epoch = self.cluster.topology().epoch();
        let message = format!("{}: {to}", self.job);
        store
            .note_event("job", &self.owner.name, epoch, &message)
            .await;
        Ok(())
    }

    /// Notes how long the state lasted that is left.
    pub(super) fn leave(&mut self) {
        let lasted = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let name = self.job.state.name().to_owned();
        *self.copied.milliseconds.entry(name).or_default() += lasted;
        self.since = Instant::now();
    }

    pub(super) fn entered(&mut self, job: Job) {
        tracing::info!(target: "shard_orm", job = job.id, state = job.state.name(), "a job goes on");
        self.job = Job {
            wish: self.job.wish,
            ..job
        };
    }

    /// Writes what was done so far. A failure is not one of the job.
    pub(super) async fn note(&self) {
        self.note_with(None).await;
    }

    /// Writes what hinders the job in its present state, or that nothing does any more.
    pub(super) async fn note_hindrance(&mut self, hindrance: Option<String>) {
        if self.hindrance == hindrance {
            return;
        }
        if let Some(message) = &hindrance {
            tracing::warn!(target: "shard_orm", job = self.job.id, "{message}");
        }
        self.note_with(Some(hindrance.clone().unwrap_or_default()))
            .await;
        self.hindrance = hindrance;
    }

    async fn note_with(&self, message: Option<String>) {
        let changes = Changes {
            message,
            copied: Some(self.copied.clone()),
        };
        let Ok(handle) = self.cluster.catalog_handle() else {
            return;
        };
        if let Err(error) = Store::new(&handle).note_job(&self.job, &changes).await {
            tracing::debug!(target: "shard_orm", %error, "the progress of a job was not noted");
        }
    }
}
