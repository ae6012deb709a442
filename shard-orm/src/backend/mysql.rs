//! MySQL and MariaDB: opening sessions, and their codes.

pub(super) mod advisory;

use std::str::FromStr;

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError};
use sqlx::{ConnectOptions as _, Connection as _, MySqlConnection};

use super::conn::Session;
use super::failure::{Class, unreadable_url};
use super::position::{Gtid, Position};
use super::probe::{Manner, Observed};
use crate::error::{ErrorKind, Result};

/// The driver's options for sessions of one endpoint.
pub(super) fn options(session: &Session) -> Result<MySqlConnectOptions> {
    // The driver knows one name for both.
    let url = match session.url.strip_prefix("mariadb://") {
        Some(rest) => format!("mysql://{rest}"),
        None => session.url.clone(),
    };
    let mut options = MySqlConnectOptions::from_str(&url)
        .map_err(|_| unreadable_url())?
        .statement_cache_capacity(session.statement_cache)
        .disable_statement_logging();
    if let Some(charset) = &session.charset {
        options = options.charset(charset);
    }
    if let Some(collation) = &session.collation {
        options = options.collation(collation);
    }
    if let Some(zone) = &session.time_zone {
        options = options.timezone(zone.clone());
    }
    Ok(options)
}

/// Opens a session and sets what the configuration asks for; gives its number beside it.
pub(super) async fn connect(
    options: &MySqlConnectOptions,
    session: &Session,
) -> std::result::Result<(MySqlConnection, u64), sqlx::Error> {
    let mut connection = MySqlConnection::connect_with(options).await?;
    if let Some(mode) = &session.sql_mode {
        sqlx::query("SET SESSION sql_mode = ?")
            .bind(mode)
            .execute(&mut connection)
            .await?;
    }
    if let Some(limit) = session.statement_timeout {
        limit_statements(&mut connection, limit).await?;
    }
    let number = sqlx::query_scalar("SELECT CAST(CONNECTION_ID() AS UNSIGNED)")
        .persistent(false)
        .fetch_one(&mut connection)
        .await?;
    Ok((connection, number))
}

/// MariaDB limits all statements, in seconds; MySQL limits reads, in milliseconds.
async fn limit_statements(
    connection: &mut MySqlConnection,
    limit: std::time::Duration,
) -> std::result::Result<(), sqlx::Error> {
    let mariadb = sqlx::query("SET SESSION max_statement_time = ?")
        .bind(limit.as_secs_f64())
        .execute(&mut *connection)
        .await;
    match mariadb {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(reported)) if number(&*reported) == UNKNOWN_VARIABLE => {
            sqlx::query("SET SESSION max_execution_time = ?")
                .bind(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
                .execute(connection)
                .await
                .map(|_| ())
        }
        Err(other) => Err(other),
    }
}

/// Asks a MariaDB server for its role, who it is, when it was started, and its last transactions.
///
/// The start is exact: both times are of the statement's own second.
const OBSERVE_MARIADB: &str = "\
SELECT CAST(@@global.read_only AS CHAR), CAST(@@global.server_id AS CHAR), \
CAST(UNIX_TIMESTAMP() - VARIABLE_VALUE AS SIGNED), \
CAST(@@global.gtid_binlog_pos AS CHAR), CAST(@@global.gtid_slave_pos AS CHAR) \
FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'UPTIME'";

/// The same of MySQL, whose one set holds what a server has written and what it has applied.
const OBSERVE_MYSQL: &str = "\
SELECT CAST(@@global.read_only AS CHAR), CAST(@@global.server_uuid AS CHAR), \
CAST(UNIX_TIMESTAMP() - VARIABLE_VALUE AS SIGNED), \
CAST(@@global.gtid_executed AS CHAR), '' \
FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Uptime'";

