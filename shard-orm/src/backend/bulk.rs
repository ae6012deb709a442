//! Transfer of rows between two connections in the binary form of the database: `COPY` of
//! PostgreSQL.
//!
//! Called by `exec::bulk`, for the first copy of a table, and by `reshard`.

use super::{Conn, Failure};
use crate::error::Error;

/// The size of a chunk. The server sends each row as a message, and forwarding each would cost a
/// system call per row.
#[cfg(feature = "postgres")]
pub(super) const CHUNK: usize = 128 * 1024;

/// The outcome of a transfer.
#[derive(Debug)]
pub(crate) enum Transfer {
    /// All rows were accepted: this many. Both connections are idle.
    Done(u64),
    /// The target rejected the rows. Both connections are idle.
    Rejected(Failure),
    /// The source failed. Neither connection can be used again.
    SourceFailed(Failure),
    /// The target connection was lost. Neither connection can be used again.
    TargetLost(Failure),
}

/// Transfers the rows of the statement `out` to the statement `into`.
#[cfg_attr(not(feature = "postgres"), allow(clippy::unused_async))]
pub(crate) async fn transfer(from: &mut Conn, out: &str, to: &mut Conn, into: &str) -> Transfer {
    #[cfg(feature = "postgres")]
    if let (Some(from), Some(to)) = (from.as_postgres(), to.as_postgres()) {
        return of_postgres::transfer(from, out, to, into).await;
    }
    let _ = (from, out, to, into);
    Transfer::Rejected(Failure::own(Error::unsupported(
        "binary transfer of rows is supported between two PostgreSQL databases alone",
    )))
}

#[cfg(feature = "postgres")]
mod of_postgres {
    use futures_util::TryStreamExt as _;
    use sqlx::PgConnection;

    use super::{CHUNK, Failure, Transfer};
    use crate::dialect::Dialect;

    fn failed(source: sqlx::Error) -> Failure {
        Failure::from_driver(Dialect::Postgres, source)
    }

    /// The target starts first: if it rejects the rows, the source has sent nothing that would have
    /// to be read to its end.
    pub(super) async fn transfer(
        from: &mut PgConnection,
        out: &str,
        to: &mut PgConnection,
        into: &str,
    ) -> Transfer {
        let mut taker = match to.copy_in_raw(into).await.map_err(failed) {
            Ok(taker) => taker,
            Err(failure) if failure.lost => return Transfer::TargetLost(failure),
            Err(failure) => return Transfer::Rejected(failure),
        };
        let mut rows = match from.copy_out_raw(out).await {
            Ok(rows) => rows,
            Err(source) => return Transfer::SourceFailed(failed(source)),
        };
        let mut chunk = Vec::with_capacity(CHUNK);
        loop {
            let next = match rows.try_next().await {
                Ok(next) => next,
                Err(source) => return Transfer::SourceFailed(failed(source)),
            };
            let is_last = next.is_none();
            if let Some(bytes) = next {
                chunk.extend_from_slice(&bytes);
            }
            if chunk.len() >= CHUNK || (is_last && !chunk.is_empty()) {
                if let Err(source) = taker.send(chunk.as_slice()).await {
                    return Transfer::TargetLost(failed(source));
                }
                chunk.clear();
            }
            if is_last {
                break;
            }
        }
        match taker.finish().await.map_err(failed) {
            Ok(rows) => Transfer::Done(rows),
            Err(failure) if failure.lost => Transfer::TargetLost(failure),
            Err(failure) => Transfer::Rejected(failure),
        }
    }
}
