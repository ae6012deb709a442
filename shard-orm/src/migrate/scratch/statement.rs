//! What a statement of a migration does in a scratch namespace.

use crate::backend::script::Token;
use crate::migrate::effect::transaction_control;

/// What becomes of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Treatment {
    Run,
    /// It changes no table: rows, accounts, settings of the server, transactions.
    Skip,
    /// It would change something outside of the scratch.
    Refuse(String),
}

/// Statements that change no table.
const SKIPPED: [&str; 38] = [
    "INSERT",
    "UPDATE",
    "DELETE",
    "REPLACE",
    "MERGE",
    "WITH",
    "COPY",
    "LOAD",
    "TRUNCATE",
    "VACUUM",
    "ANALYZE",
    "ANALYSE",
    "OPTIMIZE",
    "REINDEX",
    "REFRESH",
    "CLUSTER",
    "CHECK",
    "CHECKSUM",
    "REPAIR",
    "GRANT",
    "REVOKE",
    "LOCK",
    "UNLOCK",
    "SAVEPOINT",
    "RELEASE",
    "ROLLBACK",
    "CHECKPOINT",
    "FLUSH",
    "PURGE",
    "KILL",
    "SHUTDOWN",
    "NOTIFY",
    "LISTEN",
    "UNLISTEN",
    "DISCARD",
    "ATTACH",
    "DETACH",
    "EXPLAIN",
];

/// What is created, altered and dropped beside tables, for all namespaces.
const OF_SERVER: [&str; 8] = [
    "USER",
    "ROLE",
    "DATABASE",
    "TABLESPACE",
    "SYSTEM",
    "PUBLICATION",
    "SUBSCRIPTION",
    "GROUP",
];

/// What becomes of a statement in a scratch; one that `is_rolled_back` cannot change anything else.
pub(super) fn treatment(tokens: &[Token], is_rolled_back: bool) -> Treatment {
    let Some(first) = tokens.first() else {
        return Treatment::Skip;
    };
    let is = |at: usize, keyword: &str| tokens.get(at).is_some_and(|token| token.is(keyword));
    let has = |keyword: &str| tokens.iter().any(|token| token.is(keyword));
    let changes = ["CREATE", "ALTER", "DROP"]
        .iter()
        .any(|verb| first.is(verb));
    if transaction_control(tokens).is_some()
        || SKIPPED.iter().any(|verb| first.is(verb))
        || changes && OF_SERVER.iter().any(|object| is(1, object))
        || changes && is(1, "SCHEMA") && !is_rolled_back
    {
        return Treatment::Skip;
    }
    if first.is("SET") || has("set_config") {
        // A scratch is found by the search path; its tables belong to whoever makes them.
        let of_others = ["GLOBAL", "PERSIST", "PASSWORD", "ROLE", "AUTHORIZATION"];
        let is_kept =
            has("search_path") || has("set_config") || of_others.iter().any(|keyword| has(keyword));
        return if is_kept {
            Treatment::Skip
        } else {
            Treatment::Run
        };
    }
    if is_rolled_back {
        return Treatment::Run;
    }
    if first.is("USE") {
        return Treatment::Refuse("it leaves the namespace".to_owned());
    }
    match qualified(tokens) {
        Some((namespace, name)) => Treatment::Refuse(format!(
            "it names `{name}` of `{namespace}`; name tables without a namespace"
        )),
        None => Treatment::Run,
    }
}

/// The namespace and the name of what a statement changes, if a namespace is named.
fn qualified(tokens: &[Token]) -> Option<(&str, &str)> {
    const BEFORE: [&str; 11] = [
        "TABLE",
        "VIEW",
        "EXISTS",
        "INDEX",
        "TRIGGER",
        "FUNCTION",
        "PROCEDURE",
        "EVENT",
        "SEQUENCE",
        "ON",
        "TO",
    ];
    let is_any = |token: &Token, words: &[&str]| words.iter().any(|word| token.is(word));
    let first = tokens.first()?;
    if !is_any(first, &["CREATE", "ALTER", "DROP", "RENAME"]) {
        return None;
    }
    // Lists of names.
    let is_list = is_any(first, &["DROP", "RENAME"]);
    let head = tokens.iter().position(|token| {
        *token == Token::Symbol('(') || is_any(token, &["AS", "SELECT", "FOR", "BEGIN"])
    });
    let head = &tokens[..head.unwrap_or(tokens.len())];
    head.windows(4).find_map(|window| match window {
        [before, namespace, Token::Symbol('.'), name] => {
            let is_named = is_list || is_any(before, &BEFORE);
            Some((namespace.name()?, name.name()?)).filter(|_| is_named)
        }
        _ => None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::backend::script::statements;
    use crate::dialect::Dialect;

    fn of(text: &str) -> Treatment {
        let tokens = statements(Dialect::MySql, text).remove(0).tokens;
        treatment(&tokens, false)
    }

    #[test]
    fn what_changes_tables_of_the_namespace_runs() {
        for text in [
            "CREATE TABLE IF NOT EXISTS a (b INT REFERENCES shop_static.c (d))",
            "ALTER TABLE a ADD b INT DEFAULT 0.5",
            "CREATE INDEX a ON b (c)",
            "CREATE TRIGGER a AFTER INSERT ON b FOR EACH ROW SET @c = NEW.d",
            "CREATE TABLE a SELECT b.c FROM other.b",
            "SET foreign_key_checks = 0",
            "SELECT add_column('a')",
            "CALL p()",
        ] {
            assert_eq!(of(text), Treatment::Run, "{text}");
        }
    }

    #[test]
    fn what_changes_rows_and_servers_is_skipped() {
        for text in [
            "INSERT INTO x.a VALUES (1)",
            "START TRANSACTION",
            "COMMIT",
            "GRANT ALL ON *.* TO b",
            "CREATE USER a",
            "DROP DATABASE shop_1",
            "CREATE SCHEMA a",
            "SET GLOBAL sql_mode = ''",
            "SET search_path TO b",
            "SELECT pg_catalog.set_config('search_path', '', false)",
        ] {
            assert_eq!(of(text), Treatment::Skip, "{text}");
        }
    }

    #[test]
    fn what_names_another_namespace_is_refused() {
        for text in [
            "USE shop_1",
            "CREATE TABLE x.a (b INT)",
            "CREATE OR REPLACE VIEW `x`.`a` AS SELECT 1",
            "ALTER TABLE IF EXISTS x.a ADD b INT",
            "DROP TABLE a, x.b",
            "RENAME TABLE a TO x.a",
            "CREATE UNIQUE INDEX a ON x.b (c)",
            "DROP TRIGGER x.a",
        ] {
            assert!(matches!(of(text), Treatment::Refuse(_)), "{text}");
        }
    }
}
