//! The one way to a database: choose an endpoint, take a connection, send, deal with its loss.

#[cfg(all(test, feature = "sqlite"))]
mod tests;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tracing::Instrument;

use super::call::{Call, Pending};
use super::destination::Destination;
use super::statement::{Sink, Statement};
use super::target::Target;
use super::unfit::{explained, may_be_unfit};
use crate::backend::{Args, Failure, NotedResponse, OnRow, Row, Sql};
use crate::connect::{Checkout, Endpoint, Lease, NamespaceHandle, WriteMarker};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{Event, Running};

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
    #[cfg(feature = "reshard")]
    if let Some(shift) = super::shift::of_read(target, &destination, intent, statement) {
        return super::shift::run(shift, target, destination, statement, sink);
    }
    #[cfg(feature = "reshard")]
    if let Some(mirror) = super::mirror::of_read(target, &destination, intent, statement) {
        return super::mirror::run(mirror, target, destination, statement, sink);
    }
    run_here(target, destination, intent, statement, sink)
}

/// As [`run_at`], of a statement that is sent to no other place beside.
pub(super) fn run_here<'a>(
    target: Target<'a>,
    destination: Destination,
    intent: Intent,
    statement: &'a dyn Statement,
    sink: &'a mut dyn Sink,
) -> BoxFuture<'a, Result<u64>> {
    // Allocated first: the little that the future begins with is then written where it stays. The
    // other way round, `Box::pin` copies all its room there.
    let future = Box::write(Box::new_uninit(), async move {
        let call = Call::begin(&destination.handle, intent, statement);
        let pending = Pending::new(&destination.handle.observed);
        let result = match call.span() {
            None => dispatch(target, &destination, intent, statement, sink, &call).await,
            Some(span) => {
                let traced = dispatch(target, &destination, intent, statement, sink, &call);
                Box::pin(traced.instrument(span.clone())).await
            }
        };
        pending.end();
        call.end(&destination, statement, result.as_ref().copied());
        let result = result.map_err(|error| destination.name_error(error));
        let Err(error) = result else { return result };
        match destination.moved(target, error, statement).await {
            Ok(moved) => {
                moved.handle.observed.count(Event::RetriedMoved);
                sink.reset();
                run_here(target, moved, intent, statement, sink).await
            }
            Err(error) if may_be_unfit(error.kind()) => {
                Err(explained(target, destination, statement, error).await)
            }
            Err(error) => Err(error),
        }
    });
    Box::into_pin(future)
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
        let call = Call::begin(&destination.handle, Intent::Read, statement);
        // The call begins now, and has not waited for its connection.
        call.served_by(&destination.handle, checkout.endpoint, 0);
        let attempt = attempt_read(checkout, &destination.handle, statement, sink, &call);
        let result = match call.span() {
            None => attempt.await,
            Some(span) => attempt.instrument(span.clone()).await,
        };
        let result = result.map_err(Attempt::into_error);
        call.end(destination, statement, result.as_ref().copied());
        result
            .map(Some)
            .map_err(|error| destination.name_error(error))
    })
}

/// Sends a read once, on a connection of this namespace.
#[cfg(feature = "reshard")]
pub(super) async fn send_once(
    checkout: Checkout<'_>,
    handle: &Arc<NamespaceHandle>,
    statement: &dyn Statement,
    sink: &mut dyn Sink,
) -> Result<u64> {
    let destination = Destination::of(Arc::clone(handle));
    let call = Call::begin(handle, Intent::Read, statement);
    // The call begins now, and has not waited for its connection.
    call.served_by(handle, checkout.endpoint, 0);
    let attempt = attempt_read(checkout, handle, statement, sink, &call);
    let result = match call.span() {
        None => attempt.await,
        Some(span) => attempt.instrument(span.clone()).await,
    };
    let result = result.map_err(Attempt::into_error);
    call.end(&destination, statement, result.as_ref().copied());
    result
}

