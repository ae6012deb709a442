//! Waits until copies have the writes at their source.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::backoff::Backoff;
use super::builder::StaticSync;
use super::options::Options;
use super::schedule::{Ended, bring_up};
use super::task::Task;
use crate::error::{Error, ErrorKind, Result};
use crate::model::CopyId;
use crate::replicate::{ChangeFeed as _, Mark, Mode, Position};

/// The first and the longest pause before a copy that lacks the writes is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(40), Duration::from_secs(1));

impl StaticSync {
    /// Waits until each copy has the writes that were committed at its source before this call, for
    /// instance before a row of a shard refers to them. Brings copies that lack them up to date itself, and
    /// takes no lock: it fences off a supervisor, which then continues from its position.
    ///
    /// A copy has the writes when a run of this call has brought it up to date, or, with
    /// [`Mode::Capture`], when any other run has followed the log to its end at the beginning of the call.
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
    /// [`Timeout`](ErrorKind::Timeout) when a copy is not up to date within `limit`: the row is at the
    /// source, and a later sync copies it. The error names a copy that lacks it, and the reason.
    pub async fn write_through(mut self, limit: Duration) -> Result<()> {
        self.options.locks = None;
        let until = Instant::now() + limit;
        let tasks = self.tasks()?;
        // The present end of the log, by the table at its source.
        let mut ends: HashMap<_, Mark> = HashMap::new();
        for task in &tasks {
            let source = task.source()?;
            let mode = task.mode(self.options.mode, &source);
            if mode == Mode::Capture && !ends.contains_key(&table_of(task)) {
                // Without it only this call brings the copies up to date.
                let log = task.log(&source)?;
                let end = timeout_at(until, log.last()).await;
                if let Ok(Ok(end)) = end {
                    ends.insert(table_of(task), end);
                }
            }
        }
        let each = tasks.into_iter().map(|task| {
            let waiting = Waiting {
                options: &self.options,
                end: ends.get(&table_of(&task)).copied(),
                task,
            };
            waiting.until(until)
        });
        let lacking = join_all(each).await.into_iter().flatten();
        match lacking.min_by(|(one, _), (other, _)| one.cmp(other)) {
            None => Ok(()),
            Some((copy, source)) => Err(not_in_time(limit, &copy, source)),
        }
    }
}

/// One copy that is waited for.
struct Waiting<'a> {
    options: &'a Options,
    task: Task,
    /// The end of the source's log at the beginning of the call.
    end: Option<Mark>,
}

impl Waiting<'_> {
    /// Brings the copy up to date; returns it with the last error when that takes too long.
    async fn until(self, until: Instant) -> Option<(CopyId, Option<Error>)> {
        let mut last = None;
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        // Other callers that wait for it then find that it is done.
        let single_flight = self.task.cluster.single_flight(self.task.lock_key());
        let brought = async {
            loop {
                {
                    let _turn = single_flight.lock().await;
                    match self.has_it().await {
                        Ok(true) => return,
                        Ok(false) => {}
                        Err(error) => last = Some(error),
                    }
                    let task = vec![self.task.clone()];
                    for (_, result) in bring_up(self.options, task).await {
                        match result {
                            Ok(Ended::Level(_)) => return,
                            Ok(Ended::Held | Ended::Stopped) => {}
                            Err(error) => last = Some(error),
                        }
                    }
                }
                tokio::time::sleep(backoff.next()).await;
            }
        };
        let brought = timeout_at(until, brought).await;
        brought.is_err().then(|| ((&self.task).into(), last))
    }

    /// Whether another run has followed the log to its end at the beginning of the call.
    async fn has_it(&self) -> Result<bool> {
        let Some(end) = self.end else {
            return Ok(false);
        };
        let source = self.task.source()?;
        let mode = source.mode_name(Mode::Capture);
        let text = self.task.progress()?.recorded(&mode).await?;
        let position = text.map(|text| Position::parse(&text, source.def(), &[]));
        let Some(Position::Followed(mark)) = position.transpose()? else {
            return Ok(false);
        };
        // Trimmed entries were read by all consumers that the source knows: this copy has to be one.
        let kept = self.task.log(&source)?.kept().await?;
        Ok(mark >= end && kept.is_some_and(|kept| kept <= mark))
    }
}

/// A model's table at its source.
fn table_of(task: &Task) -> (Arc<str>, String) {
    (Arc::clone(&task.source), task.table.name.clone())
}

fn not_in_time(limit: Duration, copy: &CopyId, source: Option<Error>) -> Error {
    let error = Error::new(
        ErrorKind::Timeout,
        format!(
            "not all copies were up to date within {limit:?}: the copy of {copy} lacks rows that were \
             written at the source; they stay there, and a later sync copies them"
        ),
    );
    match source {
        Some(source) => error.with_source(source),
        None => error,
    }
}
