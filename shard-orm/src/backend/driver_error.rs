//! The meaning of a driver's errors, whichever database it is.
//!
//! Called by everything in `backend` that works with a connection of any database.

use super::failure::{Codes, Failure};
use crate::dialect::Dialect;

impl Failure {
    /// The failure for an error of the driver of this database.
    pub(super) fn from_driver(dialect: Dialect, source: sqlx::Error) -> Self {
        match dialect {
            #[cfg(feature = "postgres")]
            Dialect::Postgres => Self::of(&super::postgres::CODES, source),
            #[cfg(feature = "mysql")]
            Dialect::MySql => Self::of(&super::mysql::CODES, source),
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => Self::of(&super::sqlite::CODES, source),
            // A build without the driver has no errors of it.
            #[allow(unreachable_patterns)]
            _ => Self::of(&UNKNOWN, source),
        }
    }
}

/// The errors of a database whose driver is not part of this build.
#[allow(dead_code)]
const UNKNOWN: Codes = Codes {
    classify: |_| super::failure::Class::of(crate::ErrorKind::Database),
    constraint: |_| None,
};
