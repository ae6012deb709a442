//! The one way to a database: choose an endpoint, take a connection, send, deal with its loss.

#[cfg(all(test, feature = "sqlite"))]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use tracing::{Instrument, Span};

use super::destination::Destination;
use super::statement::{Sink, Statement};
use super::target::Target;
use super::unfit::{explained, may_be_unfit};
use crate::backend::{Args, Failure, OnRow, ReadResponse, Row, Sql};
use crate::connect::{Checkout, Endpoint, Lease, NamespaceHandle, WriteMarker};
use crate::error::{Error, ErrorKind, Result};

/// What a statement does, which says where it goes and whether it may be asked twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Made by the builder, changes nothing: goes where the policy says, and is asked again when
    /// the connection turns out to be lost.
    Read,
    /// Goes to the primary, and is never carried out twice: it is sent again only after a server
    /// refused it that has become read-only.
    Write,
}

/// Runs a statement at a place and gives the rows affected; rows of a result go to `sink`.
///
/// The future is boxed here, once, so that what the models add around it stays small.
pub(crate) fn run<'a>(
    target: Target<'a>,
    handle: Arc<NamespaceHandle>,
    intent: Intent,
    statement: &'a dyn Statement,
    sink: &'a mut dyn Sink,
) -> BoxFuture<'a, Result<u64>> {
    run_at(target, Destination::of(handle), intent, statement, sink)
}

/// As [`run`], of a statement that may ask several places of one server.
pub(crate) fn run_at<'a>(
    target: Target<'a>,
    destination: Destination,
    intent: Intent,
    statement: &'a dyn Statement,
    sink: &'a mut dyn Sink,
) -> BoxFuture<'a, Result<u64>> {
    // Allocated first: the little that the future begins with is then written where it stays. The
    // other way round, `Box::pin` copies all its room there.
    let call = Box::write(Box::new_uninit(), async move {
        let span = span(&destination.handle, intent, statement);
        let result = if span.is_disabled() {
            dispatch(target, &destination, intent, statement, sink, &span)
                .await
                .map_err(|error| destination.name_error(error))
        } else {
            let begun = Instant::now();
            let mut counting = Counting { sink, rows: 0 };
            let traced = dispatch(
                target,
                &destination,
                intent,
                statement,
                &mut counting,
                &span,
            );
            let result = Box::pin(traced.instrument(span.clone())).await;
            concluded(&span, &destination, begun, counting.rows, result)
        };
        let Err(error) = result else { return result };
        match destination.moved(target, error, statement).await {
            Ok(moved) => {
                sink.reset();
                run_at(target, moved, intent, statement, sink).await
            }
            Err(error) if may_be_unfit(error.kind()) => {
                Err(explained(target, destination, statement, error).await)
            }
            Err(error) => Err(error),
        }
    });
    Box::into_pin(call)
}

/// Asks a replica for the rows of a read that was asked of another one before; `None` when there is
/// no other, or when the read is not one for replicas.
pub(crate) fn run_elsewhere<'a>(
    target: Target<'a>,
    destination: &'a Destination,
    statement: &'a dyn Statement,
    sink: &'a mut dyn Sink,
) -> BoxFuture<'a, Result<Option<u64>>> {
    Box::pin(async move {
        let Target::Cluster { read, marks, .. } = target else {
            return Ok(None);
        };
        let Some(checkout) = destination.for_read_elsewhere(read, marks).await? else {
            return Ok(None);
        };
        let span = span(&destination.handle, Intent::Read, statement);
        let begun = Instant::now();
        let mut counting = Counting { sink, rows: 0 };
        let result = attempt_read(
            checkout,
            &destination.handle,
            statement,
            &mut counting,
            &span,
        )
        .instrument(span.clone())
        .await
        .map_err(Attempt::into_error);
        concluded(&span, destination, begun, counting.rows, result).map(Some)
    })
}

/// Writes down in the span what came of a call.
fn concluded(
    span: &Span,
    destination: &Destination,
    begun: Instant,
    seen: u64,
    result: Result<u64>,
) -> Result<u64> {
    let result = result.map_err(|error| destination.name_error(error));
    let rows = result.as_ref().map(|changed| seen.max(*changed));
    record(span, begun, rows.map_err(Error::kind));
    result
}

/// One span for each call: where it went and what came of it, never a value.
pub(super) fn span(handle: &NamespaceHandle, intent: Intent, statement: &dyn Statement) -> Span {
    let label = statement.label();
    tracing::debug_span!(
        target: "shard_orm",
        "call",
        group = &**handle.namespace.group(),
        shard = handle.namespace.shard(),
        server = &*handle.server,
        verb = label.verb,
        table = label.table,
        intent = ?intent,
        role = tracing::field::Empty,
        rows = tracing::field::Empty,
        micros = tracing::field::Empty,
        error = tracing::field::Empty,
    )
}

