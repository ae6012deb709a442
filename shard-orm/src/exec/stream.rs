//! Reads whose rows are taken off the connection one by one.
//!
//! Called by the queries' `stream`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::OwnedSemaphorePermit;

use super::call::Call;
use super::destination::Destination;
use super::run::{Intent, prepare};
use super::statement::{Label, Statement};
use super::target::Target;
use super::timed_rows::{Converting, TimedRows};
use crate::backend::{Args, Row, Run, Sql};
use crate::connect::{Checkout, Endpoint, Lease, NamespaceHandle, WriteMarker};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Event;
use crate::topology::Namespace;

/// Runs a read and gives its rows one by one, each taken off the connection when it is asked for.
///
/// The connection is held until the stream ends or is dropped. A stream is asked again when its
/// connection turns out to be lost before the first row, and not after it: the rows so far have
/// been handed on.
pub(crate) fn stream<'a, T: Send + 'a>(
    target: Target<'a>,
    handle: Arc<NamespaceHandle>,
    statement: impl Statement + Send + 'a,
    read: impl Fn(&Row<'_>) -> Result<T> + Send + Sync + 'a,
) -> BoxStream<'a, Result<T>> {
    stream_at(target, Destination::of(handle), statement, read)
}

/// As [`stream`], of a statement that may ask several places of one server.
pub(crate) fn stream_at<'a, T: Send + 'a>(
    target: Target<'a>,
    destination: Destination,
    statement: impl Statement + Send + 'a,
    read: impl Fn(&Row<'_>) -> Result<T> + Send + Sync + 'a,
) -> BoxStream<'a, Result<T>> {
    one_by_one(runs_at(target, destination, None, statement, read))
}

/// As [`stream_at`], in runs of rows, on a connection that was taken before.
pub(crate) fn runs_at<'a, T: Send + 'a>(
    target: Target<'a>,
    destination: Destination,
    taken: Option<Taken>,
    statement: impl Statement + Send + 'a,
    read: impl Fn(&Row<'_>) -> Result<T> + Send + Sync + 'a,
) -> Runs<'a, T> {
    begin(target, destination, Intent::Read, taken, statement, read)
}

/// Runs of rows, of which one may not fit its type.
pub(crate) type Runs<'a, T> = BoxStream<'a, Result<Run<Result<T>>>>;

/// The rows of runs.
fn one_by_one<'a, T: Send + 'a>(mut runs: Runs<'a, T>) -> BoxStream<'a, Result<T>> {
    async_stream::try_stream! {
        while let Some(run) = runs.try_next().await? {
            for row in run {
                yield row?;
            }
        }
    }
    .boxed()
}

/// As [`stream`], of a statement with this intent: one that may write goes to the primary, and is
/// never sent twice.
pub(crate) fn stream_as<'a, T: Send + 'a>(
    target: Target<'a>,
    handle: Arc<NamespaceHandle>,
    intent: Intent,
    statement: impl Statement + Send + 'a,
    read: impl Fn(&Row<'_>) -> Result<T> + Send + Sync + 'a,
) -> BoxStream<'a, Result<T>> {
    let destination = Destination::of(handle);
    one_by_one(begin(target, destination, intent, None, statement, read))
}

fn begin<'a, T: Send + 'a>(
    target: Target<'a>,
    destination: Destination,
    intent: Intent,
    taken: Option<Taken>,
    statement: impl Statement + Send + 'a,
    read: impl Fn(&Row<'_>) -> Result<T> + Send + Sync + 'a,
) -> Runs<'a, T> {
    let call = Arc::new(StreamCall {
        call: Call::begin(&destination.handle, intent, &statement),
        converting: Converting::default(),
    });
    let statement = Arc::new(statement);
    let observed = call.call.running.is_observed().then(|| {
        let (call, destination) = (Arc::clone(&call), destination.clone());
        (call, destination, Arc::clone(&statement))
    });
    let rows = rows(target, destination, intent, taken, statement, read, call);
    match observed {
        None => rows,
        Some((call, destination, statement)) => watched(rows, call, destination, statement),
    }
}

/// The call of a stream.
struct StreamCall {
    call: Call,
    converting: Converting,
}

impl StreamCall {
    /// The same rows, which are timed if somebody wants to know.
    fn timed<S>(&self, rows: S) -> TimedRows<'_, S> {
        let noted = cfg!(feature = "metrics") && self.call.running.is_observed();
        let noted = noted.then_some((&self.call.running, &self.converting));
        TimedRows::new(rows, noted)
    }

    /// A connection was taken, of this endpoint, after that time.
    fn served_by(&self, handle: &NamespaceHandle, endpoint: &Endpoint, waited: Duration) {
        let waited = u32::try_from(waited.as_micros()).unwrap_or(u32::MAX);
        self.call.served_by(handle, endpoint, waited);
    }

    fn end(
        &self,
        destination: &Destination,
        statement: &dyn Statement,
        result: Result<u64, &Error>,
    ) {
        let converting = Some(self.converting.micros());
        self.call
            .end_read_for(destination, statement, result, converting);
    }
}

