//! The opener of connections to one endpoint, whichever database it is.
//!
//! Each pool has one.

use super::Failure;
use super::args::not_compiled;
use super::conn::Conn;
use super::session::Session;
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// The options of an endpoint's sessions, parsed by the driver.
pub(crate) struct Opener {
    session: Session,
    options: Options,
}

enum Options {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::sqlite::SqliteConnectOptions),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgConnectOptions),
    #[cfg(feature = "mysql")]
    MySql(sqlx::mysql::MySqlConnectOptions),
}

impl Opener {
    pub(crate) fn new(session: Session) -> Result<Self> {
        let options = match session.dialect {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => Options::Sqlite(super::sqlite::options(&session)?),
            #[cfg(feature = "postgres")]
            Dialect::Postgres => Options::Postgres(super::postgres::options(&session)?),
            #[cfg(feature = "mysql")]
            Dialect::MySql => Options::MySql(super::mysql::options(&session)?),
            #[allow(unreachable_patterns)]
            other => return Err(not_compiled(other)),
        };
        Ok(Self { session, options })
    }

    /// An opener of private databases in memory, with the options of these sessions.
    #[cfg(feature = "migrate")]
    pub(crate) fn in_memory(&self) -> Result<Self> {
        Self::new(self.session.clone().in_memory())
    }

    /// The options of sessions of PostgreSQL.
    #[cfg(feature = "postgres")]
    pub(super) fn postgres(&self) -> Option<(&sqlx::postgres::PgConnectOptions, &Session)> {
        match &self.options {
            Options::Postgres(options) => Some((options, &self.session)),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    pub(crate) async fn open(&self) -> Result<Conn> {
        let opened: Result<Conn, Failure> = match self.options {
            #[cfg(feature = "sqlite")]
            Options::Sqlite(ref options) => super::sqlite::connect(options, &self.session)
                .await
                .map(|(conn, known)| Conn::Sqlite(conn, Box::new(known)))
                .map_err(|source| Failure::from_driver(Dialect::Sqlite, source)),
            #[cfg(feature = "postgres")]
            Options::Postgres(ref options) => super::postgres::connect(options, &self.session)
                .await
                .map(Conn::Postgres),
            #[cfg(feature = "mysql")]
            Options::MySql(ref options) => super::mysql::connect(options, &self.session)
                .await
                .map(|(conn, known)| Conn::MySql(conn, known))
                .map_err(|source| Failure::at_opening(&super::mysql::CODES, source)),
        };
        opened.map_err(|failure| failure.error)
    }
}

/// Returns whether an error is due to a pooler that shares sessions between its clients.
#[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
pub(crate) fn is_shared_session(error: &Error) -> bool {
    #[cfg(feature = "postgres")]
    if super::postgres::pooler::is_refused(error) {
        return true;
    }
    false
}