/// Writes down what came of a call.
pub(super) fn record(span: &Span, begun: Instant, outcome: Result<u64, ErrorKind>) {
    span.record(
        "micros",
        u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
    );
    match outcome {
        Ok(rows) => span.record("rows", rows),
        // The kind alone: a database's message can quote a value.
        Err(kind) => span.record("error", tracing::field::display(kind)),
    };
}

/// Writes down which endpoint serves a call.
pub(super) fn record_role(span: &Span, role: &'static str) {
    // A span that nobody listens to would still look for a logger.
    if !span.is_disabled() {
        span.record("role", role);
    }
}

/// Counts the rows of a result, which not every database does itself.
struct Counting<'a> {
    sink: &'a mut dyn Sink,
    rows: u64,
}

impl Sink for Counting<'_> {
    fn row(&mut self, row: &Row<'_>) -> Result<()> {
        self.rows += 1;
        self.sink.row(row)
    }

    fn reset(&mut self) {
        self.rows = 0;
        self.sink.reset();
    }
}

/// Chooses an endpoint and sends the statement. Not an `async fn`, as [`attempt`].
#[expect(clippy::manual_async_fn, reason = "the size of the future")]
fn dispatch<'a>(
    target: Target<'a>,
    destination: &'a Destination,
    intent: Intent,
    statement: &'a dyn Statement,
    sink: &'a mut dyn Sink,
    span: &'a Span,
) -> impl Future<Output = Result<u64>> + Send + 'a {
    async move {
        let handle = &*destination.handle;
        let (read, marks) = match target {
            Target::Tx(tx) => {
                record_role(span, "primary");
                let prepare = || prepare(handle, statement);
                return tx.run(prepare, &mut |row: &Row<'_>| sink.row(row)).await;
            }
            Target::Cluster { read, marks, .. } => (read, marks),
        };
        match intent {
            Intent::Write => {
                let _marker = WriteMarker::new(marks, handle);
                write(handle, statement, sink, span).await
            }
            Intent::Read => {
                let _locks = destination.hold_locks(read, marks, statement).await?;
                let Checkout {
                    mut lease,
                    endpoint,
                } = destination.for_read(read, marks).await?;
                record_role(span, handle.role(endpoint));
                match attempt(&mut lease, endpoint, handle, statement, sink).await {
                    Ok(rows) => Ok(rows),
                    Err(failed) if failed.may_be_asked_again(handle, endpoint) => {
                        // Its place in the pool is free for the other connection.
                        drop(lease);
                        handle.health.request_probe();
                        sink.reset();
                        let again = async {
                            let checkout =
                                destination.for_read_again(read, marks, endpoint).await?;
                            attempt_read(checkout, handle, statement, sink, span)
                                .await
                                .map_err(Attempt::into_error)
                        };
                        Box::pin(again).await
                    }
                    Err(failed) => Err(failed.into_error()),
                }
            }
        }
    }
}

/// Sends a write to the primary: once, but for a refusal by a server that has become read-only,
/// which has done nothing.
async fn write(
    handle: &NamespaceHandle,
    statement: &dyn Statement,
    sink: &mut dyn Sink,
    span: &Span,
) -> Result<u64> {
    let Checkout {
        mut lease,
        endpoint,
    } = handle.for_write().await?;
    record_role(span, handle.role(endpoint));
    match attempt(&mut lease, endpoint, handle, statement, sink).await {
        Ok(rows) => {
            lease.wrote();
            Ok(rows)
        }
        Err(Attempt::Answered(error)) => {
            if error.kind() == ErrorKind::ReadOnly && statement.is_refused_whole() {
                drop(lease);
                let retry = write_again(handle, endpoint.index(), error, statement, sink);
                return Box::pin(retry).await;
            }
            if error.kind() == ErrorKind::ReadOnly {
                // The next one finds the new primary.
                handle.health.request_probe();
            }
            Err(error)
        }
        Err(Attempt::Outdated(error)) => Err(error),
        Err(Attempt::Lost(error)) => {
            handle.health.request_probe();
            Err(lease.outcome_unknown(error))
        }
    }
}

#[cold]
async fn write_again(
    handle: &NamespaceHandle,
    refused_by: usize,
    error: Error,
    statement: &dyn Statement,
    sink: &mut dyn Sink,
) -> Result<u64> {
    if !handle.has_new_primary(refused_by).await {
        return Err(error);
    }
    let Checkout {
        mut lease,
        endpoint,
    } = handle.for_write().await?;
    match attempt(&mut lease, endpoint, handle, statement, sink).await {
        Ok(rows) => {
            lease.wrote();
            Ok(rows)
        }
        Err(Attempt::Lost(error)) => Err(lease.outcome_unknown(error)),
        Err(attempt) => Err(attempt.into_error()),
    }
}

