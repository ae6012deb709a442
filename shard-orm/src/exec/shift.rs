//! Reads that the target of a job serves in the place of its source, before the switch.
//!
//! Only reads that take rows of a replica, and only while the target is no further behind than such a read allows.
//! Whatever goes wrong there, the source is asked.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::destination::Destination;
use super::run::{Intent, run_here, send_once};
use super::statement::{Sink, Statement};
use super::target::Target;
use crate::cluster::Shifting;
use crate::error::{Error, ErrorKind, Result};
use crate::topology::Read;

/// How often a read that waits for a target checks whether that may still serve.
const PERIOD: Duration = Duration::from_millis(200);

/// The target that serves a read, if this one is chosen.
#[inline]
pub(super) fn of_read(
    target: Target<'_>,
    destination: &Destination,
    intent: Intent,
    statement: &dyn Statement,
) -> Option<Arc<Shifting>> {
    let Target::Cluster {
        cluster,
        read,
        marks: None,
    } = target
    else {
        return None;
    };
    let handle = &destination.handle;
    if intent != Intent::Read || read.unwrap_or(handle.policy()) != Read::Replica {
        return None;
    }
    let shift = cluster.shift_of(handle)?;
    let models = statement.models();
    // The copies of static tables are not those of the source.
    let all_move = !models.is_empty() && models.iter().all(|def| def.is_in_shards());
    (all_move && destination.width() == 1).then_some(shift)
}

/// Runs a read at the target, and at the source if that does not serve it.
pub(super) fn run<'a>(
    shift: Arc<Shifting>,
    target: Target<'a>,
    destination: Destination,
    statement: &'a dyn Statement,
    sink: &'a mut dyn Sink,
) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        let max_lag = destination.handle.health.settings().max_lag;
        if shift.feed(max_lag).is_some() {
            match at_target(&shift, max_lag, statement, sink).await {
                Ok(rows) => {
                    shift.served();
                    return Ok(rows);
                }
                Err(error) => {
                    tracing::debug!(
                        target: "shard_orm",
                        server = &*shift.target.server,
                        error = %error.kind(),
                        "the source serves a read that its target did not"
                    );
                    shift.failed();
                    sink.reset();
                }
            }
        }
        shift.fell_back();
        run_here(target, destination, Intent::Read, statement, sink).await
    })
}

/// Reads from the target, and gives up once the target may no longer serve.
async fn at_target(
    shift: &Shifting,
    max_lag: Duration,
    statement: &dyn Statement,
    sink: &mut dyn Sink,
) -> Result<u64> {
    let read = async {
        let checkout = shift.connection(max_lag).await?;
        send_once(checkout, &shift.target, statement, sink).await
    };
    let mut read = pin!(read);
    loop {
        if let Ok(answer) = timeout(PERIOD, read.as_mut()).await {
            return answer;
        }
        if shift.feed(max_lag).is_none() {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the target of a job does not answer",
            ));
        }
    }
}
