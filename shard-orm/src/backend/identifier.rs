//! Quotes around identifiers in the SQL of SQLite.
//!
//! Called for every text that is rendered for SQLite, and for the users' own SQL. SQLite takes an
//! unknown name in double quotes for a string literal ("Double-quoted String Literals Are Accepted"
//! among its documented quirks): a condition on a column that the table lacks would be true for
//! every row. The setting against it (`SQLITE_DBCONFIG_DQS_DML`) needs the driver's raw handle and
//! `unsafe`. A name in backticks is never a string literal, whatever the settings.

use crate::dialect::Dialect;

/// The same SQL with each quoted name in quotes that the database never takes for those of a string
/// literal.
pub(crate) fn unambiguous_names(dialect: Dialect, text: String) -> String {
    match dialect {
        Dialect::Sqlite => names_in_backticks(text),
        Dialect::Postgres | Dialect::MySql => text,
    }
}

/// The same SQL with backticks in place of double quotes. String literals and comments do not
/// change.
pub(super) fn names_in_backticks(text: String) -> String {
    let mut bytes = text.into_bytes();
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| is_special(*byte)) {
        at += next;
        let length = token(&bytes[at..]);
        let end = at + length;
        if bytes[at] == b'"' && length > 1 && bytes[end - 1] == b'"' {
            let plain = !bytes[at + 1..end - 1]
                .iter()
                .any(|byte| matches!(byte, b'"' | b'`'));
            if plain {
                bytes[at] = b'`';
                bytes[end - 1] = b'`';
            } else {
                let name = quoted_again(&bytes[at + 1..end - 1]);
                at += name.len();
                bytes.splice(end - length..end, name);
                continue;
            }
        }
        at = end;
    }
    // Only ASCII quotes were replaced, so the text is still UTF-8.
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The name in backticks, from the text between double quotes.
fn quoted_again(inner: &[u8]) -> Vec<u8> {
    let mut name = vec![b'`'];
    let mut after_quote = false;
    for byte in inner {
        match byte {
            // The second of a doubled quote.
            b'"' if after_quote => after_quote = false,
            b'"' => {
                after_quote = true;
                name.push(b'"');
            }
            b'`' => name.extend(b"``"),
            other => name.push(*other),
        }
    }
    name.push(b'`');
    name
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`' | b'[' | b'-' | b'/')
}

/// The length of the string literal, name or comment that begins here. One without an end extends
/// to the end of the text, and SQLite rejects it.
fn token(text: &[u8]) -> usize {
    let one = |close: u8| {
        let closed = text[1..].iter().position(|byte| *byte == close);
        closed.map_or(text.len(), |at| at + 2)
    };
    match text {
        [quote @ (b'"' | b'\'' | b'`'), ..] => {
            let mut end = 1;
            loop {
                match text[end..].iter().position(|byte| byte == quote) {
                    None => return text.len(),
                    Some(at) => end += at + 1,
                }
                // A doubled quote is part of the text.
                if text.get(end) != Some(quote) {
                    return end;
                }
                end += 1;
            }
        }
        [b'[', ..] => one(b']'),
        [b'-', b'-', ..] => one(b'\n'),
        [b'/', b'*', rest @ ..] => rest
            .windows(2)
            .position(|two| two == b"*/")
            .map_or(text.len(), |at| at + 4),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_double_quotes_become_names_in_backticks() {
        for (text, expected) in [
            (
                "SELECT \"a\", \"b\".\"c\" FROM t",
                "SELECT `a`, `b`.`c` FROM t",
            ),
            ("\"a\"\"b`c\" = \"d\"", "`a\"b``c` = `d`"),
            ("\"\"\"\" = \"d\"", "`\"` = `d`"),
            ("'\"x\"' || \"y\"", "'\"x\"' || `y`"),
            ("'it''s \"' || \"y\"", "'it''s \"' || `y`"),
            ("[a\"b] = \"c\"", "[a\"b] = `c`"),
            ("`a\"b` = \"c\"", "`a\"b` = `c`"),
            (
                "-- \"a\"\n\"b\" - /* \"c\" */ \"d\"",
                "-- \"a\"\n`b` - /* \"c\" */ `d`",
            ),
            ("a / b - \"c\" \"", "a / b - `c` \""),
            ("a /*/ \"b\" */ \"c\" /", "a /*/ \"b\" */ `c` /"),
            ("\"é\" = 'ü' \"\"", "`é` = 'ü' ``"),
            ("'\"", "'\""),
        ] {
            assert_eq!(names_in_backticks(text.to_owned()), expected);
        }
    }
}
