//! Recognizes statements that remove data, so that a tool can ask before it runs them everywhere.

use crate::backend::verbatim;
use crate::dialect::Dialect;

/// The longest excerpt of a statement.
const EXCERPT: usize = 60;

/// The beginnings of those statements in a text that remove data or tables: `DROP`, `TRUNCATE`,
/// `DELETE`, an `UPDATE` without `WHERE`, and an `ALTER` that drops or renames.
///
/// It reads words outside of quotes and comments and does not parse SQL: what a function, a
/// procedure or a `DO` block does is not seen.
///
/// ```
/// use shard_orm::Dialect;
/// use shard_orm::admin::destructive_statements;
///
/// let text = "SELECT 'DROP TABLE a'; -- DELETE\nDELETE FROM b WHERE id = 1";
/// assert_eq!(destructive_statements(Dialect::Postgres, text), ["DELETE FROM b WHERE id = 1"]);
/// ```
#[must_use]
pub fn destructive_statements(dialect: Dialect, text: &str) -> Vec<String> {
    let statements = statements(dialect, text).into_iter();
    statements
        .filter(|statement| is_destructive(&statement.words))
        .map(|statement| excerpt(&statement.text))
        .collect()
}

#[derive(Default)]
struct Statement {
    /// Without comments.
    text: String,
    /// The words outside of quotes, in capitals.
    words: Vec<String>,
}

fn statements(dialect: Dialect, text: &str) -> Vec<Statement> {
    let mut statements = vec![Statement::default()];
    let mut word = String::new();
    let (mut before, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        let Some(current) = statements.last_mut() else {
            break;
        };
        if next.is_alphanumeric() || next == '_' {
            word.extend(next.to_uppercase());
        } else if !word.is_empty() {
            current.words.push(std::mem::take(&mut word));
        }
        let length = verbatim(dialect, &before, rest).max(next.len_utf8());
        let (part, after) = rest.split_at(length);
        before.push_str(part);
        rest = after;
        if part == ";" {
            statements.push(Statement::default());
        } else if part.starts_with("--")
            || part.starts_with("/*")
            || part.starts_with("#") && length > 1
        {
            current.text.push(' ');
        } else {
            current.text.push_str(part);
        }
    }
    if let Some(last) = statements.last_mut()
        && !word.is_empty()
    {
        last.words.push(word);
    }
    statements
}

fn is_destructive(words: &[String]) -> bool {
    let has = |word: &str| words.iter().any(|own| own == word);
    let Some(first) = words.first() else {
        return false;
    };
    match first.as_str() {
        "DROP" | "TRUNCATE" | "DELETE" | "RENAME" => true,
        "ALTER" => has("DROP") || has("RENAME"),
        "UPDATE" => !has("WHERE"),
        // Statements that hold another one.
        "WITH" => has("DELETE") || has("UPDATE") && !has("WHERE"),
        "EXPLAIN" => has("ANALYZE") && (has("DELETE") || has("UPDATE")),
        _ => false,
    }
}

fn excerpt(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    if text.chars().count() <= EXCERPT {
        return text;
    }
    let short: String = text.chars().take(EXCERPT).collect();
    format!("{short}..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{MySql, Postgres, Sqlite};

    #[test]
    fn statements_that_remove_data_are_found() {
        for text in [
            "drop table a",
            "TRUNCATE a",
            "Delete From a",
            "UPDATE a SET b = 1",
            "ALTER TABLE a DROP COLUMN b",
            "/* why */ DROP TABLE a",
            "WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x",
            "EXPLAIN ANALYZE DELETE FROM a",
            "SELECT 1; DROP TABLE a",
        ] {
            for dialect in Dialect::ALL {
                assert_eq!(destructive_statements(dialect, text).len(), 1, "{text}");
            }
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "",
            ";;",
            "SELECT 'DROP TABLE a'",
            "SELECT \"delete\" FROM a",
            "INSERT INTO a VALUES ('x; DROP TABLE a')",
            "UPDATE a SET b = 1 WHERE c = 2",
            "ALTER TABLE a ADD COLUMN b int",
            "SELECT dropped, truncate_at FROM a",
            "-- DROP TABLE a",
        ] {
            for dialect in Dialect::ALL {
                let found = destructive_statements(dialect, text);
                assert!(found.is_empty(), "{text}: {found:?}");
            }
        }
        let dollars = "SELECT $$; DROP TABLE a$$";
        assert!(destructive_statements(Postgres, dollars).is_empty());
        assert_eq!(destructive_statements(MySql, "# no\nDROP TABLE é").len(), 1);
        assert!(destructive_statements(Sqlite, "SELECT [drop; DELETE]").is_empty());
    }

    #[test]
    fn a_long_statement_is_cut() {
        let text = format!("DROP TABLE {}", "é, ".repeat(60));
        let found = destructive_statements(Postgres, &text);
        assert!(found[0].ends_with(".."), "{found:?}");
    }
}