/// The same rows, with what came of them written down.
fn watched<'a, T: Send + 'a>(
    mut runs: Runs<'a, T>,
    call: Arc<StreamCall>,
    destination: Destination,
    statement: Arc<impl Statement + Send + 'a>,
) -> Runs<'a, T> {
    async_stream::stream! {
        while let Some(mut run) = runs.next().await {
            let failed = match &mut run {
                Ok(run) => {
                    call.call.running.add_rows(run.len());
                    run.iter_mut().find_map(|row| row.as_ref().err())
                }
                Err(error) => Some(&*error),
            };
            if let Some(error) = failed {
                // It has noted its times by then.
                drop(runs);
                call.end(&destination, &Streamed(&*statement), Err(error));
                yield run;
                return;
            }
            yield run;
        }
        call.end(&destination, &Streamed(&*statement), Ok(0));
    }
    .boxed()
}

/// A statement whose rows are read one by one. It takes as long as its reader, so that the statistics
/// have a verb of its own for it.
struct Streamed<'a, S>(&'a S);

impl<S: Statement> Statement for Streamed<'_, S> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        self.0.prepare(namespace, args)
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "stream",
            ..self.0.label()
        }
    }
}

/// A connection that was taken for a stream.
#[derive(Debug)]
pub(crate) struct Taken {
    lease: Lease,
    endpoint: usize,
    locks: Option<OwnedSemaphorePermit>,
}

/// Takes a connection for a stream; none in a transaction, which has its own.
pub(crate) async fn take(
    target: Target<'_>,
    destination: &Destination,
    statement: &dyn Statement,
) -> Result<Option<Taken>> {
    match target {
        Target::Tx(_) => Ok(None),
        Target::Cluster { read, marks, .. } => {
            let locks = destination.hold_locks(read, marks, statement).await?;
            let checkout = destination.for_read(read, marks).await;
            let checkout = checkout.map_err(|error| destination.name_error(error))?;
            Ok(Some(Taken {
                endpoint: checkout.endpoint.index(),
                lease: checkout.lease,
                locks,
            }))
        }
    }
}

/// Takes a connection for a statement that may write.
async fn take_to_write(handle: &NamespaceHandle) -> Result<Taken> {
    let checkout = handle.for_write().await?;
    Ok(Taken {
        endpoint: checkout.endpoint.index(),
        lease: checkout.lease,
        locks: None,
    })
}

