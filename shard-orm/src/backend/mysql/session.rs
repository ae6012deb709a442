//! The settings of each session of MySQL and MariaDB, whatever the server's settings are.
//!
//! Sent by `mysql::connect` as one text of several statements, so that it takes one round trip. The
//! guide lists each setting with its reason.

use std::fmt::Write as _;

use crate::backend::session::Session;

/// The modes that the library relies on. `PIPES_AS_CONCAT` and `IGNORE_SPACE` are those that the
/// driver sets for statements of the users' own.
const MODES: &str = "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,\
                     NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,\
                     PIPES_AS_CONCAT,IGNORE_SPACE";

/// Variables of both, and their values.
const BOTH: &[(&str, &str)] = &[
    ("time_zone", "'+00:00'"),
    ("autocommit", "1"),
    ("completion_type", "'NO_CHAIN'"),
    ("foreign_key_checks", "1"),
    ("unique_checks", "1"),
    ("sql_safe_updates", "0"),
    ("sql_select_limit", "18446744073709551615"),
    ("sql_big_selects", "1"),
    ("sql_auto_is_null", "0"),
    ("div_precision_increment", "4"),
    ("default_week_format", "0"),
    ("lc_time_names", "'en_US'"),
    // The names of violated constraints are parsed from messages.
    ("lc_messages", "'en_US'"),
    (
        "group_concat_max_len",
        "GREATEST(@@group_concat_max_len, 1048576)",
    ),
    // Only this many bytes of a text are compared by a sort, which needs memory for 15 texts.
    ("max_sort_length", "GREATEST(@@max_sort_length, 65536)"),
    ("sort_buffer_size", "GREATEST(@@sort_buffer_size, 2097152)"),
];

/// Variables that MariaDB alone knows, with the first version that takes these values.
const MARIADB: &[(&str, &str, &str)] = &[
    ("100200", "check_constraint_checks", "1"),
    ("100202", "standard_compliant_cte", "1"),
    ("100000", "default_regex_flags", "''"),
    ("100304", "system_versioning_asof", "DEFAULT"),
    ("100601", "old_mode", "'UTF8_IS_UTF8MB3'"),
];

/// The text that initializes a session and reads its number and the largest packet of the server.
///
/// The configuration's check of modes and collations leaves no name that needs an escape.
pub(super) fn text(session: &Session, collation: Option<&str>) -> String {
    let mut text = format!("SET sql_mode = '{MODES}");
    if let Some(own) = session.sql_mode.as_deref().filter(|own| !own.is_empty()) {
        text.push(',');
        text.push_str(own);
    }
    text.push_str("', NAMES utf8mb4");
    // Writing to a `String` does not fail.
    if let Some(collation) = collation {
        _ = write!(text, " COLLATE {collation}");
    }
    for (name, value) in BOTH {
        _ = write!(text, ", {name} = {value}");
    }
    // Both run a comment of this form when their version is at least the one in it, and skip it
    // otherwise; each skips the other's.
    for (version, name, value) in MARIADB {
        _ = write!(text, "/*M!{version} , {name} = {value}*/");
    }
    if let Some(limit) = session.statement_timeout {
        // MariaDB limits all statements, in seconds; MySQL limits reads, in milliseconds.
        _ = write!(
            text,
            "/*M!100101 , max_statement_time = {:.6}*//*!50708 , max_execution_time = {}*/",
            limit.as_secs_f64(),
            u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        );
    }
    text.push_str(
        "; SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
         SELECT CONNECTION_ID(), @@max_allowed_packet",
    );
    text
}
