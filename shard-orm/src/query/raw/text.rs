//! Names in braces and placeholders in the users' own SQL.
//!
//! Called for each namespace that a statement is about to be sent to.

use sea_query::{Alias, IntoTableRef};

use super::placeholders::{Placeholders, ends_in_name};
use crate::backend::{names_in_backticks, quote};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::columns;
use crate::model::ModelDef;
use crate::topology::Namespace;

/// A text for one namespace.
#[derive(Debug)]
pub(in crate::query) struct Expanded {
    pub(in crate::query) text: String,
    /// The arguments in the order in which the database takes them.
    pub(in crate::query) arguments: Vec<usize>,
}

/// Replaces names in braces by what `named` gives, and placeholders by those of the database,
/// outside of quotes and comments; `bound` arguments are bound.
pub(in crate::query) fn expand(
    dialect: Dialect,
    text: &str,
    bound: usize,
    named: impl Fn(&str) -> Result<String>,
) -> Result<Expanded> {
    let mut expanded = String::with_capacity(text.len() + 32);
    let mut placeholders = Placeholders::new(dialect);
    let mut rest = text;
    while let Some(next) = rest.find(['{', '\'', '"', '`', '[', '-', '/', '$', '#', '?']) {
        expanded.push_str(&rest[..next]);
        rest = &rest[next..];
        if let Some(after) = rest.strip_prefix("{{") {
            expanded.push('{');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(Error::unsupported(
                    "a brace in the SQL is not closed; write `{{` for a brace of its own",
                ));
            };
            expanded.push_str(&named(name.trim())?);
            rest = after;
        } else if rest.starts_with(['?', '$'])
            && let length @ 1.. = placeholders.translate(rest, &mut expanded)?
        {
            rest = &rest[length..];
        } else {
            let length = verbatim(dialect, &expanded, rest);
            expanded.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    expanded.push_str(rest);
    Ok(Expanded {
        text: match dialect {
            // Else a name that is not there would be taken for a text.
            Dialect::Sqlite => names_in_backticks(expanded),
            Dialect::Postgres | Dialect::MySql => expanded,
        },
        arguments: placeholders.finish(bound)?,
    })
}

/// How long the quoted text or comment is that begins here; one character when none does.
fn verbatim(dialect: Dialect, before: &str, text: &str) -> usize {
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

/// How long the comment of PostgreSQL is that begins here: comments contain others.
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

/// The qualified name of a table; of `static.table`, that of the copy beside the rows; of `table.*`,
/// the columns of the model whose table that is.
pub(in crate::query) fn qualified(
    def: Option<&'static ModelDef>,
    name: &str,
    namespace: &Namespace,
) -> Result<String> {
    let (table, all) = match name.strip_suffix(".*") {
        Some(table) => (table, true),
        None => (name, false),
    };
    if let Some(table) = name.strip_prefix("static.").filter(|_| !all) {
        check(name, table)?;
        let Some(table) = namespace.static_table(table) else {
            return Err(Error::unsupported(format!(
                "`{{{name}}}` in the SQL is a static table, and this statement runs where there are \
                 no static tables beside it: in a named database"
            )));
        };
        return Ok(quote(namespace.dialect(), &table));
    }
    check(name, table)?;
    if !all {
        let table = match def {
            Some(def) if def.table == table => namespace.table_of(def),
            _ => namespace.table(table),
        };
        return Ok(quote(namespace.dialect(), &table));
    }
    let Some(def) = def else {
        return Err(Error::unsupported(format!(
            "`{{{name}}}` in the SQL stands for the columns of a model, and this statement is of \
             none; list the columns"
        )));
    };
    if table != def.table {
        return Err(Error::unsupported(format!(
            "`{{{name}}}` in the SQL is not the table of `{}`, which is `{}`; list the columns",
            def.name, def.table
        )));
    }
    let columns: Vec<String> = columns(def, 0..def.columns.len())
        .map(|column| quote_column(namespace, def, column))
        .collect();
    Ok(columns.join(", "))
}

/// Refuses what is not the plain name of a table.
fn check(name: &str, table: &str) -> Result<()> {
    let plain = !table.is_empty()
        && table
            .chars()
            .all(|character| character.is_alphanumeric() || character == '_');
    if plain {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "`{{{name}}}` in the SQL is not the name of a table; write `{{{{` for a brace"
    )))
}

