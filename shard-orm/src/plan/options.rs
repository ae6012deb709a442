//! What holds for a call over several logical shards as a whole: until when it may take, and what
//! becomes of the shards that do not answer.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, ErrorKind, Result, ShardId};
use crate::plan::batch::Batch;

/// How a call over several logical shards is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct ScatterOptions {
    /// How long the whole call may take.
    pub(crate) deadline: Option<Duration>,
    /// After which share of the answers that came before a read is asked of a second replica.
    pub(crate) hedge: Option<f64>,
}

/// A call over several logical shards while it runs.
#[derive(Debug, Default)]
pub(crate) struct ScatterCall {
    until: Option<(Instant, Duration)>,
    pub(crate) hedge: Option<f64>,
    /// Gathers what is missing, where the call may do without.
    missing: Option<Mutex<Vec<Missing>>>,
}

/// Logical shards that did not answer, and why.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Missing {
    /// The logical shards, of one server.
    pub shards: Vec<ShardId>,
    /// Why they did not answer.
    pub error: Error,
}

impl ScatterCall {
    /// Begins now: the first shard that does not answer ends the call.
    pub(crate) fn begin(options: ScatterOptions) -> Self {
        Self {
            until: options
                .deadline
                .and_then(|deadline| Some((Instant::now().checked_add(deadline)?, deadline))),
            hedge: options.hedge,
            missing: None,
        }
    }

    /// Begins now: the call gives what the other shards answer.
    pub(crate) fn begin_partial(options: ScatterOptions) -> Self {
        Self {
            missing: Some(Mutex::default()),
            ..Self::begin(options)
        }
    }

    /// What is missing, in the order in which it was noticed.
    pub(crate) fn into_missing(self) -> Vec<Missing> {
        self.missing.map_or_else(Vec::new, |missing| {
            missing.into_inner().unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// Waits for a part of the call, until the deadline of the whole.
    pub(crate) async fn within<T>(&self, part: impl Future<Output = Result<T>>) -> Result<T> {
        match self.until {
            None => part.await,
            Some((until, deadline)) => match timeout_at(until, part).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Error::new(
                    ErrorKind::Timeout,
                    format!("the call did not end within its deadline of {deadline:?}"),
                )),
            },
        }
    }

    /// A batch failed: noted as missing where that is allowed and what failed is the shard or its
    /// server, not the query.
    pub(crate) fn failed(&self, batch: &Batch, error: Error) -> Result<()> {
        let error = match error.shard() {
            None => batch.name_error(error),
            Some(_) => error,
        };
        match &self.missing {
            Some(missing) if is_of_a_shard(error.kind()) => {
                let shards = batch.shards();
                let mut missing = missing.lock().unwrap_or_else(PoisonError::into_inner);
                missing.push(Missing { shards, error });
                Ok(())
            }
            _ => Err(error),
        }
    }
}

/// The same rows, until the deadline of the call that gives them.
pub(crate) fn until<'a, T: Send + 'a>(
    options: ScatterOptions,
    mut rows: BoxStream<'a, Result<T>>,
) -> BoxStream<'a, Result<T>> {
    if options.deadline.is_none() {
        return rows;
    }
    async_stream::try_stream! {
        let call = ScatterCall::begin(options);
        while let Some(row) = call.within(rows.try_next()).await? {
            yield row;
        }
    }
    .boxed()
}

/// Whether an error says that a shard, or its server, could not answer: another shard may.
fn is_of_a_shard(kind: ErrorKind) -> bool {
    is_of_one_namespace(kind)
        || matches!(
            kind,
            ErrorKind::Unavailable
                | ErrorKind::Timeout
                | ErrorKind::PoolExhausted
                | ErrorKind::Serialization
                | ErrorKind::Deadlock
        )
}

/// Whether an error may be of one of the namespaces that a statement asks, while the others are
/// well.
pub(crate) fn is_of_one_namespace(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UndefinedTable | ErrorKind::ShardMoved)
}
