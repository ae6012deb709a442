//! Line breaks in a statement that people read.
//!
//! Called by `migrate` for the files that it writes.

use super::lexer::verbatim;
use crate::dialect::Dialect;

/// A `CREATE TABLE` with a line for each clause; other statements as they are.
pub(crate) fn in_lines(dialect: Dialect, statement: &str) -> String {
    if !statement.starts_with("CREATE TABLE") {
        return statement.to_owned();
    }
    let (mut text, mut depth, mut at) = (String::new(), 0_u32, 0);
    while let Some(first) = statement[at..].chars().next() {
        let rest = &statement[at..];
        let length = verbatim(dialect, &statement[..at], rest).max(first.len_utf8());
        at += length;
        let breaks_after = match first {
            _ if length > first.len_utf8() => false,
            '(' => {
                depth += 1;
                depth == 1
            }
            ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    text.truncate(text.trim_end().len());
                    text.push('\n');
                }
                false
            }
            ',' => depth == 1,
            _ => false,
        };
        text.push_str(&rest[..length]);
        if breaks_after {
            text.push_str("\n    ");
            let spaces = &statement[at..];
            at += spaces.len() - spaces.trim_start().len();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_have_lines_of_their_own() {
        let text = "CREATE TABLE IF NOT EXISTS \"a,(b\" ( \"id\" bigint NOT NULL, \"c\" numeric(12, 2) \
                    DEFAULT 'it''s, (', PRIMARY KEY (\"id\", \"c\") ) STRICT";
        let lines = "CREATE TABLE IF NOT EXISTS \"a,(b\" (\n    \"id\" bigint NOT NULL,\n    \"c\" \
                     numeric(12, 2) DEFAULT 'it''s, (',\n    PRIMARY KEY (\"id\", \"c\")\n) STRICT";
        assert_eq!(in_lines(Dialect::Postgres, text), lines);
        let escaped = "CREATE TABLE `a` (`b` text DEFAULT ('it\\'s, ('), `é` int)";
        assert_eq!(
            in_lines(Dialect::MySql, escaped),
            "CREATE TABLE `a` (\n    `b` text DEFAULT ('it\\'s, ('),\n    `é` int\n)"
        );
        assert_eq!(in_lines(Dialect::Sqlite, "SELECT (1, 2)"), "SELECT (1, 2)");
    }
}
