//! Quotes and comments in the SQL of each database.
//!
//! Called for the users' own SQL, in which placeholders and names in braces are replaced outside of
//! quotes and comments.

use crate::dialect::Dialect;

/// The length of the quoted text or comment that begins `text`; 1 where none does. `before` is the SQL
/// in front of it.
pub(crate) fn verbatim(dialect: Dialect, before: &str, text: &str) -> usize {
    let end = |from: usize, close: &str| {
        text[from..]
            .find(close)
            .map_or(text.len(), |at| from + at + close.len())
    };
    match text.as_bytes() {
        // MySQL and MariaDB subtract a negative number where no space follows.
        [b'-', b'-', next, ..] if dialect == Dialect::MySql && !is_space(*next) => 2,
        [b'-', b'-', ..] => end(2, "\n"),
        [b'#', ..] if dialect == Dialect::MySql => end(1, "\n"),
        [b'/', b'*', ..] if dialect == Dialect::Postgres => nested_comment(text),
        [b'/', b'*', ..] => end(2, "*/"),
        [b'[', ..] if dialect == Dialect::Sqlite => end(1, "]"),
        [b'$', ..] if !ends_in_name(before) => {
            // PostgreSQL's dollar quotes: $tag$ .. $tag$. A `$1` is none.
            let tag = text[1..].find('$').map(|at| &text[..at + 2]).filter(|tag| {
                tag[1..tag.len() - 1]
                    .chars()
                    .all(|character| character.is_alphanumeric() || character == '_')
                    && !tag[1..].starts_with(|character: char| character.is_ascii_digit())
            });
            match tag {
                Some(tag) => end(tag.len(), tag),
                None => 1,
            }
        }
        [quote @ (b'\'' | b'"'), ..] if has_escapes(dialect, before, *quote) => {
            let mut escaped = false;
            let closed = text.bytes().skip(1).position(|byte| {
                let closes = !escaped && byte == *quote;
                escaped = !escaped && byte == b'\\';
                closes
            });
            closed.map_or(text.len(), |at| at + 2)
        }
        [quote @ (b'\'' | b'"' | b'`'), ..] => {
            // A doubled quote ends one text and begins the next, which comes to the same.
            end(1, char::from(*quote).encode_utf8(&mut [0; 4]))
        }
        _ => 1,
    }
}

/// The length of the comment of PostgreSQL that begins here: comments contain others.
fn nested_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(next) = text[at..].find(['/', '*']) {
        at += next;
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control()
}

/// Whether a backslash keeps the quote behind it from ending the text: in texts of MySQL and
/// MariaDB (unless `NO_BACKSLASH_ESCAPES` is set), and in PostgreSQL's `E'..'`.
fn has_escapes(dialect: Dialect, before: &str, quote: u8) -> bool {
    match dialect {
        Dialect::MySql => true,
        Dialect::Postgres if quote == b'\'' => {
            let mut before = before.chars().rev();
            before
                .next()
                .is_some_and(|last| last.eq_ignore_ascii_case(&'e'))
                && before
                    .next()
                    .is_none_or(|other| !other.is_alphanumeric() && other != '_')
        }
        _ => false,
    }
}

/// Returns whether the next character would be a part of a name.
pub(crate) fn ends_in_name(text: &str) -> bool {
    text.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == '$')
}
