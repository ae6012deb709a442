//! Facts about one server: its version, clock and limits, and the state of its replication.
//!
//! Read by `admin`, for reports and checks.

use std::time::Duration;

use super::text_result::TextResult;
use super::{Args, Conn, Failure, Field, Row, Sql};
use crate::dialect::Dialect;
use crate::error::Result;

/// Facts about one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// The version, as the server reports it.
    pub(crate) version: String,
    /// Equal for two connections to one running server, whatever its addresses and databases.
    pub(crate) process: Option<String>,
    /// The time by its clock, in microseconds since 1970.
    pub(crate) clock: Option<i64>,
    /// The connections that it accepts, without those that it keeps for administrators.
    pub(crate) max_connections: Option<u64>,
    /// `max_locks_per_transaction` of PostgreSQL.
    pub(crate) locks_per_transaction: Option<u64>,
    /// The number of locks that all sessions of a PostgreSQL server share.
    pub(crate) lock_entries: Option<u64>,
    /// The prepared statements of all sessions of a MySQL or MariaDB server.
    pub(crate) prepared_statements: Option<u64>,
    /// The state of its replication, if it is a replica.
    pub(crate) replication: Option<Replication>,
}

/// The state of a replica, as it reports it. What the user may not see is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Replication {
    /// Whether it receives the changes of its primary.
    pub(crate) receives: Option<bool>,
    /// Whether it applies them.
    pub(crate) applies: Option<bool>,
    /// How old the last applied change is.
    pub(crate) lag: Option<Duration>,
    /// The last error.
    pub(crate) problem: Option<String>,
}

/// The statement for the facts. It returns one row: version, process, clock, connections, locks
/// for each transaction, all locks, prepared statements, whether it is a replica, whether that one
/// receives and applies changes, and its lag in microseconds.
fn question(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "SELECT sqlite_version(), NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL"
        }
        // `reserved_connections` is known from version 16 on. A standby that has replayed all that
        // it has received has no lag, however old the last transaction is.
        Dialect::Postgres => {
            "SELECT current_setting('server_version')::text, \
             (SELECT system_identifier::text FROM pg_control_system()) || '/' || \
             extract(epoch FROM pg_postmaster_start_time())::text, \
             (extract(epoch FROM clock_timestamp()) * 1000000)::int8, \
             current_setting('max_connections')::int8 \
             - current_setting('superuser_reserved_connections')::int8 \
             - COALESCE(current_setting('reserved_connections', true)::int8, 0), \
             current_setting('max_locks_per_transaction')::int8, \
             current_setting('max_locks_per_transaction')::int8 \
             * (current_setting('max_connections')::int8 \
             + current_setting('max_prepared_transactions')::int8), \
             NULL::int8, \
             pg_is_in_recovery()::int4::int8, \
             (EXISTS (SELECT FROM pg_stat_wal_receiver))::int4::int8, \
             CASE WHEN pg_is_in_recovery() THEN (NOT pg_is_wal_replay_paused())::int4::int8 END, \
             CASE WHEN NOT pg_is_in_recovery() THEN NULL \
             WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 \
             ELSE (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) \
             * 1000000)::int8 END"
        }
        Dialect::MySql => {
            "SELECT CAST(VERSION() AS CHAR), \
             CAST(CONCAT(@@global.hostname, ':', @@global.port, ' ', @@global.datadir, ' ', \
             @@global.server_id) AS CHAR), \
             CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) AS SIGNED), \
             CAST(@@global.max_connections AS SIGNED), \
             CAST(NULL AS SIGNED), CAST(NULL AS SIGNED), \
             CAST(@@global.max_prepared_stmt_count AS SIGNED), \
             CAST(CAST(@@global.read_only AS CHAR) NOT IN ('0', 'OFF') AS SIGNED), \
             CAST(NULL AS SIGNED), CAST(NULL AS SIGNED), CAST(NULL AS SIGNED)"
        }
    }
}

/// The statement for the replication of MySQL and MariaDB, which has no equivalent in a table. It
/// needs a privilege (`REPLICA MONITOR`, `REPLICATION CLIENT`).
const REPLICA_STATUS: &str = "SHOW REPLICA STATUS";

