//! Finds expressions in user-written SQL whose value changes from one evaluation to the next.
//!
//! In one database, `now()` has one value for the whole statement. Over several logical shards,
//! each would have its own, so the client must take the value once.

use sea_query::{Expr, Query as Sea};

use crate::backend::render;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::plan::spec::{QuerySpec, Requirements};

/// Names that are volatile wherever they occur.
const KEYWORDS: [&str; 5] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
];

/// Volatile functions of any of the databases.
const FUNCTIONS: [&str; 24] = [
    "clock_timestamp",
    "curdate",
    "curtime",
    "gen_random_uuid",
    "now",
    "rand",
    "random",
    "random_bytes",
    "randomblob",
    "statement_timestamp",
    "sys_guid",
    "sysdate",
    "timeofday",
    "transaction_timestamp",
    "unix_timestamp",
    "unixepoch",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "uuid",
    "uuid_generate_v4",
    "uuid_short",
    "uuidv4",
    "uuidv7",
];

/// Rejects a query over several logical shards whose conditions would differ between shards.
pub(crate) fn check_volatile(spec: &QuerySpec) -> Result<()> {
    match volatile_in(&spec.filters, spec.requirements) {
        None => Ok(()),
        Some(name) => Err(Error::unsupported(format!(
            "`{name}` would be another one in each logical shard: take the value once, in the \
             program, and compare with that, as `.lt(Utc::now())`"
        ))),
    }
}

/// The first volatile name in conditions.
pub(crate) fn volatile_in(filters: &[Expr], requirements: Requirements) -> Option<String> {
    if !requirements.has(Requirements::FOREIGN) {
        return None;
    }
    let mut select = Sea::select();
    select.expr(Expr::cust("1"));
    for filter in filters {
        select.and_where(filter.clone());
    }
    // Names are quoted, and values stand beside the text, whichever the database.
    let (text, _) = render(Dialect::Postgres, &select);
    volatile(&text).map(str::to_owned)
}

/// The first volatile name in a text.
fn volatile(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = if matches!(character, '\'' | '"' | '`') {
            let end = rest[1..].find(character).map_or(rest.len(), |at| at + 2);
            // SQLite takes the moment from a text.
            if rest[..end].eq_ignore_ascii_case("'now'") {
                return Some(&rest[..end]);
            }
            end
        } else if character.is_alphabetic() || character == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            let is = |known: &&str| word.eq_ignore_ascii_case(known);
            let called = after.trim_start().starts_with('(');
            if KEYWORDS.iter().any(is) || (called && FUNCTIONS.iter().any(is)) {
                return Some(word);
            }
            word.len()
        } else {
            character.len_utf8()
        };
        rest = &rest[length..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::volatile;

    #[test]
    fn what_differs_each_time_is_found() {
        for (text, found) in [
            ("x < NOW()", "NOW"),
            ("x < now ()", "now"),
            ("x < CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP"),
            ("x < datetime('now', '-1 day')", "'now'"),
            ("abs(random()) % 10 = 0", "random"),
        ] {
            assert_eq!(volatile(text), Some(found), "{text}");
        }
    }

    #[test]
    fn names_and_texts_are_left_alone() {
        for text in [
            "\"now\" = 1 AND `random` = 2",
            "x = 'CURRENT_TIMESTAMP'",
            "x::uuid = $1",
            "snow(1) + random_walk(2)",
            "\"na\u{ef}ve\" = '\u{1f600}'",
            "'open",
            "",
        ] {
            assert_eq!(volatile(text), None, "{text}");
        }
    }
}
