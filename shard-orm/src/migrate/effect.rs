//! The effect of a DDL statement on the catalog of its namespace.
//!
//! Used where it is unknown whether a statement has run, and for the tables that a migration locks.

use crate::backend::script::Token;
use crate::backend::words::Words;

/// What exists, or no longer exists, after a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) object: Object,
    /// Whether the object exists afterwards.
    pub(super) exists: bool,
}

/// An object of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Object {
    /// A table or view.
    Table(String),
    Column {
        table: String,
        column: String,
    },
    Index {
        table: Option<String>,
        index: String,
    },
}

impl Effect {
    fn table(name: &str, exists: bool) -> Self {
        Self {
            object: Object::Table(name.to_owned()),
            exists,
        }
    }

    /// The first effect of a statement, which tells whether it has run. `None` for statements whose
    /// effect is not in the catalog.
    pub(super) fn of(tokens: &[Token]) -> Option<Self> {
        let mut words = Words(tokens);
        if words.skip(&["CREATE"]) {
            words.skip_any(&[
                "OR",
                "REPLACE",
                "TEMP",
                "TEMPORARY",
                "UNLOGGED",
                "UNIQUE",
                "FULLTEXT",
                "SPATIAL",
                "ONLINE",
            ]);
            if words.skip(&["TABLE"])
                || words.skip(&["VIEW"])
                || words.skip(&["MATERIALIZED", "VIEW"])
            {
                words.skip_existence();
                return words.name().map(|name| Self::table(name, true));
            }
            if words.skip(&["INDEX"]) {
                return Self::index(&mut words, true);
            }
            return None;
        }
        if words.skip(&["DROP"]) {
            if words.skip(&["TABLE"]) || words.skip(&["VIEW"]) {
                words.skip_existence();
                return words.name().map(|name| Self::table(name, false));
            }
            words.skip_any(&["ONLINE", "OFFLINE"]);
            if words.skip(&["INDEX"]) {
                return Self::index(&mut words, false);
            }
            return None;
        }
        if words.skip(&["RENAME", "TABLE"]) {
            // Of several tables, one may take the name of another.
            if tokens.iter().filter(|token| token.is("TO")).count() != 1 {
                return None;
            }
            words.skip_existence();
            return words.name().map(|name| Self::table(name, false));
        }
        if words.skip(&["ALTER"]) {
            words.skip_any(&["ONLINE", "IGNORE"]);
            return words
                .skip(&["TABLE"])
                .then(|| Self::alter(&mut words))
                .flatten();
        }
        None
    }

    fn index(words: &mut Words<'_>, exists: bool) -> Option<Self> {
        words.skip_any(&["CONCURRENTLY"]);
        words.skip_existence();
        if words.0.first().is_some_and(|first| first.is("ON")) {
            // Without a name.
            return None;
        }
        let index = words.name()?.to_owned();
        // MariaDB may name the kind of the index here.
        if words.skip(&["USING"]) {
            words.name();
        }
        let table = if words.skip(&["ON"]) {
            words.skip_any(&["ONLY"]);
            words.name().map(str::to_owned)
        } else {
            None
        };
        Some(Self {
            object: Object::Index { table, index },
            exists,
        })
    }

    /// Of the first clause: all clauses take effect at once.
    fn alter(words: &mut Words<'_>) -> Option<Self> {
        const NOT_COLUMNS: [&str; 9] = [
            "CONSTRAINT",
            "PRIMARY",
            "FOREIGN",
            "CHECK",
            "PARTITION",
            "SYSTEM",
            "PERIOD",
            "FULLTEXT",
            "SPATIAL",
        ];
        words.skip_existence();
        words.skip_any(&["ONLY"]);
        let table = words.name()?.to_owned();
        let exists = words.0.first()?.is("ADD");
        if !exists && !words.0.first()?.is("DROP") {
            if words.skip(&["RENAME"]) {
                let column = words.skip(&["COLUMN"]);
                if column {
                    let column = words.name()?.to_owned();
                    let object = Object::Column { table, column };
                    return Some(Self {
                        object,
                        exists: false,
                    });
                }
                if words.skip(&["TO"]) || words.skip(&["AS"]) {
                    return Some(Self::table(&table, false));
                }
            }
            return None;
        }
        words.0 = &words.0[1..];
        if NOT_COLUMNS
            .iter()
            .any(|keyword| words.0.first().is_some_and(|word| word.is(keyword)))
        {
            return None;
        }
        let unique = words.skip(&["UNIQUE"]);
        if words.skip(&["INDEX"]) || words.skip(&["KEY"]) {
            words.skip_existence();
            let index = words.name()?.to_owned();
            let object = Object::Index {
                table: Some(table),
                index,
            };
            return Some(Self { object, exists });
        }
        if unique {
            return None;
        }
        words.skip_any(&["COLUMN"]);
        words.skip_existence();
        words.skip_symbol('(');
        let column = words.name()?.to_owned();
        Some(Self {
            object: Object::Column { table, column },
            exists,
        })
    }
}