/// Chooses an endpoint and sends the statement. Not an `async fn`, as [`attempt`].
#[expect(clippy::manual_async_fn, reason = "the size of the future")]
fn dispatch<'a>(
    target: Target<'a>,
    destination: &'a Destination,
    intent: Intent,
    statement: &'a dyn Statement,
    sink: &'a mut dyn Sink,
    call: &'a Call,
) -> impl Future<Output = Result<u64>> + Send + 'a {
    async move {
        let handle = &*destination.handle;
        let (read, marks) = match target {
            Target::Tx(tx) => {
                call.served_in_transaction();
                let prepare = || prepare(handle, statement);
                let mut on_row = |row: &Row<'_>| {
                    call.running.add_rows(1);
                    sink.row(row)
                };
                return tx.run(prepare, &mut on_row, &call.running).await;
            }
            Target::Cluster { read, marks, .. } => (read, marks),
        };
        match intent {
            Intent::Write => {
                let _marker = WriteMarker::new(marks, handle);
                write(handle, statement, sink, call).await
            }
            Intent::Read => {
                let locks = destination.hold_locks(read, marks, statement).await?;
                if locks.is_some() {
                    call.running.queued_until_now();
                }
                let Checkout {
                    mut lease,
                    endpoint,
                } = destination.for_read(read, marks).await?;
                call.served_by(handle, endpoint, lease.waited());
                match attempt(&mut lease, endpoint, handle, statement, sink, call).await {
                    Ok(rows) => Ok(rows),
                    Err(failed) if failed.may_be_asked_again(handle, endpoint) => {
                        // Its place in the pool is free for the other connection.
                        drop(lease);
                        handle.health.request_probe();
                        handle.observed.count(Event::RetriedElsewhere);
                        call.running.begins_again();
                        sink.reset();
                        let again = async {
                            let checkout =
                                destination.for_read_again(read, marks, endpoint).await?;
                            call.served_by(handle, checkout.endpoint, 0);
                            attempt_read(checkout, handle, statement, sink, call)
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
    call: &Call,
) -> Result<u64> {
    let Checkout {
        mut lease,
        endpoint,
    } = handle.for_write().await?;
    call.served_by(handle, endpoint, lease.waited());
    match attempt(&mut lease, endpoint, handle, statement, sink, call).await {
        Ok(rows) => {
            lease.wrote();
            Ok(rows)
        }
        Err(Attempt::Answered(error)) => {
            if error.kind() == ErrorKind::ReadOnly && statement.is_refused_whole() {
                drop(lease);
                let retry = write_again(handle, endpoint.index(), error, statement, sink, call);
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
    call: &Call,
) -> Result<u64> {
    call.running.begins_again();
    if !handle.has_new_primary(refused_by).await {
        return Err(error);
    }
    handle.observed.count(Event::RetriedNewPrimary);
    let Checkout {
        mut lease,
        endpoint,
    } = handle.for_write().await?;
    call.served_by(handle, endpoint, 0);
    match attempt(&mut lease, endpoint, handle, statement, sink, call).await {
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
    call: &Call,
) -> Result<u64, Attempt> {
    let mut lease = checkout.lease;
    attempt(&mut lease, checkout.endpoint, handle, statement, sink, call).await
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
    running: &'r Running,
) -> Result<NotedResponse<'l, 'r>> {
    let (sql, args) = prepare(handle, statement)?;
    running.sends(sql.text.len() + args.bytes());
    Ok(lease.conn()?.run(sql, args, on_row).noted_in(running))
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
    call: &'a Call,
) -> impl Future<Output = Result<u64, Attempt>> + Send + 'a {
    async move {
        let mut is_again = false;
        loop {
            let answer = {
                let mut on_row = |row: &Row<'_>| {
                    call.running.add_rows(1);
                    sink.row(row)
                };
                let asked = ask(lease, handle, statement, &mut on_row, &call.running);
                let mut reading = asked.map_err(Attempt::Answered)?;
                // Lent: the futures around it would each have room for it.
                handle.health.or_abort(endpoint.index(), &mut reading).await
            };
            let failure = match answer {
                Ok(answer) => {
                    lease.settle();
                    call.gives_back(handle, lease, answer.arrived);
                    return Ok(answer.rows);
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
            handle.observed.count(Event::RetriedStale);
            call.running.begins_again();
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
