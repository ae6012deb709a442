//! Options of a call over several logical shards: its deadline, hedging, and partial results.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, ErrorKind, Result, ShardId};
use crate::plan::batch::Batch;

/// The options of a call over several logical shards.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct ScatterOptions {
    /// The time limit of the whole call.
    pub(crate) deadline: Option<Duration>,
    /// The share of earlier responses after which a read is sent to a second replica.
    pub(crate) hedge: Option<f64>,
}

/// A running call over several logical shards.
#[derive(Debug, Default)]
pub(crate) struct ScatterCall {
    until: Option<(Instant, Duration)>,
    pub(crate) hedge: Option<f64>,
    /// Collects missing shards, if the call allows partial results.
    missing: Option<Mutex<Vec<Missing>>>,
}

/// Logical shards that did not respond, and the reason.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Missing {
    /// The logical shards, of one server.
    pub shards: Vec<ShardId>,
    /// The reason.
    pub error: Error,
}

impl ScatterCall {
    /// Starts a call now. The first shard that does not respond ends it.
    pub(crate) fn begin(options: ScatterOptions) -> Self {
        Self {
            until: options
                .deadline
                .and_then(|deadline| Some((Instant::now().checked_add(deadline)?, deadline))),
            hedge: options.hedge,
            missing: None,
        }
    }

    /// Starts a call now. It returns a partial result if shards do not respond.
    pub(crate) fn begin_partial(options: ScatterOptions) -> Self {
        Self {
            missing: Some(Mutex::default()),
            ..Self::begin(options)
        }
    }

    /// The missing shards, in the order in which they failed.
    pub(crate) fn into_missing(self) -> Vec<Missing> {
        self.missing.map_or_else(Vec::new, |missing| {
            missing.into_inner().unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// Waits for a part of the call, until the deadline of the whole call.
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

    /// Records a failed batch as missing, if partial results are allowed and the cause is the shard
    /// or its server, not the query.
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

/// The same rows, until the deadline of the call.
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

/// Whether an error indicates that a shard or its server could not respond, while other shards may.
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

/// Whether an error may be caused by one of the namespaces of a statement, while the others are
/// fine.
pub(crate) fn is_of_one_namespace(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::UndefinedTable | ErrorKind::ShardMoved)
}
