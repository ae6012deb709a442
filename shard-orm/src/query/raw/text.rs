//! Names in braces and placeholders in raw SQL.
//!
//! Called for each namespace to which a statement is sent.

use sea_query::{Alias, IntoTableRef};

use super::placeholders::Placeholders;
use crate::backend::{quote, unambiguous_names, verbatim};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::columns;
use crate::model::ModelDef;
use crate::topology::Namespace;

/// A text for one namespace.
#[derive(Debug)]
pub(in crate::query) struct Expanded {
    pub(in crate::query) text: String,
    /// The arguments in the order of the database's placeholders.
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
        text: unambiguous_names(dialect, expanded),
        arguments: placeholders.finish(bound)?,
    })
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

/// Rejects anything but the plain name of a table.
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
    use crate::dialect::Dialect::{MySql, Postgres, Sqlite};

    fn expanded(dialect: Dialect, text: &str) -> String {
        let named = |name: &str| Ok(format!("<{name}>"));
        expand(dialect, text, 0, named).unwrap().text
    }

    /// The text and the arguments in their order, or the message of its rejection.
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
            for dialect in Dialect::ALL {
                let (found, order) = translated(dialect, text, 2).unwrap();
                if dialect == Postgres {
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
            for dialect in Dialect::ALL {
                // Names of SQLite are in backticks.
                let expected = match dialect {
                    Sqlite => text.replace('"', "`"),
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
        assert!(translated(Postgres, nested, 0).is_ok());
        assert!(translated(MySql, nested, 0).is_err());
        assert!(translated(Sqlite, "[a?]", 0).is_ok());
        assert_eq!(translated(Postgres, "a[?]", 1).unwrap().0, "a[$1]");
        assert_eq!(translated(MySql, "1--?", 1).unwrap().0, "1--?");
        assert!(translated(Sqlite, "1--?", 0).is_ok());
        assert!(translated(MySql, r"'\' ?'", 0).is_ok());
    }

    #[test]
    fn placeholders_that_do_not_match_the_arguments_are_refused() {
        for dialect in Dialect::ALL {
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
        assert_eq!(expanded(MySql, text), r"SELECT 'it\'s {a}', <b>");
        let text = r"SELECT E'it\'s {a} \\', {b}, 'c:\', {d}";
        assert_eq!(
            expanded(Postgres, text),
            r"SELECT E'it\'s {a} \\', <b>, 'c:\', <d>"
        );
        // The `e` is the end of a name.
        let text = r"SELECT date'2020-01-01\', {d}";
        assert_eq!(expanded(Postgres, text), r"SELECT date'2020-01-01\', <d>");
        assert_eq!(expanded(Sqlite, r"'\' {a}"), r"'\' <a>");
    }

    #[test]
    fn a_hash_begins_a_comment_where_the_database_says_so() {
        let text = "SELECT 1 # {a} it's\n, {b}";
        assert_eq!(expanded(MySql, text), "SELECT 1 # {a} it's\n, <b>");
        assert_eq!(expanded(Postgres, "SELECT 1 # {a}"), "SELECT 1 # <a>");
    }

    #[test]
    fn a_text_that_is_not_closed_is_left_as_it_is() {
        for text in ["'{a}", "\"{a}", "`{a}", "/* {a}", "-- {a}", "$x$ {a}"] {
            assert_eq!(expanded(MySql, text), text);
            assert_eq!(expanded(Postgres, text), text);
        }
    }
}
