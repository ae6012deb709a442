//! Rows from one connection to another as the bytes that the database makes of them: `COPY` of
//! PostgreSQL. No other database has it.
//!
//! Called by `exec::bulk`, for statements that `sync` has made.

use super::{Conn, Failure};
use crate::dialect::Dialect;
use crate::error::Error;

/// How many bytes are sent at a time. The server gives each row by itself, and a message for each
/// would cost a call of the system for each.
#[cfg(feature = "postgres")]
const CHUNK: usize = 128 * 1024;

/// Whether connections to this database give and take rows as bytes.
pub(crate) const fn has_bulk(dialect: Dialect) -> bool {
    cfg!(feature = "postgres") && matches!(dialect, Dialect::Postgres)
}

/// What came of rows that were passed on.
#[derive(Debug)]
pub(crate) enum Passed {
    /// All were taken: so many. Both connections are at rest.
    All(u64),
    /// The one that was to take them refuses them. Both connections are at rest.
    Refused(Failure),
    /// The one that gives them broke off: neither connection is of any use.
    Broken(Failure),
    /// The one that takes them was lost: neither connection is of any use.
    Lost(Failure),
}

/// Passes the rows of one statement to another one.
#[cfg_attr(not(feature = "postgres"), allow(clippy::unused_async))]
pub(crate) async fn pass(from: &mut Conn, out: &str, to: &mut Conn, into: &str) -> Passed {
    #[cfg(feature = "postgres")]
    if let (Some(from), Some(to)) = (from.as_postgres(), to.as_postgres()) {
        return of_postgres::pass(from, out, to, into).await;
    }
    let _ = (from, out, to, into);
    Passed::Refused(Failure::own(Error::unsupported(
        "rows do not pass as bytes between these databases",
    )))
}

#[cfg(feature = "postgres")]
mod of_postgres {
    use futures_util::TryStreamExt as _;
    use sqlx::PgConnection;

    use super::{CHUNK, Dialect, Failure, Passed};

    fn failed(source: sqlx::Error) -> Failure {
        Failure::from_driver(Dialect::Postgres, source)
    }

    /// The taker begins first: when it refuses, nothing has been asked of the giver, whose answer
    /// would have to be read to its end.
    pub(super) async fn pass(
        from: &mut PgConnection,
        out: &str,
        to: &mut PgConnection,
        into: &str,
    ) -> Passed {
        let mut taker = match to.copy_in_raw(into).await.map_err(failed) {
            Ok(taker) => taker,
            Err(failure) if failure.lost => return Passed::Lost(failure),
            Err(failure) => return Passed::Refused(failure),
        };
        let mut rows = match from.copy_out_raw(out).await {
            Ok(rows) => rows,
            Err(source) => return Passed::Broken(failed(source)),
        };
        let mut chunk = Vec::with_capacity(CHUNK);
        loop {
            let next = match rows.try_next().await {
                Ok(next) => next,
                Err(source) => return Passed::Broken(failed(source)),
            };
            let is_last = next.is_none();
            if let Some(bytes) = next {
                chunk.extend_from_slice(&bytes);
            }
            if chunk.len() >= CHUNK || (is_last && !chunk.is_empty()) {
                if let Err(source) = taker.send(chunk.as_slice()).await {
                    return Passed::Lost(failed(source));
                }
                chunk.clear();
            }
            if is_last {
                break;
            }
        }
        match taker.finish().await.map_err(failed) {
            Ok(rows) => Passed::All(rows),
            Err(failure) if failure.lost => Passed::Lost(failure),
            Err(failure) => Passed::Refused(failure),
        }
    }
}
