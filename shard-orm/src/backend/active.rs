//! The query for the number of statements that run on a server.
//!
//! Sent by `reshard`: a copy gives way while others have much more to do than before it.

use super::{Field as _, Row};
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// The `application_name` of a mover's sessions on PostgreSQL.
pub(super) const MOVER: &str = "shard-orm mover";

/// The query, whose row [`read_active_statements`] reads. `None` for SQLite, which has no server.
///
/// On PostgreSQL the statements of other roles count for members of `pg_read_all_stats` alone, and those of
/// movers never. MySQL and MariaDB count all.
pub(crate) fn active_statements(dialect: Dialect) -> Option<String> {
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(format!(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
             AND backend_type = 'client backend' AND pid <> pg_backend_pid() \
             AND application_name <> '{MOVER}'"
        )),
        Dialect::MySql => Some("SHOW GLOBAL STATUS LIKE 'Threads_running'".to_owned()),
    }
}

/// The number of statements, without the query itself.
pub(crate) fn read_active_statements(dialect: Dialect, row: &Row<'_>) -> Result<u64> {
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => Ok(i64::read(row, 0)?.unsigned_abs()),
        Dialect::MySql => {
            let text = String::read(row, 1)?;
            let number: Result<u64> = text.parse().map_err(|_| {
                Error::decode(format!("`Threads_running` is `{text}`, and not a number"))
            });
            number.map(|number| number.saturating_sub(1))
        }
    }
}