pub(super) async fn observe(
    connection: &mut MySqlConnection,
    manner: Manner,
) -> std::result::Result<Observed, sqlx::Error> {
    let writable = |read_only: &str| matches!(read_only, "0" | "OFF");
    let text = match manner {
        Manner::Full => OBSERVE_MARIADB,
        Manner::OfMySql => OBSERVE_MYSQL,
        Manner::RoleAlone => {
            let read_only: String = sqlx::query_scalar("SELECT CAST(@@global.read_only AS CHAR)")
                .fetch_one(connection)
                .await?;
            return Ok(Observed {
                writable: writable(&read_only),
                follows: !writable(&read_only),
                position: None,
            });
        }
    };
    let (read_only, server, started, written, applied): (String, String, i64, String, String) =
        sqlx::query_as(text).fetch_one(connection).await?;
    let writable = writable(&read_only);
    let gtid = match manner {
        Manner::OfMySql => Some(Gtid::of_mysql(server, started, writable, &written)),
        _ if writable => Gtid::of_mariadb(server, started, &written),
        _ => Gtid::of_mariadb(server, started, &applied),
    };
    Ok(Observed {
        writable,
        follows: !writable,
        position: gtid.map(Position::Gtid),
    })
}

const UNKNOWN_VARIABLE: u16 = 1193;

fn number(reported: &dyn DatabaseError) -> u16 {
    reported
        .try_downcast_ref::<MySqlDatabaseError>()
        .map_or(0, MySqlDatabaseError::number)
}

/// The codes of MySQL and MariaDB: their manuals, "Server Error Reference" and "MariaDB Error
/// Codes".
pub(super) fn classify(reported: &dyn DatabaseError) -> Class {
    use ErrorKind as Kind;
    match number(reported) {
        1022 | 1062 | 1169 | 1586 | 1859 => Class::of(Kind::Unique),
        1216 | 1217 | 1451 | 1452 | 1761 | 1762 => Class::of(Kind::ForeignKey),
        1048 | 1364 => Class::of(Kind::NotNull),
        1264 | 1265 | 1292 | 1366 | 1406 | 1690 | 3819 => Class::of(Kind::Check),
        4025 if reported.code().as_deref() == Some("23000") => Class::of(Kind::Check),
        1020 => Class::of(Kind::Serialization).rolled_back(),
        1213 | 1614 => Class::of(Kind::Deadlock).rolled_back(),
        // With `innodb_rollback_on_timeout`, of which a client is not told, it ends the whole
        // transaction.
        1205 => Class::of(Kind::Timeout).rolled_back(),
        1206 => Class::of(Kind::Database).rolled_back(),
        1021 | 1114 => Class::of(Kind::StorageFull),
        1317 | 1969 | 3024 | 3572 => Class::of(Kind::Timeout),
        1290 | 1792 | 1836 => Class::of(Kind::ReadOnly),
        1049 | 1054 | 1146 => Class::of(Kind::UndefinedTable)
            .hint("create the namespaces and tables with `cluster.setup()`"),
        1040 | 1203 | 1226 => Class::lost(Kind::Unavailable)
            .hint("lower `max_connections` of the pools or raise the server's"),
        1053 | 1077..=1080 | 1158..=1161 | 1184 | 1927 | 4031 => Class::lost(Kind::Unavailable),
        1044 | 1045 | 1698 => {
            Class::lost(Kind::Configuration).hint("check the user, the password and its grants")
        }
        1419 => Class::of(Kind::Unsupported).hint(
            "a server with a binary log takes triggers of ordinary users with \
             `log_bin_trust_function_creators = 1`; or let an administrator create them",
        ),
        1461 => Class::of(Kind::Configuration).hint(
            "the server's `max_prepared_stmt_count` is reached: lower `statement_cache` of the \
             pools or raise it",
        ),
        _ => Class::of(Kind::Database),
    }
}

/// The index that a message names: `Duplicate entry '..' for key 'name'`.
pub(super) fn constraint(message: &str) -> Option<String> {
    let (_, rest) = message.rsplit_once("for key '")?;
    let (name, _) = rest.split_once('\'')?;
    Some(name.to_owned())
}