impl Conn {
    /// Reads the facts. Sends one statement, and a second one to a replica of MySQL or MariaDB.
    pub(crate) async fn facts(&mut self) -> Result<Facts, Failure> {
        let dialect = self.dialect();
        let sql = Sql {
            text: question(dialect).into(),
            persistent: false,
            single: false,
        };
        let args = Args::new(dialect).map_err(Failure::own)?;
        let mut facts = Facts::default();
        self.run(sql, args, &mut |row| {
            facts = read(row)?;
            Ok(())
        })
        .await?;
        if dialect == Dialect::MySql && facts.replication.is_some() {
            let mut results = Vec::new();
            match self.run_texts(REPLICA_STATUS, &mut results).await {
                Ok(()) => facts.replication = results.first().and_then(of_status),
                Err(failure) if failure.lost => return Err(failure),
                // Not allowed, or an old version.
                Err(_) => {}
            }
        }
        Ok(facts)
    }
}

fn read(row: &Row<'_>) -> Result<Facts> {
    let number = |ordinal| Option::<i64>::read(row, ordinal);
    let count = |ordinal| -> Result<Option<u64>> {
        Ok(number(ordinal)?.and_then(|number| u64::try_from(number).ok()))
    };
    let flag = |ordinal| -> Result<Option<bool>> { Ok(number(ordinal)?.map(|flag| flag != 0)) };
    let replication = if flag(7)? == Some(true) {
        Some(Replication {
            receives: flag(8)?,
            applies: flag(9)?,
            lag: count(10)?.map(Duration::from_micros),
            problem: None,
        })
    } else {
        None
    };
    Ok(Facts {
        version: String::read(row, 0)?,
        process: Option::read(row, 1)?,
        clock: number(2)?,
        max_connections: count(3)?,
        locks_per_transaction: count(4)?,
        lock_entries: count(5)?,
        prepared_statements: count(6)?,
        replication,
    })
}

/// The state in the first row of `SHOW REPLICA STATUS`; `None` for a server that replicates
/// nothing. MySQL and MariaDB name some columns differently.
fn of_status(result: &TextResult) -> Option<Replication> {
    let row = result.rows.first()?;
    let value = |names: [&str; 2]| {
        let position = result
            .columns
            .iter()
            .position(|name| names.iter().any(|one| name.eq_ignore_ascii_case(one)))?;
        row.get(position)?.as_deref()
    };
    let runs = |names| value(names).map(|state| state.eq_ignore_ascii_case("yes"));
    let problem = |names| value(names).filter(|text| !text.is_empty());
    let problem = problem(["Last_SQL_Error", "Last_SQL_Error"])
        .or_else(|| problem(["Last_IO_Error", "Last_IO_Error"]));
    let lag = value(["Seconds_Behind_Master", "Seconds_Behind_Source"]);
    Some(Replication {
        receives: runs(["Slave_IO_Running", "Replica_IO_Running"]),
        applies: runs(["Slave_SQL_Running", "Replica_SQL_Running"]),
        lag: lag
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs),
        problem: problem.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_replica_is_read_by_its_columns() {
        let status = |pairs: &[(&str, Option<&str>)]| TextResult {
            columns: pairs.iter().map(|(name, _)| (*name).to_owned()).collect(),
            rows: vec![
                pairs
                    .iter()
                    .map(|(_, text)| text.map(str::to_owned))
                    .collect(),
            ],
            affected: 0,
        };
        let found = of_status(&status(&[
            ("Slave_IO_Running", Some("Connecting")),
            ("Slave_SQL_Running", Some("Yes")),
            ("Last_IO_Error", Some("no route")),
            ("Last_SQL_Error", Some("")),
            ("Seconds_Behind_Master", None),
        ]));
        let expected = Replication {
            receives: Some(false),
            applies: Some(true),
            lag: None,
            problem: Some("no route".to_owned()),
        };
        assert_eq!(found, Some(expected));
        let found = of_status(&status(&[
            ("Replica_IO_Running", Some("Yes")),
            ("Replica_SQL_Running", Some("No")),
            ("Seconds_Behind_Source", Some("7")),
        ]));
        let found = found.unwrap_or_default();
        assert_eq!(
            (found.receives, found.applies, found.lag),
            (Some(true), Some(false), Some(Duration::from_secs(7)))
        );
        assert_eq!(of_status(&TextResult::default()), None);
    }
}
