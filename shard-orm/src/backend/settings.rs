//! The session settings that the library relies on, and checks of the users' own settings against
//! them.
//!
//! Sent by `postgres::session` and `mysql::session`. Called by `config`, which rejects options.

use crate::dialect::Dialect;

/// A setting of every session of PostgreSQL.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) value: &'static str,
    /// The consequence of another value.
    pub(crate) reason: &'static str,
}

const fn setting(name: &'static str, value: &'static str, reason: &'static str) -> Setting {
    Setting {
        name,
        value,
        reason,
    }
}

const TEXTS: &str = "literals in statements would mean something else";
const FORMS: &str = "values would be written in a form that is not read back";
const TRANSACTIONS: &str = "statements and locks rely on it; choose another isolation for each \
                            transaction with `TxOptions::isolation`";

/// The settings of PostgreSQL. Those that a server does not know are skipped.
pub(crate) const POSTGRES: &[Setting] = &[
    setting(
        "client_encoding",
        "UTF8",
        "texts are sent and read as UTF-8",
    ),
    setting("standard_conforming_strings", "on", TEXTS),
    setting("backslash_quote", "safe_encoding", TEXTS),
    setting("DateStyle", "ISO, MDY", FORMS),
    setting("IntervalStyle", "postgres", FORMS),
    setting("bytea_output", "hex", FORMS),
    setting("xmlbinary", "base64", FORMS),
    setting("xmloption", "content", TEXTS),
    setting(
        "extra_float_digits",
        "2",
        "floats would be rounded when they are read",
    ),
    setting("array_nulls", "on", TEXTS),
    setting(
        "transform_null_equals",
        "off",
        "comparisons with NULL would be true",
    ),
    setting("quote_all_identifiers", "off", FORMS),
    setting("timezone_abbreviations", "Default", TEXTS),
    setting(
        "gin_fuzzy_search_limit",
        "0",
        "searches would leave rows out",
    ),
    setting("exit_on_error", "off", "an error would end the session"),
    setting(
        "session_replication_role",
        "origin",
        "foreign keys and triggers would be switched off",
    ),
    setting(
        "default_transaction_isolation",
        "read committed",
        TRANSACTIONS,
    ),
    setting("default_transaction_deferrable", "off", TRANSACTIONS),
];

/// Modes of MySQL and MariaDB that change the meaning of the library's statements.
const MODES: &[(&str, &str)] = &[
    ("NO_BACKSLASH_ESCAPES", TEXTS),
    (
        "HIGH_NOT_PRECEDENCE",
        "`NOT` in conditions would bind otherwise",
    ),
    (
        "PAD_CHAR_TO_FULL_LENGTH",
        "texts would be read with spaces that were not written",
    ),
    (
        "ALLOW_INVALID_DATES",
        "dates could be written that cannot be read",
    ),
    ("EMPTY_STRING_IS_NULL", "an empty text would become NULL"),
    (
        "SIMULTANEOUS_ASSIGNMENT",
        "updates and upserts would compute with other values",
    ),
    ("ORACLE", "it changes the grammar of statements"),
    ("MSSQL", "it changes the grammar of statements"),
    ("DB2", "it changes the grammar of statements"),
    ("MAXDB", "it changes the grammar of statements"),
    ("POSTGRESQL", "it changes the grammar of statements"),
    ("MYSQL323", "it changes the grammar of statements"),
    ("MYSQL40", "it changes the grammar of statements"),
];

/// The reason why a run-time parameter of PostgreSQL must not have this value, if there is one.
pub(crate) fn refused_setting(name: &str, value: &str) -> Option<String> {
    if name.eq_ignore_ascii_case("transaction_isolation") {
        return Some(format!("it must not be set here: {TRANSACTIONS}"));
    }
    let own = POSTGRES
        .iter()
        .find(|own| own.name.eq_ignore_ascii_case(name))?;
    if own.value.eq_ignore_ascii_case(value) {
        return None;
    }
    let Setting { value, reason, .. } = own;
    Some(format!(
        "it must stay `{value}`: with another value {reason}; remove it"
    ))
}

