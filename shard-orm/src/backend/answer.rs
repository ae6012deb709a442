//! What a connection answers to one statement: rows, and how many were changed.
//!
//! Read by `conn`, which sends the statement.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::{Database, Either};

use super::ahead::Ahead;
use super::row::RowOf;
use super::{Failure, Row};
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// Called for each row of a result.
pub(crate) type OnRow<'a> = dyn FnMut(&Row<'_>) -> Result<()> + Send + 'a;

/// The answer of whichever database it is.
pub(super) enum Answer<'c> {
    #[cfg(feature = "sqlite")]
    Sqlite(Results<'c, sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(Results<'c, sqlx::Postgres>),
    #[cfg(feature = "mysql")]
    MySql(Results<'c, sqlx::MySql>),
}

/// The driver's rows, and how many rows each statement changed.
type Items<'c, DB> =
    BoxStream<'c, sqlx::Result<Either<<DB as Database>::QueryResult, <DB as Database>::Row>>>;

/// The driver's answer.
pub(super) enum Results<'c, DB: Database> {
    /// Any number of rows.
    Many(Ahead<Items<'c, DB>>),
    /// One row at most, for which the driver does less.
    One(BoxFuture<'c, sqlx::Result<Option<DB::Row>>>),
}

/// An answer that is being read to its end; gives the rows affected, and of an answer of one row at
/// most, the number of rows.
///
/// Written by hand: as an `async fn` it would have room for the answer in each of its arms, and each
/// future around it as much more.
pub(crate) struct Reading<'c, 'r> {
    /// The failure, taken when it is given, of what was not sent.
    answer: Result<Answer<'c>, Option<Failure>>,
    on_row: &'r mut OnRow<'r>,
    rows: u64,
    /// The first error of `on_row`: no row after it is handed on.
    refused: Option<Error>,
}

impl<'c, 'r> Reading<'c, 'r> {
    pub(super) fn new(sent: Result<Answer<'c>, Failure>, on_row: &'r mut OnRow<'r>) -> Self {
        Self {
            answer: sent.map_err(Some),
            on_row,
            rows: 0,
            refused: None,
        }
    }
}

impl Future for Reading<'_, '_> {
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
            Ok(Answer::Sqlite(results)) => reader.poll(
                results,
                Dialect::Sqlite,
                |row| Row(RowOf::Sqlite(row)),
                |done| done.rows_affected(),
                context,
            ),
            #[cfg(feature = "postgres")]
            Ok(Answer::Postgres(results)) => reader.poll(
                results,
                Dialect::Postgres,
                |row| Row(RowOf::Postgres(row)),
                |done| done.rows_affected(),
                context,
            ),
            #[cfg(feature = "mysql")]
            Ok(Answer::MySql(results)) => reader.poll(
                results,
                Dialect::MySql,
                |row| Row(RowOf::MySql(row)),
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
        let failed = |source| Failure::from_driver(dialect, source);
        let results = match results {
            Results::Many(results) => results,
            Results::One(result) => {
                return Poll::Ready(
                    match ready!(result.as_mut().poll(context)).map_err(failed)? {
                        Some(row) => (self.on_row)(&view(&row)).map(|()| 1).map_err(Failure::own),
                        None => Ok(0),
                    },
                );
            }
        };
        while let Some(result) = ready!(Pin::new(&mut *results).poll_next(context)) {
            match result.map_err(failed)? {
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
