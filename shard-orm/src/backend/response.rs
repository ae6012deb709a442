//! The response to one statement: rows, and the number of affected rows.
//!
//! Read by `conn`, which sends the statement. A response is complete only if its end was announced:
//! the stream of a driver whose thread has died ends as well.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::{Database, Either};

use super::row::RowOf;
use super::{Failure, Row};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::observe::Running;

/// Called for each row of a result.
pub(crate) type OnRow<'a> = dyn FnMut(&Row<'_>) -> Result<()> + Send + 'a;

/// The response of any database.
pub(super) enum Response<'c> {
    #[cfg(feature = "sqlite")]
    Sqlite(Results<'c, sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(Results<'c, sqlx::Postgres>),
    #[cfg(feature = "mysql")]
    MySql(Results<'c, sqlx::MySql>),
}

/// A row, or the result of a statement after its rows.
pub(super) type Step<DB> = Either<<DB as Database>::QueryResult, <DB as Database>::Row>;

/// The results of all statements in one text.
type Streamed<'c, DB> = BoxStream<'c, sqlx::Result<Step<DB>>>;

/// The response of one driver.
pub(super) enum Results<'c, DB: Database> {
    /// Any number of rows.
    Many(ResultStream<'c, DB>),
    /// At most one row, of a driver that reads the response to its end by itself.
    One(BoxFuture<'c, sqlx::Result<Option<DB::Row>>>),
    /// At most one row, of a driver whose thread continues by itself.
    First(ResultStream<'c, DB>),
}

/// A driver's stream of results, and whether its end was announced.
pub(super) struct ResultStream<'c, DB: Database> {
    results: Streamed<'c, DB>,
    end: End,
}

/// Whether the end of a response was announced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The driver's stream ends only when the server has announced the end.
    AtWord,
    /// The end was not announced yet.
    Missing,
    /// The first result is that of the library's own statement, whose end is not that of the
    /// response.
    Second,
    /// The last result is complete.
    Announced,
}

impl<'c, DB: Database> ResultStream<'c, DB> {
    pub(super) fn new(dialect: Dialect, results: Streamed<'c, DB>) -> Self {
        // PostgreSQL announces no result for an empty text, and its driver reads to
        // `ReadyForQuery`.
        let end = match dialect {
            Dialect::Postgres => End::AtWord,
            Dialect::Sqlite | Dialect::MySql => End::Missing,
        };
        Self { results, end }
    }

    /// Skips the result of the text's first statement, which is the library's own and has no rows.
    pub(super) fn after_refresh(mut self) -> Self {
        self.end = End::Second;
        self
    }

    /// Polls the next row or the result of a statement; a failure if the stream ends early.
    pub(super) fn poll(
        &mut self,
        dialect: Dialect,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Step<DB>, Failure>>> {
        loop {
            let next = match ready!(self.results.as_mut().poll_next(context)) {
                Some(Ok(Either::Left(_))) if self.end == End::Second => {
                    self.end = End::Missing;
                    continue;
                }
                Some(Ok(Either::Left(done))) => {
                    self.end = End::Announced;
                    Ok(Either::Left(done))
                }
                Some(Ok(Either::Right(row))) => {
                    self.end = End::Missing;
                    Ok(Either::Right(row))
                }
                Some(Err(source)) => Err(Failure::from_driver(dialect, source)),
                None if matches!(self.end, End::Missing | End::Second) => {
                    // Reported once: the stream has ended.
                    self.end = End::AtWord;
                    Err(Failure::broken_off())
                }
                None => return Poll::Ready(None),
            };
            return Poll::Ready(Some(next));
        }
    }

    /// Reads to the end and drops all rows.
    pub(super) async fn finish(mut self, dialect: Dialect) -> Result<(), Failure> {
        while let Some(result) = poll_fn(|context| self.poll(dialect, context)).await {
            result?;
        }
        Ok(())
    }

    /// A stream of the rows, each decoded by `read`.
    pub(super) fn rows<T, R>(self, dialect: Dialect, read: R) -> Rows<'c, DB, R>
    where
        R: FnMut(&DB::Row) -> T,
    {
        Rows {
            many: self,
            dialect,
            read,
        }
    }
}

/// The decoded rows of a response.
pub(super) struct Rows<'c, DB: Database, R> {
    many: ResultStream<'c, DB>,
    dialect: Dialect,
    read: R,
}

impl<DB, R, T> Stream for Rows<'_, DB, R>
where
    DB: Database,
    R: FnMut(&DB::Row) -> T + Unpin,
{
    type Item = Result<T, Failure>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let rows = self.get_mut();
        loop {
            return Poll::Ready(match ready!(rows.many.poll(rows.dialect, context)) {
                Some(Ok(Either::Left(_))) => continue,
                Some(Ok(Either::Right(row))) => Some(Ok((rows.read)(&row))),
                Some(Err(failure)) => Some(Err(failure)),
                None => None,
            });
        }
    }
}

/// A future that reads a response to its end. It returns the number of affected rows, or of rows if
/// there is at most one.
///
/// Written by hand: an `async fn` would store the response once for each of its arms, and each
/// future around it as well.
pub(crate) struct ReadResponse<'c, 'r> {
    /// The response, or the failure of a statement that was not sent.
    answer: Result<Response<'c>, Option<Failure>>,
    on_row: &'r mut OnRow<'r>,
    rows: u64,
    /// The first error of `on_row`, which is not called again after it.
    refused: Option<Error>,
}

