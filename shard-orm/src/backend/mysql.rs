//! MySQL and MariaDB: opening of sessions, and error codes.

pub(super) mod advisory;
mod session;

use std::str::FromStr;

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySql, MySqlConnectOptions, MySqlDatabaseError, MySqlValueRef};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Decode, Executor as _, MySqlConnection,
    Row as _, ValueRef as _,
};

use super::failure::{Class, Codes, Failure, Stale, UNDEFINED, unbracketed, unreadable_url};
use super::observed::{Observed, ProbeLevel};
use super::position::{Gtid, Position};
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};

/// The driver's options for sessions of one endpoint.
pub(super) fn options(session: &Session) -> Result<MySqlConnectOptions> {
    // The driver knows one scheme for both.
    let url = match session.url.strip_prefix("mariadb://") {
        Some(rest) => format!("mysql://{rest}"),
        None => session.url.clone(),
    };
    let options = MySqlConnectOptions::from_str(&url).map_err(|_| unreadable_url())?;
    let host = unbracketed(options.get_host()).map(str::to_owned);
    let options = match host {
        Some(host) => options.host(&host),
        None => options,
    };
    Ok(options
        .statement_cache_capacity(session.statement_cache)
        // The text that initializes the session sets all of these.
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .disable_statement_logging())
}

/// The state of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MySqlState {
    /// Its number on the server, by which it is killed.
    pub(super) number: u64,
    /// The largest packet that the server accepts, in bytes.
    pub(super) largest_packet: u64,
    /// The number of prepared statements above which the session is replaced.
    pub(super) most_statements: usize,
}

/// The number of prepared statements above which a session is replaced; it keeps `capacity`.
///
/// The driver closes a statement of a full cache with a packet that has no response, before it runs the
/// new one. It leaves Nagle's algorithm on, so that the next packet waits some 40 ms for the server's
/// acknowledgement. The room above the limit is for the statements of one lease.
fn most_statements(capacity: usize) -> usize {
    capacity.saturating_sub((capacity / 8).clamp(1, 50))
}

/// Opens and initializes a session.
pub(super) async fn connect(
    options: &MySqlConnectOptions,
    session: &Session,
) -> std::result::Result<(MySqlConnection, MySqlState), sqlx::Error> {
    let mut connection = MySqlConnection::connect_with(options).await?;
    let collation = session.collation.as_deref().or(options.get_collation());
    let text = session::text(session, collation);
    let row = connection
        .fetch_one(sqlx::raw_sql(AssertSqlSafe(text)))
        .await?;
    let known = MySqlState {
        number: row.try_get_unchecked(0)?,
        largest_packet: row.try_get_unchecked(1)?,
        most_statements: most_statements(session.statement_cache),
    };
    Ok((connection, known))
}

/// The query for the role, the identity, the start time and the last transactions of a MariaDB
/// server.
///
/// The start is exact: both times are of the statement's own second.
const OBSERVE_MARIADB: &str = "\
SELECT CAST(@@global.read_only AS CHAR), CAST(@@global.server_id AS CHAR), \
CAST(UNIX_TIMESTAMP() - VARIABLE_VALUE AS SIGNED), \
CAST(@@global.gtid_binlog_pos AS CHAR), CAST(@@global.gtid_slave_pos AS CHAR) \
FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'UPTIME'";

/// The same for MySQL, which has one set of written and applied transactions.
const OBSERVE_MYSQL: &str = "\
SELECT CAST(@@global.read_only AS CHAR), CAST(@@global.server_uuid AS CHAR), \
CAST(UNIX_TIMESTAMP() - VARIABLE_VALUE AS SIGNED), \
CAST(@@global.gtid_executed AS CHAR), '' \
FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Uptime'";

