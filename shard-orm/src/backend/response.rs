//! What a connection answers to one statement: rows, and how many were changed.
//!
//! Read by `conn`, which sends the statement. An answer is whole only when its end was announced: the
//! stream of a driver whose thread has died ends too.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::{Database, Either};

use super::read_ahead::ReadAhead;
use super::row::{OwnedRow, RowOf};
use super::{Failure, Row};
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// Called for each row of a result.
pub(crate) type OnRow<'a> = dyn FnMut(&Row<'_>) -> Result<()> + Send + 'a;

/// The answer of whichever database it is.
pub(super) enum Response<'c> {
    #[cfg(feature = "sqlite")]
    Sqlite(Results<'c, sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(Results<'c, sqlx::Postgres>),
    #[cfg(feature = "mysql")]
    MySql(Results<'c, sqlx::MySql>),
}

/// A row, or what a statement has done, behind its rows.
type Step<DB> = Either<<DB as Database>::QueryResult, <DB as Database>::Row>;

/// The results of all statements in one text.
type Streamed<'c, DB> = BoxStream<'c, sqlx::Result<Step<DB>>>;

/// The driver's answer.
pub(super) enum Results<'c, DB: Database> {
    /// Any number of rows.
    Many(ResultStream<'c, DB>),
    /// One row at most, of a driver that reads the answer to its end by itself.
    One(BoxFuture<'c, sqlx::Result<Option<DB::Row>>>),
    /// One row at most, of a driver whose thread works on by itself.
    First(ResultStream<'c, DB>),
}

/// A driver's stream of results, and whether it may end where it is.
pub(super) struct ResultStream<'c, DB: Database> {
    results: ReadAhead<Streamed<'c, DB>>,
    end: End,
}

/// Whether the end of an answer was announced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The driver itself ends only at the server's word.
    AtWord,
    /// Not yet.
    Missing,
    /// The first of the results is the library's own: its end is not the answer's.
    Second,
    /// The last result is complete.
    Announced,
}

impl<'c, DB: Database> ResultStream<'c, DB> {
    pub(super) fn new(dialect: Dialect, results: Streamed<'c, DB>) -> Self {
        let results = match dialect {
            Dialect::Sqlite => ReadAhead::in_runs(results),
            Dialect::Postgres | Dialect::MySql => ReadAhead::singly(results),
        };
        // PostgreSQL announces no result of an empty text, and its driver reads to `ReadyForQuery`.
        let end = match dialect {
            Dialect::Postgres => End::AtWord,
            Dialect::Sqlite | Dialect::MySql => End::Missing,
        };
        Self { results, end }
    }

    /// The same, of a text whose first statement is the library's own and gives no row.
    pub(super) fn after_refresh(mut self) -> Self {
        self.end = End::Second;
        self
    }

    /// The next row, or what a statement has done; a failure in the place of an end that was not
    /// announced.
    fn poll(
        &mut self,
        dialect: Dialect,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Step<DB>, Failure>>> {
        loop {
            let next = match ready!(Pin::new(&mut self.results).poll_next(context)) {
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
                    // Told once: the stream has ended.
                    self.end = End::AtWord;
                    Err(Failure::broken_off())
                }
                None => return Poll::Ready(None),
            };
            return Poll::Ready(Some(next));
        }
    }

    /// Reads past all rows.
    pub(super) async fn finish(mut self, dialect: Dialect) -> Result<(), Failure> {
        while let Some(result) = poll_fn(|context| self.poll(dialect, context)).await {
            result?;
        }
        Ok(())
    }

    /// The rows one by one.
    pub(super) fn rows(self, dialect: Dialect, own: fn(DB::Row) -> OwnedRow) -> Rows<'c, DB> {
        Rows {
            many: self,
            dialect,
            own,
        }
    }
}

/// The rows of an answer.
pub(super) struct Rows<'c, DB: Database> {
    many: ResultStream<'c, DB>,
    dialect: Dialect,
    own: fn(DB::Row) -> OwnedRow,
}

impl<DB: Database> Stream for Rows<'_, DB> {
    type Item = Result<OwnedRow, Failure>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let rows = self.get_mut();
        loop {
            return Poll::Ready(match ready!(rows.many.poll(rows.dialect, context)) {
                Some(Ok(Either::Left(_))) => continue,
                Some(Ok(Either::Right(row))) => Some(Ok((rows.own)(row))),
                Some(Err(failure)) => Some(Err(failure)),
                None => None,
            });
        }
    }
}

/// An answer that is being read to its end; gives the rows affected, and of an answer of one row at
/// most, the number of rows.
///
/// Written by hand: as an `async fn` it would have room for the answer in each of its arms, and each
/// future around it as much more.
pub(crate) struct ReadResponse<'c, 'r> {
    /// The failure, taken when it is given, of what was not sent.
    answer: Result<Response<'c>, Option<Failure>>,
    on_row: &'r mut OnRow<'r>,
    rows: u64,
    /// The first error of `on_row`: no row after it is handed on.
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
}

impl Future for ReadResponse<'_, '_> {
    type Output = Result<u64, Failure>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            answer,
            on_row,
            rows,
            refused,
        } = self.get_mut();
        let reader = Reader {
            on_row,
            rows,
            refused,
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

/// What takes the rows of an answer.
struct Reader<'a, 'r> {
    on_row: &'a mut OnRow<'r>,
    rows: &'a mut u64,
    refused: &'a mut Option<Error>,
}

impl Reader<'_, '_> {
    /// Reads on, as far as the answer has come.
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
                    match ready!(result.as_mut().poll(context)).map_err(failed)? {
                        Some(row) => (self.on_row)(&view(&row)).map(|()| 1).map_err(Failure::own),
                        None => Ok(0),
                    },
                );
            }
            Results::First(results) => {
                return Poll::Ready(match ready!(results.poll(dialect, context)) {
                    Some(Ok(Either::Right(row))) => {
                        (self.on_row)(&view(&row)).map(|()| 1).map_err(Failure::own)
                    }
                    Some(Ok(Either::Left(_))) | None => Ok(0),
                    Some(Err(failure)) => Err(failure),
                });
            }
        };
        while let Some(result) = ready!(results.poll(dialect, context)) {
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