impl<'c, 'r> ReadResponse<'c, 'r> {
    pub(super) fn new(sent: Result<Response<'c>, Failure>, on_row: &'r mut OnRow<'r>) -> Self {
        Self {
            answer: sent.map_err(Some),
            on_row,
            rows: 0,
            refused: None,
        }
    }

    /// The same for a call, which is told how long it is waited for.
    #[inline]
    pub(crate) fn noted_in(self, running: &'r Running) -> NotedResponse<'c, 'r> {
        NotedResponse {
            response: self,
            running,
        }
    }

    fn read(
        &mut self,
        waits: &mut Waits<'_>,
        context: &mut Context<'_>,
    ) -> Poll<Result<u64, Failure>> {
        let Self {
            answer,
            on_row,
            rows,
            refused,
        } = self;
        let reader = Reader {
            on_row,
            rows,
            refused,
            waits,
        };
        match answer {
            #[cfg(feature = "sqlite")]
            Ok(Response::Sqlite(results)) => reader.poll(
                results,
                Dialect::Sqlite,
                |row| Row::of(RowOf::Sqlite(row)),
                |done| done.rows_affected(),
                context,
            ),
            #[cfg(feature = "postgres")]
            Ok(Response::Postgres(results)) => reader.poll(
                results,
                Dialect::Postgres,
                |row| Row::of(RowOf::Postgres(row)),
                |done| done.rows_affected(),
                context,
            ),
            #[cfg(feature = "mysql")]
            Ok(Response::MySql(results)) => reader.poll(
                results,
                Dialect::MySql,
                |row| Row::of(RowOf::MySql(row)),
                |done| done.rows_affected(),
                context,
            ),
            Err(failure) => match failure.take() {
                Some(failure) => Poll::Ready(Err(failure)),
                None => Poll::Pending,
            },
        }
    }
}

impl Future for ReadResponse<'_, '_> {
    type Output = Result<u64, Failure>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().read(&mut Waits::default(), context)
    }
}

/// A response that is read for a call.
pub(crate) struct NotedResponse<'c, 'r> {
    response: ReadResponse<'c, 'r>,
    running: &'r Running,
}

/// A response that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    /// As of a [`ReadResponse`].
    pub(crate) rows: u64,
    /// When the last wait for it ended, which the call was not told yet: it may not want to know.
    pub(crate) arrived: Option<Instant>,
}

impl Future for NotedResponse<'_, '_> {
    type Output = Result<Answer, Failure>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { response, running } = self.get_mut();
        let mut waits = Waits {
            running: Some(*running),
            is_awaited: running.is_waiting(),
            arrived: None,
        };
        let outcome = ready!(response.read(&mut waits, context));
        if outcome.is_err() {
            running.arrived(waits.arrived);
        }
        Poll::Ready(outcome.map(|rows| Answer {
            rows,
            arrived: waits.arrived,
        }))
    }
}

/// The waits for a response, at one poll.
#[derive(Default)]
struct Waits<'a> {
    running: Option<&'a Running>,
    /// Nothing had arrived at the last poll.
    is_awaited: bool,
    /// When the wait ended in this one, which the call was not told yet.
    arrived: Option<Instant>,
}

impl Waits<'_> {
    /// Notes whether this is waited for. What arrives together is noted once.
    #[inline]
    fn note<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        if polled.is_pending() {
            if let Some(running) = self.running {
                if self.arrived.is_some() {
                    running.arrived(self.arrived.take());
                }
                running.wait_begins();
            }
        } else if self.is_awaited {
            self.is_awaited = false;
            self.arrived = Some(Instant::now());
        }
        polled
    }
}

/// The receiver of a response's rows.
struct Reader<'a, 'r, 'w> {
    on_row: &'a mut OnRow<'r>,
    rows: &'a mut u64,
    refused: &'a mut Option<Error>,
    waits: &'a mut Waits<'w>,
}

impl Reader<'_, '_, '_> {
    /// Reads as much as has arrived.
    fn poll<DB: Database>(
        self,
        results: &mut Results<'_, DB>,
        dialect: Dialect,
        view: impl Fn(&DB::Row) -> Row<'_>,
        affected: impl Fn(&DB::QueryResult) -> u64,
        context: &mut Context<'_>,
    ) -> Poll<Result<u64, Failure>> {
        let results = match results {
            Results::Many(results) => results,
            Results::One(result) => {
                let failed = |source| Failure::from_driver(dialect, source);
                return Poll::Ready(
                    match ready!(self.waits.note(result.as_mut().poll(context))).map_err(failed)? {
                        Some(row) => (self.on_row)(&view(&row)).map(|()| 1).map_err(Failure::own),
                        None => Ok(0),
                    },
                );
            }
            Results::First(results) => {
                return Poll::Ready(
                    match ready!(self.waits.note(results.poll(dialect, context))) {
                        Some(Ok(Either::Right(row))) => {
                            (self.on_row)(&view(&row)).map(|()| 1).map_err(Failure::own)
                        }
                        Some(Ok(Either::Left(_))) | None => Ok(0),
                        Some(Err(failure)) => Err(failure),
                    },
                );
            }
        };
        while let Some(result) = ready!(self.waits.note(results.poll(dialect, context))) {
            match result? {
                Either::Left(done) => *self.rows += affected(&done),
                Either::Right(row) if self.refused.is_none() => {
                    *self.refused = (self.on_row)(&view(&row)).err();
                }
                Either::Right(_) => {}
            }
        }
        Poll::Ready(match self.refused.take() {
            None => Ok(*self.rows),
            Some(error) => Err(Failure::own(error)),
        })
    }
}
