//! The one way to a database: choose an endpoint, take a connection, send, deal with its loss.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tracing::Instrument;

use super::statement::{Sink, Statement};
use super::target::Target;
use crate::backend::{Args, OwnedRow, Row};
use crate::connect::{Endpoint, Lease, Place};
use crate::error::{Error, ErrorKind, Result};

/// What a statement does, which says where it goes and whether it may be asked twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Made by the builder, changes nothing: goes where the policy says, and is asked again when
    /// the connection turns out to be lost.
    Read,
    /// Goes to the primary, and is never sent twice.
    Write,
}

/// Runs a statement at a place and gives the rows affected; rows of a result go to `sink`.
///
/// The future is boxed here, once, so that what the models add around it stays small.
pub(crate) fn run<'a>(
    target: Target<'a>,
    place: Arc<Place>,
    intent: Intent,
    statement: &'a dyn Statement,
    sink: &'a mut dyn Sink,
) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        let span = span(&place, intent, statement);
        if span.is_disabled() {
            return dispatch(target, &place, intent, statement, sink)
                .await
                .map_err(|error| place.name_error(error));
        }
        let begun = Instant::now();
        let result = dispatch(target, &place, intent, statement, sink)
            .instrument(span.clone())
            .await
            .map_err(|error| place.name_error(error));
        record(&span, begun, &result);
        result
    })
}

/// One span for each call: where it went and what came of it, never a value.
fn span(place: &Place, intent: Intent, statement: &dyn Statement) -> tracing::Span {
    let label = statement.label();
    tracing::debug_span!(
        target: "shard_orm",
        "call",
        group = &**place.namespace.group(),
        shard = place.namespace.shard(),
        server = &*place.server,
        verb = label.verb,
        table = label.table,
        intent = ?intent,
        role = tracing::field::Empty,
        rows = tracing::field::Empty,
        micros = tracing::field::Empty,
        error = tracing::field::Empty,
    )
}

fn record(span: &tracing::Span, begun: Instant, result: &Result<u64>) {
    span.record(
        "micros",
        u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
    );
    match result {
        Ok(rows) => span.record("rows", rows),
        // The kind alone: a database's message can quote a value.
        Err(error) => span.record("error", tracing::field::display(error.kind())),
    };
}

async fn dispatch(
    target: Target<'_>,
    place: &Place,
    intent: Intent,
    statement: &dyn Statement,
    sink: &mut dyn Sink,
) -> Result<u64> {
    let read = match target {
        Target::Tx(tx) => {
            let mut args = Args::new(place.dialect())?;
            let sql = statement.prepare(&place.namespace, &mut args)?;
            return tx.run(&sql, args, &mut |row: &Row<'_>| sink.row(row)).await;
        }
        Target::Cluster { read, .. } => read,
    };
    if intent == Intent::Write {
        let endpoint = place.writer();
        let mut lease = place.ready(endpoint).await?;
        return match attempt(&mut lease, place, statement, sink).await {
            Ok(rows) => Ok(rows),
            Err(Attempt::Answered(error)) => Err(error),
            Err(Attempt::Lost(error)) => Err(lease.outcome_unknown(error)),
        };
    }
    let mut lease = reading_lease(place, place.reader(read)).await?;
    match attempt(&mut lease, place, statement, sink).await {
        Ok(rows) => Ok(rows),
        Err(Attempt::Answered(error)) => Err(error),
        Err(Attempt::Lost(_)) => {
            drop(lease);
            sink.reset();
            let mut lease = place.ready(place.primary_reader()).await?;
            attempt(&mut lease, place, statement, sink)
                .await
                .map_err(Attempt::into_error)
        }
    }
}

/// Why an attempt failed.
enum Attempt {
    /// The server, or the library before it, said no.
    Answered(Error),
    /// The connection is gone; whether the statement was carried out is not known.
    Lost(Error),
}

impl Attempt {
    fn into_error(self) -> Error {
        match self {
            Self::Answered(error) | Self::Lost(error) => error,
        }
    }
}

async fn attempt(
    lease: &mut Lease,
    place: &Place,
    statement: &dyn Statement,
    sink: &mut dyn Sink,
) -> Result<u64, Attempt> {
    let mut args = Args::new(place.dialect()).map_err(Attempt::Answered)?;
    let sql = statement
        .prepare(&place.namespace, &mut args)
        .map_err(Attempt::Answered)?;
    let conn = lease.conn().map_err(Attempt::Answered)?;
    match conn.run(&sql, args, &mut |row| sink.row(row)).await {
        Ok(rows) => {
            lease.settle();
            Ok(rows)
        }
        Err(failure) if failure.lost => {
            lease.lost();
            Err(Attempt::Lost(failure.error))
        }
        Err(failure) => {
            lease.settle();
            Err(Attempt::Answered(failure.error))
        }
    }
}

/// As [`Place::ready`], but a replica that cannot be reached hands the read to its primary.
async fn reading_lease(place: &Place, endpoint: &Endpoint) -> Result<Lease> {
    match place.ready(endpoint).await {
        Err(error)
            if error.kind() == ErrorKind::Unavailable
                && !std::ptr::eq(endpoint, place.primary_reader()) =>
        {
            tracing::warn!(
                target: "shard_orm",
                server = &*place.server,
                "a replica is unavailable; the primary serves its read"
            );
            place.ready(place.primary_reader()).await
        }
        other => other,
    }
}

/// Runs a read and gives its rows one by one, each taken off the connection when it is asked for.
///
/// The connection is held until the stream ends or is dropped. A stream is not asked again when
/// its connection is lost: the rows so far have been handed on.
pub(crate) fn stream<'a, T: Send + 'a>(
    target: Target<'a>,
    place: Arc<Place>,
    statement: impl Statement + Send + 'a,
    read: impl Fn(&Row<'_>) -> Result<T> + Send + Sync + 'a,
) -> BoxStream<'a, Result<T>> {
    async_stream::try_stream! {
        let mut args = Args::new(place.dialect())?;
        let sql = statement.prepare(&place.namespace, &mut args)?;
        match target {
            Target::Tx(tx) => {
                let mut session = tx.enter()?;
                {
                    let mut rows = session.conn()?.rows(&sql, args);
                    while let Some(row) = rows.next().await {
                        yield read_row(&place, row.map_err(|failure| failure.error), &read)?;
                    }
                }
                session.leave();
            }
            Target::Cluster { read: choice, .. } => {
                let mut lease = reading_lease(&place, place.reader(choice))
                    .await
                    .map_err(|error| place.name_error(error))?;
                {
                    let mut rows = lease.conn()?.rows(&sql, args);
                    while let Some(row) = rows.next().await {
                        yield read_row(&place, row.map_err(|failure| failure.error), &read)?;
                    }
                }
                lease.settle();
            }
        }
    }
    .boxed()
}

fn read_row<T>(
    place: &Place,
    row: Result<OwnedRow>,
    read: &impl Fn(&Row<'_>) -> Result<T>,
) -> Result<T> {
    row.and_then(|row| read(&row.as_row()))
        .map_err(|error| place.name_error(error))
}