pub(super) async fn observe(
    connection: &mut MySqlConnection,
    level: ProbeLevel,
) -> std::result::Result<Observed, sqlx::Error> {
    let writable = |read_only: &str| matches!(read_only, "0" | "OFF");
    let text = match level {
        ProbeLevel::Full => OBSERVE_MARIADB,
        ProbeLevel::MySql => OBSERVE_MYSQL,
        ProbeLevel::Role => {
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
    let gtid = match level {
        ProbeLevel::MySql => Some(Gtid::of_mysql(server, started, writable, &written)),
        _ if writable => Gtid::of_mariadb(server, started, &written),
        _ => Gtid::of_mariadb(server, started, &applied),
    };
    Ok(Observed {
        writable,
        follows: !writable,
        position: gtid.map(Position::Gtid),
    })
}

/// Returns whether a text is one query. It is always prepared: in the text protocol, a row whose
/// first column is 16 MiB long begins with the byte that the driver takes for the end of the rows.
pub(super) fn is_select(text: &str) -> bool {
    let text = text.trim();
    let word: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
    let one = !text.trim_end_matches(';').contains(';');
    one && ["SELECT", "WITH"]
        .iter()
        .any(|first| word.eq_ignore_ascii_case(first))
}

/// Returns whether a value is NULL. The driver also takes dates such as 0000-00-00 for NULL, which
/// would then be written back as NULL.
pub(super) fn is_null(value: MySqlValueRef<'_>) -> bool {
    value.is_null() && <&[u8] as Decode<'_, MySql>>::decode(value).is_err()
}

fn number(reported: &dyn DatabaseError) -> u16 {
    reported
        .try_downcast_ref::<MySqlDatabaseError>()
        .map_or(0, MySqlDatabaseError::number)
}

/// Advice for a statement or a row that is larger than a packet.
const TOO_LARGE: &str = "raise `max_allowed_packet` of the server, or send or read less at a time";

/// The errors of MySQL and MariaDB.
pub(super) const CODES: Codes = Codes {
    classify,
    constraint: |reported| constraint(reported.message()),
};

/// The codes of MySQL and MariaDB: their manuals, "Server Error Reference" and "MariaDB Error
/// Codes".
fn classify(reported: &dyn DatabaseError) -> Class {
    use ErrorKind as Kind;
    match number(reported) {
        // The server prepares it again a few times, and then gives up.
        1615 => Class::stale(Stale::Failed),
        // The server does not know the statement's number: the session was replaced.
        1243 => Class::stale(Stale::Refused).replaced(),
        1022 | 1062 | 1169 | 1586 | 1859 => Class::of(Kind::Unique),
        1216 | 1217 | 1451 | 1452 | 1761 | 1762 => Class::of(Kind::ForeignKey),
        1048 | 1364 => Class::of(Kind::NotNull),
        1264 | 1265 | 1292 | 1366 | 1406 | 1690 | 3819 => Class::of(Kind::Check),
        4025 if reported.code().as_deref() == Some("23000") => Class::of(Kind::Check),
        1020 => Class::of(Kind::Serialization).rolled_back(),
        1213 | 1614 => Class::of(Kind::Deadlock).rolled_back(),
        // With `innodb_rollback_on_timeout`, which the client does not know, it rolls back the
        // whole transaction.
        1205 => Class::of(Kind::Timeout).rolled_back(),
        1206 => Class::of(Kind::Database).rolled_back(),
        1021 | 1114 => Class::of(Kind::StorageFull),
        1317 | 1969 | 3024 | 3572 => Class::of(Kind::Timeout),
        1290 | 1792 | 1836 => Class::of(Kind::ReadOnly),
        // The last are views without their tables, and views where a table is expected: tombstones.
        1046 | 1049 | 1054 | 1146 | 1347 | 1356 | 1965 => {
            Class::of(Kind::UndefinedTable).hint(UNDEFINED)
        }
        // The file of a trigger was read while it was being written.
        1064 if reported.message().starts_with("Unknown trigger has an error") => {
            Class::of(Kind::Serialization)
        }
        1040 | 1203 | 1226 => Class::lost(Kind::Unavailable)
            .hint("lower `max_connections` of the pools or raise the server's"),
        1153 => Class::lost(Kind::Unsupported).hint(TOO_LARGE),
        1053 | 1077..=1080 | 1156..=1161 | 1184 | 1927 | 4031 => Class::lost(Kind::Unavailable),
        1044 | 1045 | 1698 => {
            Class::lost(Kind::Configuration).hint("check the user, the password and its grants")
        }
        1419 => Class::of(Kind::Unsupported).hint(
            "set `log_bin_trust_function_creators = 1`, which a server with a binary log needs for triggers of \
             ordinary users, or let an administrator create them",
        ),
        1461 => Class::of(Kind::Configuration).hint(
            "the server's `max_prepared_stmt_count` is reached: lower `statement_cache` of the \
             pools or raise it",
        ),
        _ => Class::of(Kind::Database),
    }
}

/// The index in a message such as `Duplicate entry '..' for key 'name'`.
fn constraint(message: &str) -> Option<String> {
    let (_, rest) = message.rsplit_once("for key '")?;
    let (name, _) = rest.split_once('\'')?;
    Some(name.to_owned())
}

/// JSON as a text, so that its size is known when it is bound.
#[cfg(feature = "json")]
pub(super) struct JsonText(pub(super) String);

#[cfg(feature = "json")]
impl sqlx::Type<sqlx::MySql> for JsonText {
    fn type_info() -> sqlx::mysql::MySqlTypeInfo {
        <sqlx::types::Json<()> as sqlx::Type<sqlx::MySql>>::type_info()
    }
}

#[cfg(feature = "json")]
impl sqlx::Encode<'_, sqlx::MySql> for JsonText {
    fn encode_by_ref(
        &self,
        buffer: &mut Vec<u8>,
    ) -> std::result::Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        <&str as sqlx::Encode<'_, sqlx::MySql>>::encode_by_ref(&self.0.as_str(), buffer)
    }
}

/// The failure of a statement that is larger than the server's limit. It is not sent, since the
/// server would close the connection, perhaps before its response is read.
pub(super) fn too_large(bytes: usize, largest_packet: u64) -> Failure {
    Failure::own(Error::unsupported(format!(
        "the statement has about {bytes} bytes, and the limit of the server is {largest_packet}; \
         {TOO_LARGE}"
    )))
}
