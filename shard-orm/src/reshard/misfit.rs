//! What becomes of a job whose rows cannot be where it would bring them, though a namespace may be closed for them.
//!
//! Called by the driver. Before the switch is decided, the job is given up; on its way back, it holds the logical shard at the
//! targets as before.

use super::driver::Driver;
use super::mover::state;
use crate::catalog::{JobState, Store, Wish};
use crate::connect::State;
use crate::error::{Error, Result};

/// How far a job was when a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// A source is closed for the switch, which is not decided yet.
    There,
    /// It goes back, as this runner has decided, and no source was opened. One that a former runner may have opened could
    /// have got writes since, from clients with an old topology.
    Back,
    /// Somewhere else: whoever serves goes on.
    Open,
}

impl Driver {
    /// How far the job is, by what was seen last.
    pub(super) fn course(&self) -> Course {
        let Some((sources, _)) = &self.seen else {
            return Course::Open;
        };
        let mut states = sources.iter().map(|seen| state(*seen));
        match self.job.state {
            JobState::Switching if states.any(|state| state == Some(State::Fenced)) => {
                Course::There
            }
            JobState::Reversing
                if self.done.turned && states.all(|state| state == Some(State::Fenced)) =>
            {
                Course::Back
            }
            _ => Course::Open,
        }
    }

    /// Turns the job round, so that the logical shard is served where its rows are. False if it is served anyway.
    pub(super) async fn turn_round(&mut self, course: Course, error: &Error) -> Result<bool> {
        match course {
            Course::Open => return Ok(false),
            Course::There => {
                tracing::error!(target: "shard_orm", job = self.job.id, %error, "a job is given up during its switch");
                let handle = self.cluster.catalog_handle()?;
                let store = Store::new(&handle);
                let states = [JobState::Switching];
                store.wish_job(self.job.id, Wish::Abort, &states).await?;
            }
            Course::Back => {
                tracing::error!(target: "shard_orm", job = self.job.id, %error, "a job cannot go back");
                self.done.unfit = true;
            }
        }
        self.reason = error.to_string();
        Ok(true)
    }
}
