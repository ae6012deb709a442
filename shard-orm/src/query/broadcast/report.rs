//! The report of a broadcast.

use crate::error::{Error, Result, ShardId};

/// The report of a broadcast: an outcome for each logical shard in the order of their numbers, or
/// for each server in the order of its first logical shard.
///
/// ```no_run
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// let report = cluster.broadcast("shop").sql("ANALYZE {orders}").go_on().execute().await?;
/// for (outcome, error) in report.failed() {
///     eprintln!("{}: {error}", outcome.place());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
#[must_use = "it holds the errors"]
pub struct BroadcastReport<T> {
    /// The outcomes.
    pub outcomes: Vec<Outcome<T>>,
}

/// The outcome of a broadcast for one target.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Outcome<T> {
    /// The name of the server.
    pub server: String,
    /// The logical shard; `None` for a statement per server.
    pub shard: Option<ShardId>,
    /// The result of the statement, or its error; `None` if it was not started, after an error
    /// elsewhere. After [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown), the statement may
    /// have been executed.
    #[cfg_attr(
        feature = "serde",
        serde(
            flatten,
            serialize_with = "crate::units::optional_outcome",
            bound(serialize = "T: serde::Serialize")
        )
    )]
    pub result: Option<Result<T>>,
}

impl<T> Outcome<T> {
    /// Returns the name of the target: `shop/3`, or the name of a server.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.shard {
            Some(shard) => shard.to_string(),
            None => self.server.clone(),
        }
    }
}

impl<T> BroadcastReport<T> {
    /// Returns whether the statement succeeded everywhere.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outcomes
            .iter()
            .all(|outcome| matches!(outcome.result, Some(Ok(_))))
    }

    /// Returns the failed outcomes with their errors.
    pub fn failed(&self) -> impl Iterator<Item = (&Outcome<T>, &Error)> {
        self.outcomes.iter().filter_map(|outcome| {
            let error = outcome.result.as_ref()?.as_ref().err()?;
            Some((outcome, error))
        })
    }

    /// Returns the results of all targets, in order.
    ///
    /// # Errors
    /// The first error. Its [`done_shards`](Error::done_shards) and
    /// [`failed_shards`](Error::failed_shards) list the logical shards on which the statement
    /// succeeded, and those on which it failed or was not started; for a statement per server, its
    /// message does.
    pub fn into_result(self) -> Result<Vec<T>> {
        let several = self.outcomes.len() > 1;
        let mut values = Vec::with_capacity(self.outcomes.len());
        let (mut done, mut undone) = (Places::default(), Places::default());
        let mut first = None;
        for outcome in self.outcomes {
            match outcome.result {
                Some(Ok(value)) => {
                    values.push(value);
                    done.add(outcome.shard, outcome.server);
                }
                Some(Err(error)) => {
                    first.get_or_insert(error);
                    undone.add(outcome.shard, outcome.server);
                }
                None => undone.add(outcome.shard, outcome.server),
            }
        }
        match first {
            None => Ok(values),
            Some(error) if !several => Err(error),
            Some(error) if undone.shards.is_empty() => Err(of_servers(error, &done, &undone)),
            Some(error) => Err(error.with_progress(done.shards, undone.shards)),
        }
    }
}

/// Logical shards, or servers.
#[derive(Default)]
struct Places {
    shards: Vec<ShardId>,
    servers: Vec<String>,
}

impl Places {
    fn add(&mut self, shard: Option<ShardId>, server: String) {
        match shard {
            Some(shard) => self.shards.push(shard),
            None => self.servers.push(server),
        }
    }
}

fn of_servers(error: Error, done: &Places, undone: &Places) -> Error {
    let list = |places: &Places| match places.servers.len() {
        0 => "no server".to_owned(),
        _ => format!("`{}`", places.servers.join("`, `")),
    };
    Error::new(
        error.kind(),
        format!(
            "{}; not done on {}; done on {}",
            error.message(),
            list(undone),
            list(done)
        ),
    )
    .with_constraint(error.constraint().map(str::to_owned))
    .with_source(error)
}
