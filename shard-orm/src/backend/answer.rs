//! What a connection answers to one statement: rows, and how many were changed.
//!
//! Read by `conn`, which sends the statement.

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::{Database, Either};

use super::row::RowOf;
use super::{Failure, Row};
use crate::dialect::Dialect;
use crate::error::Result;

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

/// The driver's answer.
pub(super) enum Results<'c, DB: Database> {
    /// Any number of rows.
    Many(BoxStream<'c, sqlx::Result<Either<DB::QueryResult, DB::Row>>>),
    /// One row at most, for which the driver does less.
    One(BoxFuture<'c, sqlx::Result<Option<DB::Row>>>),
}

impl Answer<'_> {
    /// Reads it to its end, hands each row to `on_row`, and gives the rows affected; of an answer
    /// of one row at most, the number of rows.
    pub(super) async fn read(self, on_row: &mut OnRow<'_>) -> Result<u64, Failure> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(results) => {
                read(
                    results,
                    Dialect::Sqlite,
                    |row| on_row(&Row(RowOf::Sqlite(row))),
                    |done| done.rows_affected(),
                )
                .await
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(results) => {
                read(
                    results,
                    Dialect::Postgres,
                    |row| on_row(&Row(RowOf::Postgres(row))),
                    |done| done.rows_affected(),
                )
                .await
            }
            #[cfg(feature = "mysql")]
            Self::MySql(results) => {
                read(
                    results,
                    Dialect::MySql,
                    |row| on_row(&Row(RowOf::MySql(row))),
                    |done| done.rows_affected(),
                )
                .await
            }
        }
    }
}

async fn read<DB: Database>(
    results: Results<'_, DB>,
    dialect: Dialect,
    mut on_row: impl FnMut(&DB::Row) -> Result<()>,
    affected: impl Fn(&DB::QueryResult) -> u64,
) -> Result<u64, Failure> {
    let failed = |source| Failure::from_driver(dialect, source);
    let mut results = match results {
        Results::Many(results) => results,
        Results::One(result) => {
            return match result.await.map_err(failed)? {
                Some(row) => on_row(&row).map(|()| 1).map_err(Failure::own),
                None => Ok(0),
            };
        }
    };
    let mut rows = 0;
    let mut refused = None;
    while let Some(result) = results.try_next().await.map_err(failed)? {
        match result {
            Either::Left(done) => rows += affected(&done),
            Either::Right(row) if refused.is_none() => refused = on_row(&row).err(),
            Either::Right(_) => {}
        }
    }
    match refused {
        None => Ok(rows),
        Some(error) => Err(Failure::own(error)),
    }
}
