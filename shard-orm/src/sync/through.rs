//! Waiting until copies have what was written at their source.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::consumer::Following;
use super::mode::Mode;
use super::once::StaticSync;
use super::pause::Pauses;
use super::plan::Plan;
use super::position::{Mark, Position};
use super::task::Task;
use super::together::bring_up;
use crate::error::{Error, ErrorKind, Result};
use crate::model::CopyId;

/// How soon a copy is tried again that does not have it, and how late at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(40), Duration::from_secs(1));

impl StaticSync {
    /// Waits until each copy has what was written at its source before this call: for a row of a
    /// shard that is to follow its reference. Brings those up itself that lack it, and takes no lock:
    /// a supervisor is overtaken by it, and goes on behind it.
    ///
    /// A copy has it when a run of this call has brought it up, or, with [`Mode::Capture`], when any
    /// other run has followed the log as far as it was when the call began.
    ///
    /// ```no_run
    /// # use shard_orm::prelude::*;
    /// # use std::time::Duration;
    /// # #[derive(StaticModel)]
    /// # #[static_model(source = "default", groups = ["air"], table = "airlines")]
    /// # struct Airline {
    /// #     #[static_model(primary_key, length = 3)]
    /// #     code: String,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// use shard_orm::sync::StaticSync;
    ///
    /// let airline = Airline { code: "KL".into() }.insert(cluster).await?;
    /// StaticSync::of::<Airline>(cluster).write_through(Duration::from_secs(5)).await?;
    /// // Every server has it: a flight may refer to it now.
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Timeout`](ErrorKind::Timeout) when a copy has not come within `limit`: the row is at the
    /// source, and comes to the copies later. The error names a copy that lacks it, and why.
    pub async fn write_through(mut self, limit: Duration) -> Result<()> {
        self.plan.locks = None;
        let until = Instant::now() + limit;
        let tasks = self.tasks()?;
        // By the table at its source: where its log ends now.
        let mut ends: HashMap<_, Mark> = HashMap::new();
        for task in &tasks {
            let source = task.source()?;
            let mode = self.plan.mode;
            let mode = mode.unwrap_or_else(|| Mode::of(task.def, source.dialect()));
            if mode == Mode::Capture && !ends.contains_key(&table_of(task)) {
                // Without it the copies are brought up by this call alone.
                let end = timeout_at(until, source.last_of_log()).await;
                if let Ok(Ok(end)) = end {
                    ends.insert(table_of(task), end);
                }
            }
        }
        let each = tasks.into_iter().map(|task| {
            let waiting = Waiting {
                plan: &self.plan,
                end: ends.get(&table_of(&task)).copied(),
                task,
            };
            waiting.until(until)
        });
        let lacking = join_all(each).await.into_iter().flatten();
        match lacking.min_by(|(one, _), (other, _)| one.cmp(other)) {
            None => Ok(()),
            Some((copy, source)) => Err(not_through(limit, &copy, source)),
        }
    }
}

/// One copy that is waited for.
struct Waiting<'a> {
    plan: &'a Plan,
    task: Task,
    /// Where the log of the source ended.
    end: Option<Mark>,
}

impl Waiting<'_> {
    /// Brings the copy up; gives it back with the last error when it has not come in time.
    async fn until(self, until: Instant) -> Option<(CopyId, Option<Error>)> {
        let mut last = None;
        let mut pauses = Pauses::new(PAUSES.0, PAUSES.1);
        // Others that wait for it then find that it was done for them.
        let single_flight = self.task.cluster.single_flight(self.task.lock_key());
        let through = async {
            loop {
                {
                    let _turn = single_flight.lock().await;
                    match self.has_it().await {
                        Ok(true) => return,
                        Ok(false) => {}
                        Err(error) => last = Some(error),
                    }
                    let task = vec![self.task.clone()];
                    for (_, result) in bring_up(self.plan, task).await {
                        match result {
                            Ok(Some(_)) => return,
                            Ok(None) => {}
                            Err(error) => last = Some(error),
                        }
                    }
                }
                tokio::time::sleep(pauses.next()).await;
            }
        };
        let through = timeout_at(until, through).await;
        through.is_err().then(|| ((&self.task).into(), last))
    }

    /// Whether another run has followed the log to where it ended.
    async fn has_it(&self) -> Result<bool> {
        let Some(end) = self.end else {
            return Ok(false);
        };
        let source = self.task.source()?;
        let mode = source.mode_name(Mode::Capture);
        let text = self.task.status()?.recorded(&mode).await?;
        let position = text.map(|text| Position::parse(&text, self.task.def, &[]));
        let Some(Position::Followed(mark)) = position.transpose()? else {
            return Ok(false);
        };
        // What was trimmed was done by all copies that the source knows: this one has to be one.
        let following = Following {
            source: &source,
            target: self.task.target(),
        };
        let kept = following.mark().await?;
        Ok(mark >= end && kept.is_some_and(|kept| kept <= mark))
    }
}

/// A model's table at its source.
fn table_of(task: &Task) -> (&'static str, &'static str) {
    (task.def.location_name(), task.def.table)
}

fn not_through(limit: Duration, copy: &CopyId, source: Option<Error>) -> Error {
    let error = Error::new(
        ErrorKind::Timeout,
        format!(
            "what was written at the source was not at all copies within {limit:?}: the copy of \
             {copy} does not have it; it stays at the source, and comes with a later sync"
        ),
    );
    match source {
        Some(source) => error.with_source(source),
        None => error,
    }
}