fn rows<'a, T: Send + 'a>(
    target: Target<'a>,
    mut destination: Destination,
    intent: Intent,
    mut taken: Option<Taken>,
    statement: Arc<impl Statement + Send + 'a>,
    read: impl Fn(&Row<'_>) -> Result<T> + Send + Sync + 'a,
    call: Arc<StreamCall>,
) -> Runs<'a, T> {
    async_stream::try_stream! {
        match target {
            Target::Tx(tx) => {
                let handle = &destination.handle;
                let named = |error: Error| destination.name_error(error);
                call.call.served_in_transaction();
                let (sql, args) = prepare(handle, &*statement)?;
                let mut session = tx.enter()?;
                let outcome = {
                    let mut rows = call.timed(session.conn()?.rows(&sql, args, &read));
                    loop {
                        let next = async { rows.next().await.transpose() };
                        match tx.or_abort(next).await {
                            Ok(None) => break Ok(()),
                            Ok(Some(run)) => yield with_names(run, &destination),
                            Err(failure) => break Err(failure),
                        }
                    }
                };
                session.settle(outcome).map_err(named)?;
            }
            Target::Cluster { read: choice, marks, .. } => 'there: loop {
                let handle = Arc::clone(&destination.handle);
                let writes = intent == Intent::Write;
                let _marker = writes.then(|| WriteMarker::new(marks, &handle));
                let mut may_ask_again = !writes;
                let (mut has_rows, mut is_planned_anew) = (false, false);
                // The wait for a connection that was taken before the call began is not part of it.
                let (is_taken, since) = (taken.is_some(), Instant::now());
                let begun = match taken.take() {
                    Some(taken) => Ok(Some(taken)),
                    None if writes => take_to_write(&handle).await.map(Some),
                    None => take(target, &destination, &*statement).await,
                };
                let Taken { lease, endpoint, locks: _locks } = match begun {
                    Ok(Some(taken)) => taken,
                    Ok(None) => return,
                    Err(error) => match destination.moved(target, error, &*statement).await {
                        Ok(moved) => {
                            destination = moved;
                            continue 'there;
                        }
                        Err(error) => Err(destination.name_error(error))?,
                    },
                };
                let endpoint = handle.reading(endpoint);
                let mut checkout = Checkout { lease, endpoint };
                let mut waited = if is_taken { Duration::ZERO } else { since.elapsed() };
                loop {
                    let (sql, args) = prepare(&handle, &*statement)?;
                    let endpoint = checkout.endpoint;
                    call.served_by(&handle, endpoint, std::mem::take(&mut waited));
                    let mut lease = checkout.lease;
                    let failure = {
                        let mut rows = call.timed(lease.conn()?.rows(&sql, args, &read));
                        loop {
                            let next = async { rows.next().await.transpose() };
                            match handle.health.or_abort(endpoint.index(), next).await {
                                Ok(None) => break None,
                                Ok(Some(run)) => {
                                    may_ask_again = false;
                                    has_rows = true;
                                    yield with_names(run, &destination);
                                }
                                Err(failure) => break Some(failure),
                            }
                        }
                    };
                    let Some(failure) = failure else {
                        lease.settle();
                        return;
                    };
                    // What the connection had noted of the statement is out of date.
                    if !has_rows
                        && !is_planned_anew
                        && failure.may_be_sent_again(statement.is_refused_whole())
                    {
                        is_planned_anew = true;
                        handle.observed.count(Event::RetriedStale);
                        let planned = lease.prepare_again(failure.lost).await;
                        planned.map_err(|_| destination.name_error(failure.error))?;
                        checkout = Checkout { lease, endpoint };
                        continue;
                    }
                    // Of a wrong number of arguments the driver knows before it sends anything.
                    let sent = failure.error.kind() != ErrorKind::Unsupported;
                    let mut error = failure.error;
                    let of_no_use = failure.lost || lease.is_outdated(&error);
                    if of_no_use {
                        lease.lost();
                    } else {
                        lease.settle();
                    }
                    if failure.lost && writes && sent {
                        handle.health.request_probe();
                        error = lease.outcome_unknown(error);
                    }
                    // Its place in the pool is free for what is awaited below.
                    drop(lease);
                    if may_ask_again && !of_no_use {
                        match destination.moved(target, error, &*statement).await {
                            Ok(moved) => {
                                destination = moved;
                                continue 'there;
                            }
                            Err(stands) => error = stands,
                        }
                    }
                    if !of_no_use || !may_ask_again {
                        Err(destination.name_error(error))?;
                    }
                    may_ask_again = false;
                    handle.observed.count(Event::RetriedElsewhere);
                    handle.health.request_probe();
                    let since = Instant::now();
                    let again = destination.for_read_again(choice, marks, endpoint).await;
                    checkout = again.map_err(|error| destination.name_error(error))?;
                    waited = since.elapsed();
                }
            },
        }
    }
    .boxed()
}

/// The run, whose errors say where it is from.
fn with_names<T>(mut run: Run<Result<T>>, destination: &Destination) -> Run<Result<T>> {
    for row in run.iter_mut() {
        if row.is_err() {
            let failed = std::mem::replace(row, Err(Error::decode("")));
            *row = failed.map_err(|error| destination.name_error(error));
        }
    }
    run
}
