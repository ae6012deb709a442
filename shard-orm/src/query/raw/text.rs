//! Names in braces in the users' own SQL.
//!
//! Called for each namespace that a statement is about to be sent to.

use sea_query::{Alias, IntoTableRef};

use crate::backend::{names_in_backticks, quote};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::columns;
use crate::model::ModelDef;
use crate::topology::Namespace;

/// Puts what `named` gives in the place of names in braces, outside of quotes and comments.
pub(in crate::query) fn expand(
    dialect: Dialect,
    text: &str,
    named: impl Fn(&str) -> Result<String>,
) -> Result<String> {
    let mut expanded = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(next) = rest.find(['{', '\'', '"', '`', '-', '/', '$', '#']) {
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
        } else {
            let length = verbatim(dialect, &expanded, rest);
            expanded.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    expanded.push_str(rest);
    Ok(match dialect {
        // Else a name that is not there would be taken for a text.
        Dialect::Sqlite => names_in_backticks(expanded),
        Dialect::Postgres | Dialect::MySql => expanded,
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
        [b'-', b'-', ..] => end(2, "\n"),
        [b'#', ..] if dialect == Dialect::MySql => end(1, "\n"),
        [b'/', b'*', ..] => end(2, "*/"),
        [b'$', ..] => {
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
        expand(dialect, text, |name| Ok(format!("<{name}>"))).unwrap()
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
