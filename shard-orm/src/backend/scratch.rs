//! The statements of a scratch namespace: one that exists for as long as its tables are read.
//!
//! Called by `migrate`. SQLite has it in memory, PostgreSQL in a transaction that is rolled back, and
//! MySQL and MariaDB, where DDL commits by itself, as a database that is dropped.

use sea_query::{Alias, IntoTableRef as _};

use super::lexer::{ends_in_name, verbatim};
use super::{create_namespace, quote};
use crate::dialect::Dialect;

/// The statement that creates a namespace whose tables get this character set and collation where
/// they name none. `None` where the namespace needs no statement.
pub(crate) fn create_scratch(
    dialect: Dialect,
    name: &str,
    defaults: Option<&(String, String)>,
) -> Option<String> {
    let is_word = |text: &str| {
        let mut bytes = text.bytes();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match defaults {
        Some((set, collation))
            if dialect == Dialect::MySql && is_word(set) && is_word(collation) =>
        {
            let quoted = quote(dialect, &Alias::new(name).into_table_ref());
            Some(format!(
                "CREATE DATABASE {quoted} CHARACTER SET {set} COLLATE {collation}"
            ))
        }
        _ => create_namespace(dialect, name),
    }
}

/// The statement that removes a namespace with all that is in it. `None` on SQLite.
pub(crate) fn drop_namespace(dialect: Dialect, name: &str) -> Option<String> {
    let quoted = quote(dialect, &Alias::new(name).into_table_ref());
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(format!("DROP SCHEMA IF EXISTS {quoted} CASCADE")),
        Dialect::MySql => Some(format!("DROP DATABASE IF EXISTS {quoted}")),
    }
}

/// The query for the character set and the collation of a namespace, whose name is the argument.
/// `None` where a namespace has none of its own.
pub(crate) fn defaults_of_namespace(dialect: Dialect) -> Option<&'static str> {
    (dialect == Dialect::MySql).then_some(
        "SELECT CAST(DEFAULT_CHARACTER_SET_NAME AS CHAR), CAST(DEFAULT_COLLATION_NAME AS CHAR) \
         FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?",
    )
}

/// The query for the namespaces that are named like a scratch, and for the number of their tables.
/// `None` where none can be left behind.
pub(crate) fn scratches(dialect: Dialect) -> Option<&'static str> {
    (dialect == Dialect::MySql).then_some(
        "SELECT CAST(s.SCHEMA_NAME AS CHAR), CAST((SELECT COUNT(*) FROM information_schema.TABLES t \
         WHERE t.TABLE_SCHEMA = s.SCHEMA_NAME) AS SIGNED) FROM information_schema.SCHEMATA s \
         WHERE s.SCHEMA_NAME REGEXP '_scratch_[0-9a-f]{16}$'",
    )
}

/// The query for a table outside of the session's namespace that its transaction has changed or
/// locked against writers, and the mode of the lock. A foreign key to such a table may lock it.
/// `None` where no lock tells.
pub(crate) fn locked_outside(dialect: Dialect) -> Option<&'static str> {
    (dialect == Dialect::Postgres).then_some(
        "SELECT c.oid::regclass::text FROM pg_locks l \
         JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND n.nspname <> current_schema() AND n.nspname !~ '^pg_' \
         AND n.nspname <> 'information_schema' \
         AND l.mode NOT IN ('AccessShareLock', 'RowShareLock') \
         AND NOT (l.mode = 'ShareRowExclusiveLock' AND EXISTS (SELECT FROM pg_constraint k \
         JOIN pg_class r ON r.oid = k.conrelid WHERE k.confrelid = c.oid \
         AND r.relnamespace = current_schema()::regnamespace)) LIMIT 1",
    )
}

/// SQL in which names are not qualified by a namespace. Texts and comments do not change.
pub(crate) fn without_namespace(dialect: Dialect, sql: &str, namespace: &str) -> String {
    let prefixes = [
        format!("{namespace}."),
        format!("\"{namespace}\"."),
        format!("`{namespace}`."),
    ];
    edited(dialect, sql, |rest| {
        let prefix = prefixes.iter().find(|prefix| rest.starts_with(*prefix))?;
        Some(prefix.len())
    })
}

/// A statement without a keyword. Texts, names in quotes and comments do not change.
pub(crate) fn without_keyword(dialect: Dialect, sql: &str, keyword: &str) -> String {
    edited(dialect, sql, |rest| {
        let word = rest.get(..keyword.len())?;
        let follows = rest[keyword.len()..].chars().next();
        let is_whole = follows.is_none_or(|next| !next.is_alphanumeric() && next != '_');
        (is_whole && word.eq_ignore_ascii_case(keyword)).then_some(keyword.len())
    })
}

/// SQL without what `cut` gives the length of, where a name or keyword may begin.
fn edited(dialect: Dialect, sql: &str, cut: impl Fn(&str) -> Option<usize>) -> String {
    let (mut text, mut at) = (String::with_capacity(sql.len()), 0);
    while let Some(first) = sql[at..].chars().next() {
        let (before, rest) = sql.split_at(at);
        let begins = !ends_in_name(before) && !before.ends_with('.');
        if let Some(length) = cut(rest).filter(|_| begins) {
            at += length;
            continue;
        }
        let length = verbatim(dialect, before, rest).max(first.len_utf8());
        text.push_str(&rest[..length]);
        at += length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualifiers_are_removed_outside_of_texts() {
        for (sql, expected) in [
            ("shop_1.f(a) > 0", "f(a) > 0"),
            ("x = 'shop_1.a'::\"shop_1\".kind", "x = 'shop_1.a'::kind"),
            ("my_shop_1.a, b.shop_1.c", "my_shop_1.a, b.shop_1.c"),
            ("shop_1.a -- shop_1.b\n", "a -- shop_1.b\n"),
            ("\"shop_1.a\"", "\"shop_1.a\""),
        ] {
            assert_eq!(
                without_namespace(Dialect::Postgres, sql, "shop_1"),
                expected
            );
        }
        let expected = "nextval(`ids`)";
        assert_eq!(
            without_namespace(Dialect::MySql, "nextval(`shop_1`.`ids`)", "shop_1"),
            expected
        );
    }

    #[test]
    fn a_keyword_is_removed_outside_of_names() {
        for (sql, expected) in [
            (
                "CREATE INDEX concurrently a ON b (c)",
                "CREATE INDEX  a ON b (c)",
            ),
            (
                "CREATE INDEX \"CONCURRENTLY\" ON concurrently_made (c)",
                "CREATE INDEX \"CONCURRENTLY\" ON concurrently_made (c)",
            ),
        ] {
            assert_eq!(
                without_keyword(Dialect::Postgres, sql, "CONCURRENTLY"),
                expected
            );
        }
    }
}
