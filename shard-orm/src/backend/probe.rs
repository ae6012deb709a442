//! What an endpoint says of itself: whether it takes writes, and how far it has come.
//!
//! Asked by the monitor in `connect`, on a connection of its own.

use super::{Conn, Failure, Position};
use crate::error::Error;

/// What an endpoint said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) writable: bool,
    /// Whether it is kept up to date by another server. A primary that was fenced off is neither.
    pub(crate) follows: bool,
    /// Not known to every user of every server.
    pub(crate) position: Option<Position>,
}

/// Which statement a server understands; found out with its first answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Manner {
    /// All that there is.
    #[default]
    Full,
    /// MySQL, where MariaDB's is not understood.
    OfMySql,
    /// The role alone: the user may not see more.
    RoleAlone,
}

/// A connection that asks.
pub(crate) struct Probe {
    conn: Conn,
    manner: Manner,
}

impl Probe {
    pub(crate) fn new(conn: Conn) -> Self {
        Self {
            conn,
            manner: Manner::default(),
        }
    }

    /// Asks once. After a failure that lost the connection, the probe is of no use any more.
    pub(crate) async fn observe(&mut self) -> Result<Observed, Failure> {
        find_out(&mut self.conn, &mut self.manner).await
    }

    /// Says goodbye to the server.
    pub(crate) async fn close(self) {
        self.conn.close().await;
    }
}

/// Asks once, on a connection that serves others too.
pub(crate) async fn observe(conn: &mut Conn) -> Result<Observed, Failure> {
    find_out(conn, &mut Manner::default()).await
}

/// Asks for as much as the server understands.
async fn find_out(conn: &mut Conn, manner: &mut Manner) -> Result<Observed, Failure> {
    loop {
        match ask(conn, *manner).await {
            Ok(observed) => return Ok(observed),
            Err(failure) if failure.lost => return Err(failure),
            Err(failure) => {
                *manner = match (*manner, &*conn) {
                    #[cfg(feature = "mysql")]
                    (Manner::Full, Conn::MySql(..)) => Manner::OfMySql,
                    (Manner::RoleAlone, _) => return Err(failure),
                    _ => Manner::RoleAlone,
                };
            }
        }
    }
}

#[allow(unused_variables)]
async fn ask(conn: &mut Conn, manner: Manner) -> Result<Observed, Failure> {
    match *conn {
        #[cfg(feature = "postgres")]
        Conn::Postgres(ref mut conn) => super::postgres::observe(conn, manner)
            .await
            .map_err(|source| Failure::from_driver(crate::Dialect::Postgres, source)),
        #[cfg(feature = "mysql")]
        Conn::MySql(ref mut conn, _) => super::mysql::observe(conn, manner)
            .await
            .map_err(|source| Failure::from_driver(crate::Dialect::MySql, source)),
        #[allow(unreachable_patterns)]
        _ => Err(Failure::own(Error::unsupported(
            "this database has no roles to be asked for",
        ))),
    }
}
