//! A name in braces that a user's statement contains once, and the condition that takes its place.
//!
//! Called by `migrate` for backfills.

use sea_query::{Condition, Expr, Query, Value};

use super::lexer::verbatim;
use super::render;
use crate::dialect::Dialect;

/// The parts of a statement around each `placeholder` outside of quotes and comments.
pub(crate) fn around<'t>(dialect: Dialect, text: &'t str, placeholder: &str) -> Vec<&'t str> {
    let (mut parts, mut begin, mut at) = (Vec::new(), 0, 0);
    while let Some(first) = text[at..].chars().next() {
        let (before, rest) = text.split_at(at);
        if rest.starts_with(placeholder) {
            parts.push(&text[begin..at]);
            at += placeholder.len();
            begin = at;
        } else {
            at += verbatim(dialect, before, rest).max(first.len_utf8());
        }
    }
    parts.push(&text[begin..]);
    parts
}

/// A condition as it is put into a statement without other arguments, and its values.
pub(crate) fn condition(dialect: Dialect, condition: Condition) -> (String, Vec<Value>) {
    let mut select = Query::select();
    select.expr(Expr::cust("1")).cond_where(condition);
    let (text, values) = render(dialect, &select);
    let condition = text.split_once(" WHERE ").map_or("1 = 1", |(_, text)| text);
    (format!("({condition})"), values.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_found_outside_of_quotes_and_comments() {
        for dialect in Dialect::ALL {
            let text = "UPDATE a SET b = '{range}' /* {range} */ WHERE {range} -- {range}";
            assert_eq!(
                around(dialect, text, "{range}"),
                [
                    "UPDATE a SET b = '{range}' /* {range} */ WHERE ",
                    " -- {range}"
                ]
            );
            assert_eq!(around(dialect, "ä{range}{range}", "{range}"), ["ä", "", ""]);
            assert_eq!(around(dialect, "", "{range}"), [""]);
        }
    }

    #[test]
    fn a_condition_is_rendered_with_its_values() {
        use sea_query::{Alias, ExprTrait as _};
        let key = || Expr::col((Alias::new("o"), Alias::new("id")));
        let both = Condition::all().add(key().gt(1)).add(key().lte(2));
        let (text, values) = condition(Dialect::Postgres, both.clone());
        assert_eq!(text, r#"("o"."id" > $1 AND "o"."id" <= $2)"#);
        assert_eq!(values.len(), 2);
        let (text, _) = condition(Dialect::MySql, both);
        assert_eq!(text, "(`o`.`id` > ? AND `o`.`id` <= ?)");
    }
}