async fn attempt_read(
    checkout: Checkout<'_>,
    handle: &NamespaceHandle,
    statement: &dyn Statement,
    sink: &mut dyn Sink,
    span: &Span,
) -> Result<u64, Attempt> {
    record_role(span, handle.role(checkout.endpoint));
    let mut lease = checkout.lease;
    attempt(&mut lease, checkout.endpoint, handle, statement, sink).await
}

/// A function of its own: what it borrows would otherwise be kept in the future of the call.
#[inline]
pub(super) fn prepare(handle: &NamespaceHandle, statement: &dyn Statement) -> Result<(Sql, Args)> {
    let mut args = Args::new(handle.dialect())?;
    let sql = statement.prepare(&handle.namespace, &mut args)?;
    // The text alone: values travel beside it.
    tracing::trace!(target: "shard_orm::sql", server = &*handle.server, sql = &*sql.text);
    Ok((sql, args))
}

/// Sends a statement. A function of its own, as [`prepare`] is.
fn ask<'l, 'r>(
    lease: &'l mut Lease,
    handle: &NamespaceHandle,
    statement: &dyn Statement,
    on_row: &'r mut OnRow<'r>,
) -> Result<ReadResponse<'l, 'r>> {
    let (sql, args) = prepare(handle, statement)?;
    Ok(lease.conn()?.run(sql, args, on_row))
}

/// Why an attempt failed.
enum Attempt {
    /// The server, or the library before it, said no.
    Answered(Error),
    /// The connection is gone; whether the statement was carried out is not known.
    Lost(Error),
    /// The connection does not see a table that another one would see; nothing was done.
    Outdated(Error),
}

impl Attempt {
    /// Whether a read can be answered by another connection: its own was lost, or a replica gave
    /// it up for what it had to replay.
    fn may_be_asked_again(&self, handle: &NamespaceHandle, endpoint: &Endpoint) -> bool {
        match self {
            Self::Lost(_) | Self::Outdated(_) => true,
            Self::Answered(error) => {
                error.kind() == ErrorKind::Serialization && handle.is_replica(endpoint)
            }
        }
    }

    fn into_error(self) -> Error {
        match self {
            Self::Answered(error) | Self::Lost(error) | Self::Outdated(error) => error,
        }
    }
}

/// Sends a statement, and once more on the same connection when what that had noted of it turns out
/// to be out of date.
///
/// Not an `async fn`, whose future would have room for its arguments twice.
#[expect(clippy::manual_async_fn, reason = "the size of the future")]
fn attempt<'a>(
    lease: &'a mut Lease,
    endpoint: &'a Endpoint,
    handle: &'a NamespaceHandle,
    statement: &'a dyn Statement,
    sink: &'a mut dyn Sink,
) -> impl Future<Output = Result<u64, Attempt>> + Send + 'a {
    async move {
        let mut is_again = false;
        loop {
            let answer = {
                let mut on_row = |row: &Row<'_>| sink.row(row);
                let asked = ask(lease, handle, statement, &mut on_row);
                let mut reading = asked.map_err(Attempt::Answered)?;
                // Lent: the futures around it would each have room for it.
                handle.health.or_abort(endpoint.index(), &mut reading).await
            };
            let failure = match answer {
                Ok(rows) => {
                    lease.settle();
                    return Ok(rows);
                }
                Err(failure) => failure,
            };
            if !failure.may_be_sent_again(statement.is_refused_whole()) {
                return Err(failed(lease, failure));
            }
            // Otherwise the lease is in the middle of something still, and its connection is closed.
            if is_again || Box::pin(lease.prepare_again(failure.lost)).await.is_err() {
                return Err(Attempt::Answered(failure.error));
            }
            sink.reset();
            is_again = true;
        }
    }
}

/// What a failure means that is not a matter of the connection's notes.
#[cold]
fn failed(lease: &mut Lease, failure: Failure) -> Attempt {
    // Never sent, and the driver has lost count of the answers: the lease is discarded.
    if failure.lost && failure.error.kind() == ErrorKind::Unsupported {
        return Attempt::Answered(failure.error);
    }
    if failure.lost {
        lease.lost();
        return Attempt::Lost(failure.error);
    }
    if lease.is_outdated(&failure.error) {
        return Attempt::Outdated(failure.error);
    }
    lease.settle();
    lease.failed(&failure.error);
    Attempt::Answered(failure.error)
}
