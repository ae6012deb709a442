//! The fingerprint of a statement: its text without values, and without the namespaces by which the
//! texts of logical shards differ.
//!
//! Called by `exec` for statistics and for the slow-call log.

use super::script::{Token, statements};
use crate::dialect::Dialect;

/// The text of a statement in which each placeholder, number and string is `?`, a list of them is
/// `?, ..`, and names are neither in quotes nor qualified by one of `namespaces`.
pub(crate) fn fingerprint(dialect: Dialect, text: &str, namespaces: &[&str]) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let statements = statements(dialect, text);
    let mut tokens = statements.iter().flat_map(|one| &one.tokens).peekable();
    while let Some(token) = tokens.next() {
        let is_qualified = tokens.peek() == Some(&&Token::Symbol('.'));
        if is_qualified && token.name().is_some_and(|name| namespaces.contains(&name)) {
            tokens.next();
            continue;
        }
        match token {
            Token::Word(word) if word.starts_with(|first: char| first.is_ascii_digit()) => {
                value(&mut parts);
            }
            Token::Literal | Token::Symbol('?') => value(&mut parts),
            // A placeholder of PostgreSQL: its number follows.
            Token::Symbol('$') => {}
            Token::Symbol(symbol) => parts.push(sign(*symbol)),
            Token::Word(word) | Token::Name(word) => parts.push(word),
        }
    }
    joined(&parts)
}

/// Adds a value, or a list of them.
fn value(parts: &mut Vec<&str>) {
    match parts[..] {
        [.., "?", ","] => parts.push(".."),
        [.., "..", ","] => {
            parts.pop();
        }
        _ => parts.push("?"),
    }
}

/// The text of a symbol.
fn sign(symbol: char) -> &'static str {
    const SIGNS: &str = "(),.;=<>+-*/%|&^~!@#:[]{}\\";
    let at = SIGNS.find(symbol);
    at.and_then(|at| SIGNS.get(at..at + symbol.len_utf8()))
        .unwrap_or("_")
}

/// The parts with spaces between words.
fn joined(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        let is_close = text.is_empty()
            || matches!(*part, "," | ")" | "." | ";")
            || text.ends_with(['(', '.'])
            || (text.ends_with(['<', '>', '!', '|', ':']) && is_sign(part));
        if !is_close {
            text.push(' ');
        }
        text.push_str(part);
    }
    text
}

fn is_sign(part: &str) -> bool {
    matches!(part, "=" | ">" | "|" | ":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dialect: Dialect, text: &str) -> String {
        fingerprint(dialect, text, &["shop_3", "shop_7"])
    }

    #[test]
    fn logical_shards_have_the_same_fingerprint() {
        let expected = "SELECT id, item FROM orders WHERE user_id = ? AND id <= ? LIMIT ?";
        for (dialect, text) in [
            (
                Dialect::Postgres,
                r#"SELECT "id", "item" FROM "shop_3"."orders" WHERE "user_id" = $1 AND "id" <= $2 LIMIT 10"#,
            ),
            (
                Dialect::MySql,
                "SELECT `id`, `item` FROM `shop_7`.`orders` WHERE `user_id` = ? AND `id` <= ? LIMIT 5",
            ),
            (
                Dialect::Sqlite,
                "SELECT `id`, `item` FROM `orders` WHERE `user_id` = ? AND `id` <= ? LIMIT 5",
            ),
        ] {
            assert_eq!(of(dialect, text), expected);
        }
    }

    #[test]
    fn values_are_left_out() {
        for (dialect, text) in [
            (
                Dialect::Postgres,
                "SELECT 1.5, 'secret', E'sec\\'ret', $x$secret$x$, -42 -- secret",
            ),
            (
                Dialect::MySql,
                "SELECT 17, 'secret', \"secret\", 'it''s secret' /* secret */",
            ),
            (Dialect::Sqlite, "SELECT 42, 'secret', x'5ec4e7'"),
        ] {
            let text = of(dialect, text);
            assert!(!text.contains("sec"), "{text}");
            assert!(!text.contains(|one: char| one.is_ascii_digit()), "{text}");
        }
    }

    #[test]
    fn lists_of_any_length_are_the_same() {
        let three = of(Dialect::Postgres, "SELECT a FROM t WHERE a IN ($1, $2, $3)");
        let many = of(
            Dialect::Postgres,
            "SELECT a FROM t WHERE a IN ($1, $2, $3, $4, 5, 'six')",
        );
        assert_eq!(three, "SELECT a FROM t WHERE a IN (?, ..)");
        assert_eq!(three, many);
    }
}
