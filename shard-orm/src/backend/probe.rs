//! A probe of an endpoint: whether it takes writes, and its position.
//!
//! Sent by the monitor in `connect`, over a dedicated connection.

use super::observed::{Observed, ProbeLevel};
use super::{Conn, Failure};
use crate::error::Error;

/// A dedicated connection to an endpoint.
pub(crate) struct Probe {
    conn: Conn,
    level: ProbeLevel,
}

impl Probe {
    pub(crate) fn new(conn: Conn) -> Self {
        Self {
            conn,
            level: ProbeLevel::default(),
        }
    }

    /// Probes the endpoint. After a failure that lost the connection, the probe can no longer be
    /// used.
    pub(crate) async fn observe(&mut self) -> Result<Observed, Failure> {
        find_out(&mut self.conn, &mut self.level).await
    }

    /// Closes the connection.
    pub(crate) async fn close(self) {
        self.conn.close().await;
    }
}

/// Probes an endpoint over a shared connection.
pub(crate) async fn observe(conn: &mut Conn) -> Result<Observed, Failure> {
    find_out(conn, &mut ProbeLevel::default()).await
}

/// Reads as much as the server understands.
async fn find_out(conn: &mut Conn, level: &mut ProbeLevel) -> Result<Observed, Failure> {
    loop {
        match ask(conn, *level).await {
            Ok(observed) => return Ok(observed),
            Err(failure) if failure.lost => return Err(failure),
            Err(failure) => {
                *level = match (*level, &*conn) {
                    #[cfg(feature = "mysql")]
                    (ProbeLevel::Full, Conn::MySql(..)) => ProbeLevel::MySql,
                    (ProbeLevel::Role, _) => return Err(failure),
                    _ => ProbeLevel::Role,
                };
            }
        }
    }
}

#[allow(unused_variables)]
async fn ask(conn: &mut Conn, level: ProbeLevel) -> Result<Observed, Failure> {
    match *conn {
        #[cfg(feature = "postgres")]
        Conn::Postgres(ref mut conn) => super::postgres::observe(conn, level)
            .await
            .map_err(|source| Failure::from_driver(crate::Dialect::Postgres, source)),
        #[cfg(feature = "mysql")]
        Conn::MySql(ref mut conn, _) => super::mysql::observe(conn, level)
            .await
            .map_err(|source| Failure::from_driver(crate::Dialect::MySql, source)),
        #[allow(unreachable_patterns)]
        _ => Err(Failure::own(Error::unsupported(
            "this database has no replication roles",
        ))),
    }
}
