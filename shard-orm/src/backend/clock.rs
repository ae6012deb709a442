//! The time by the clock of the database, so that the clocks of clients do not matter.
//!
//! Called for the leases and progress records in the library's own tables.

use sea_query::Expr;

use crate::dialect::Dialect;

/// The milliseconds since 1970.
pub(crate) fn now(dialect: Dialect) -> Expr {
    Expr::cust(match dialect {
        Dialect::Sqlite => "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
        Dialect::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)",
        // Not UNIX_TIMESTAMP(NOW()): in the hour that a time zone repeats in autumn it is ambiguous.
        Dialect::MySql => {
            "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) DIV 1000)"
        }
    })
}