fn quote_column(namespace: &Namespace, def: &ModelDef, column: Alias) -> String {
    let qualified = (Alias::new(def.table), column).into_table_ref();
    quote(namespace.dialect(), &qualified)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn expanded(dialect: Dialect, text: &str) -> String {
        let named = |name: &str| Ok(format!("<{name}>"));
        expand(dialect, text, 0, named).unwrap().text
    }

    /// The text, and the arguments in their order; or the message of its refusal.
    fn translated(
        dialect: Dialect,
        text: &str,
        bound: usize,
    ) -> std::result::Result<(String, Vec<usize>), String> {
        let named = |name: &str| Ok(format!("<{name}>"));
        match expand(dialect, text, bound, named) {
            Ok(expanded) => Ok((expanded.text, expanded.arguments)),
            Err(error) => Err(error.message().to_owned()),
        }
    }

    const ALL: [Dialect; 3] = [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql];

    #[test]
    fn both_forms_of_placeholders_become_those_of_the_database() {
        for (text, postgres, others, arguments) in [
            (
                "a = ? AND b = ?",
                "a = $1 AND b = $2",
                "a = ? AND b = ?",
                vec![0, 1],
            ),
            (
                "a = $2 AND b = $1",
                "a = $2 AND b = $1",
                "a = ? AND b = ?",
                vec![1, 0],
            ),
            (
                "a=$1 OR b=$1,$2",
                "a=$1 OR b=$1,$2",
                "a=? OR b=?,?",
                vec![0, 0, 1],
            ),
            (
                "a = ?2 AND b = ?1",
                "a = $2 AND b = $1",
                "a = ? AND b = ?",
                vec![1, 0],
            ),
            (
                "a ?? 'x' AND b = ?, ?",
                "a ? 'x' AND b = $1, $2",
                "a ? 'x' AND b = ?, ?",
                vec![0, 1],
            ),
        ] {
            for dialect in ALL {
                let (found, order) = translated(dialect, text, 2).unwrap();
                if dialect == Dialect::Postgres {
                    assert_eq!((found.as_str(), order), (postgres, vec![0, 1]), "{text}");
                } else {
                    assert_eq!((found.as_str(), &order), (others, &arguments), "{text}");
                }
            }
        }
    }

    #[test]
    fn what_is_quoted_or_a_part_of_a_name_is_no_placeholder() {
        for text in [
            "'? $1'",
            "\"? $1\"",
            "`? $1`",
            "-- ? $1\n",
            "/* ? $1 */",
            "$a$ ? $1 $a$",
            "a$1",
            "'it''s ?'",
        ] {
            for dialect in ALL {
                // Names of SQLite are in backticks.
                let expected = match dialect {
                    Dialect::Sqlite => text.replace('"', "`"),
                    _ => text.to_owned(),
                };
                assert_eq!(
                    translated(dialect, text, 0),
                    Ok((expected, vec![])),
                    "{dialect}"
                );
            }
        }
        let nested = "/* /* */ ? */";
        assert!(translated(Dialect::Postgres, nested, 0).is_ok());
        assert!(translated(Dialect::MySql, nested, 0).is_err());
        assert!(translated(Dialect::Sqlite, "[a?]", 0).is_ok());
        assert_eq!(translated(Dialect::Postgres, "a[?]", 1).unwrap().0, "a[$1]");
        assert_eq!(translated(Dialect::MySql, "1--?", 1).unwrap().0, "1--?");
        assert!(translated(Dialect::Sqlite, "1--?", 0).is_ok());
        assert!(translated(Dialect::MySql, r"'\' ?'", 0).is_ok());
    }

    #[test]
    fn placeholders_that_do_not_match_the_arguments_are_refused() {
        for dialect in ALL {
            for (text, bound, message) in [
                ("a = ?", 0, "placeholders for 1 arguments, but 0 are bound"),
                ("a = ?", 2, "placeholders for 1 arguments, but 2 are bound"),
                (
                    "a = $2",
                    2,
                    "argument 1 is bound, but the SQL has no placeholder `$1`",
                ),
                ("a = $3", 2, "placeholders for 3 arguments, but 2 are bound"),
                ("a = $1 AND b = ?", 2, "placeholders of both forms"),
                ("a = ? AND b = ?2", 2, "placeholders of both forms"),
                ("a = $0", 1, "`$0` in the SQL is not a placeholder"),
                ("a = $70000", 1, "`$70000` in the SQL is not a placeholder"),
                ("'?'", 1, "placeholders for 0 arguments, but 1 are bound"),
            ] {
                let refused = translated(dialect, text, bound).unwrap_err();
                assert!(refused.contains(message), "{text}: {refused}");
            }
        }
    }

    #[test]
    fn an_escaped_quote_does_not_end_a_text_where_the_database_has_escapes() {
        let text = r"SELECT 'it\'s {a}', {b}";
        assert_eq!(expanded(Dialect::MySql, text), r"SELECT 'it\'s {a}', <b>");
        let text = r"SELECT E'it\'s {a} \\', {b}, 'c:\', {d}";
        assert_eq!(
            expanded(Dialect::Postgres, text),
            r"SELECT E'it\'s {a} \\', <b>, 'c:\', <d>"
        );
        // The `e` is the end of a name.
        let text = r"SELECT date'2020-01-01\', {d}";
        assert_eq!(
            expanded(Dialect::Postgres, text),
            r"SELECT date'2020-01-01\', <d>"
        );
        assert_eq!(expanded(Dialect::Sqlite, r"'\' {a}"), r"'\' <a>");
    }

    #[test]
    fn a_hash_begins_a_comment_where_the_database_says_so() {
        let text = "SELECT 1 # {a} it's\n, {b}";
        assert_eq!(expanded(Dialect::MySql, text), "SELECT 1 # {a} it's\n, <b>");
        assert_eq!(
            expanded(Dialect::Postgres, "SELECT 1 # {a}"),
            "SELECT 1 # <a>"
        );
    }

    #[test]
    fn a_text_that_is_not_closed_is_left_as_it_is() {
        for text in ["'{a}", "\"{a}", "`{a}", "/* {a}", "-- {a}", "$x$ {a}"] {
            assert_eq!(expanded(Dialect::MySql, text), text);
            assert_eq!(expanded(Dialect::Postgres, text), text);
        }
    }
}