/// The reason why modes of MySQL and MariaDB must not be set, with the first such mode.
pub(crate) fn refused_mode(modes: &str) -> Option<String> {
    modes.split(',').find_map(|mode| {
        let (name, reason) = MODES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(mode))?;
        Some(format!("`{name}` must not be set: {reason}; remove it"))
    })
}

/// The reason why a session must not have this character set, if there is one.
pub(crate) fn refused_charset(charset: &str) -> Option<String> {
    (!charset.eq_ignore_ascii_case("utf8mb4")).then(|| {
        "the character set must be `utf8mb4`: texts are sent and read as UTF-8, and others lose \
         characters; remove it"
            .to_owned()
    })
}

/// The reason why a session must not have this collation, if there is one.
pub(crate) fn refused_collation(collation: &str) -> Option<String> {
    let lower = collation.to_ascii_lowercase();
    // MariaDB has collations whose names contain no character set.
    let is_of_unicode = lower.starts_with("utf8mb4_") || lower.starts_with("uca1400_");
    (!is_of_unicode).then(|| {
        "the collation must be one of `utf8mb4`, the session's character set; remove it, or name \
         one like `utf8mb4_bin`"
            .to_owned()
    })
}

/// The reason why a session must not have this time zone, if there is one.
pub(crate) fn refused_zone(dialect: Dialect, zone: &str) -> Option<String> {
    let is_utc = ["UTC", "Etc/UTC", "+00:00", "+0:00", "-00:00"]
        .iter()
        .any(|utc| utc.eq_ignore_ascii_case(zone));
    (dialect == Dialect::MySql && !is_utc).then(|| {
        "the time zone must be UTC on MySQL and MariaDB: `TIMESTAMP` columns are sent and read as \
         UTC, and would hold other moments; remove it"
            .to_owned()
    })
}

/// The reason why a parameter of a URL must not have this decoded value, where there is one: each
/// session relies on another.
pub(crate) fn refused_parameter(dialect: Dialect, key: &str, value: &str) -> Option<String> {
    match (dialect, key) {
        (Dialect::MySql, "charset") => refused_charset(value),
        (Dialect::MySql, "collation") => refused_collation(value),
        // A plus sign stands for a space in a parameter, and some write it as itself.
        (Dialect::MySql, "timezone" | "time-zone") => {
            refused_zone(dialect, &value.replace(' ', "+"))
        }
        (Dialect::Postgres, "options") => refused_in_options(value),
        (Dialect::Postgres, _) => key
            .strip_prefix("options[")
            .and_then(|rest| rest.strip_suffix(']'))
            .and_then(|name| refused_setting(name, value)),
        _ => None,
    }
}

/// The reason why the run-time parameters of `options` in a URL of PostgreSQL must not be set, if
/// there is one.
fn refused_in_options(options: &str) -> Option<String> {
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let assignment = match word {
            "-c" => words.next(),
            _ => word.strip_prefix("--").or_else(|| word.strip_prefix("-c")),
        };
        let Some((name, value)) = assignment.and_then(|text| text.split_once('=')) else {
            continue;
        };
        if let Some(reason) = refused_setting(&name.replace('-', "_"), value) {
            return Some(format!("`{name}` among its options: {reason}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_url_are_read_in_all_their_forms() {
        for options in [
            "-c standard_conforming_strings=off",
            "-cDATESTYLE=German",
            "-c work_mem=1MB --bytea-output=escape",
        ] {
            assert!(refused_in_options(options).is_some(), "{options}");
        }
        for options in ["", "-c", "-c work_mem=1MB", "-c bytea_output=HEX -B 3"] {
            assert_eq!(refused_in_options(options), None, "{options}");
        }
    }

    #[test]
    fn modes_are_refused_whatever_their_case() {
        let refused = refused_mode("ANSI,no_backslash_escapes").unwrap_or_default();
        assert!(refused.contains("NO_BACKSLASH_ESCAPES"), "{refused}");
        assert_eq!(refused_mode("ANSI_QUOTES,TRADITIONAL"), None);
        assert_eq!(refused_mode(""), None);
    }
}