/// Whether a statement may be sent again although it has run.
pub(super) fn is_repeatable(tokens: &[Token]) -> bool {
    let is = |at: usize, keyword: &str| tokens.get(at).is_some_and(|token| token.is(keyword));
    let has = |keywords: &[&str]| {
        let mut windows = tokens[..tokens.len().min(12)].windows(keywords.len());
        windows.any(|window| {
            window
                .iter()
                .zip(keywords)
                .all(|(token, keyword)| token.is(keyword))
        })
    };
    let creates = is(0, "CREATE") && (has(&["IF", "NOT", "EXISTS"]) || has(&["OR", "REPLACE"]));
    let drops = is(0, "DROP") && has(&["IF", "EXISTS"]);
    creates
        || drops
        || has(&["VALIDATE", "CONSTRAINT"])
        || is(0, "REINDEX")
        || is(0, "ANALYZE")
        || is(0, "OPTIMIZE")
        || is(0, "VACUUM")
        || is_setting(tokens)
}

/// Whether a statement sets the session, which has to be repeated on another session.
pub(super) fn is_setting(tokens: &[Token]) -> bool {
    tokens
        .first()
        .is_some_and(|first| first.is("SET") || first.is("PRAGMA"))
}

/// Whether a statement changes rows, and can run in a transaction with its record.
pub(super) fn is_dml(tokens: &[Token]) -> bool {
    const VERBS: [&str; 6] = ["INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "SELECT"];
    let first = tokens.first();
    first.is_some_and(|first| VERBS.iter().any(|verb| first.is(verb)))
}

/// Whether a statement begins or ends a transaction: `Some(true)` where it begins one.
pub(super) fn transaction_control(tokens: &[Token]) -> Option<bool> {
    let first = tokens.first()?;
    let second = tokens.get(1);
    let begins = first.is("BEGIN") && !second.is_some_and(|second| second.is("NOT"))
        || first.is("START") && second.is_some_and(|second| second.is("TRANSACTION"));
    if begins {
        return Some(true);
    }
    let to_savepoint = tokens.iter().take(4).any(|token| token.is("TO"));
    let ends = first.is("COMMIT") || first.is("END") || first.is("ROLLBACK") && !to_savepoint;
    ends.then_some(false)
}

/// Whether PostgreSQL refuses a statement inside of a transaction.
pub(super) fn needs_no_transaction(tokens: &[Token]) -> bool {
    let is = |at: usize, keyword: &str| tokens.get(at).is_some_and(|token| token.is(keyword));
    let concurrent = ["CREATE", "DROP", "REINDEX", "REFRESH", "ALTER"]
        .iter()
        .any(|verb| is(0, verb))
        && tokens.iter().any(|token| token.is("CONCURRENTLY"));
    concurrent || is(0, "VACUUM")
}

/// The table that a statement locks against all others.
pub(super) fn locked_table(tokens: &[Token]) -> Option<String> {
    let mut words = Words(tokens);
    if words.skip(&["ALTER", "TABLE"]) {
        // These take a weaker lock, and may take long.
        const WEAK: [&str; 4] = ["VALIDATE", "STATISTICS", "ATTACH", "DETACH"];
        if tokens
            .iter()
            .any(|token| WEAK.iter().any(|weak| token.is(weak)))
        {
            return None;
        }
        words.skip_existence();
        words.skip_any(&["ONLY"]);
        return words.name().map(str::to_owned);
    }
    if words.skip(&["DROP", "TABLE"]) {
        words.skip_existence();
        return words.name().map(str::to_owned);
    }
    if words.skip(&["TRUNCATE"]) {
        words.skip_any(&["TABLE", "ONLY"]);
        return words.name().map(str::to_owned);
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::backend::script::statements;
    use crate::dialect::Dialect;

    fn tokens(text: &str) -> Vec<Token> {
        statements(Dialect::MySql, text).remove(0).tokens
    }

    fn effect(text: &str) -> Option<(String, bool)> {
        let effect = Effect::of(&tokens(text))?;
        let object = match effect.object {
            Object::Table(name) => name,
            Object::Column { table, column } => format!("{table}.{column}"),
            Object::Index { table, index } => format!("{index} on {}", table.unwrap_or_default()),
        };
        Some((object, effect.exists))
    }

    #[test]
    fn the_first_effect_of_a_statement_is_found() {
        for (text, object, exists) in [
            ("CREATE TABLE IF NOT EXISTS a (b INT)", "a", true),
            ("create or replace view `a` as select 1", "a", true),
            ("DROP TABLE IF EXISTS x.a, b", "a", false),
            ("RENAME TABLE a TO b", "a", false),
            ("ALTER TABLE a RENAME TO b", "a", false),
            ("ALTER TABLE a ADD b INT, DROP c", "a.b", true),
            (
                "ALTER TABLE a ADD COLUMN IF NOT EXISTS (b INT)",
                "a.b",
                true,
            ),
            ("ALTER TABLE a DROP COLUMN b", "a.b", false),
            ("ALTER TABLE a RENAME COLUMN b TO c", "a.b", false),
            ("ALTER TABLE a ADD UNIQUE KEY b (c)", "b on a", true),
            ("ALTER TABLE a DROP INDEX b", "b on a", false),
            ("CREATE UNIQUE INDEX b USING BTREE ON a (c)", "b on a", true),
            ("DROP INDEX b ON a", "b on a", false),
        ] {
            assert_eq!(effect(text), Some((object.to_owned(), exists)), "{text}");
        }
        for text in [
            "CREATE INDEX ON a (b)",
            "RENAME TABLE a TO c, b TO a, c TO b",
            "ALTER TABLE a MODIFY b INT",
            "ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0)",
            "ALTER TABLE a ADD UNIQUE (b)",
            "UPDATE a SET b = 1",
            "CALL p()",
            "ALTER TABLE",
            "CREATE",
        ] {
            assert_eq!(effect(text), None, "{text}");
        }
    }

    #[test]
    fn statements_are_classified() {
        assert!(is_repeatable(&tokens(
            "CREATE TABLE IF NOT EXISTS a (b INT)"
        )));
        assert!(is_repeatable(&tokens("SET foreign_key_checks = 0")));
        assert!(is_repeatable(&tokens(
            "ALTER TABLE a VALIDATE CONSTRAINT b"
        )));
        assert!(!is_repeatable(&tokens("CREATE TABLE a (b INT)")));
        assert!(is_dml(&tokens("insert into a values (1)")));
        assert_eq!(
            transaction_control(&tokens("START TRANSACTION")),
            Some(true)
        );
        assert_eq!(
            transaction_control(&tokens("BEGIN NOT ATOMIC SELECT 1; END")),
            None
        );
        assert_eq!(
            transaction_control(&tokens("ROLLBACK TO SAVEPOINT a")),
            None
        );
        assert_eq!(transaction_control(&tokens("COMMIT")), Some(false));
        assert!(needs_no_transaction(&tokens(
            "CREATE INDEX CONCURRENTLY a ON b (c)"
        )));
        assert!(!needs_no_transaction(&tokens(
            "CREATE TABLE concurrently_made (a INT)"
        )));
        assert_eq!(
            locked_table(&tokens("ALTER TABLE a ADD b INT")),
            Some("a".to_owned())
        );
        assert_eq!(
            locked_table(&tokens("ALTER TABLE a VALIDATE CONSTRAINT b")),
            None
        );
    }
}
