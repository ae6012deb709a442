//! Triggers of SQLite, for each row.
//!
//! A `REPLACE` removes the rows that hold a unique value of the new one, and fires no trigger for them. So their keys are
//! logged before. The actions of foreign keys fire the triggers of the rows that they change.

use super::{Logged, Names, Part, name};

pub(super) fn triggers(names: &Names, table: &Logged<'_>) -> Vec<String> {
    let trigger = |event: &str, body: &str| {
        let own = names.object(&event.to_lowercase().replace(' ', "_"));
        let event = match event.starts_with("BEFORE") {
            true => event.to_owned(),
            false => format!("AFTER {event}"),
        };
        let table = &names.table;
        format!(
            "CREATE TRIGGER IF NOT EXISTS {own} {event} ON {table} FOR EACH ROW BEGIN {body} END"
        )
    };
    let (insert, delete) = (names.append(false, true), names.append(true, false));
    let update = names.append(true, true);
    let inserted = names.values("NEW", None, Some("NEW"));
    let deleted = names.values("OLD", Some("OLD"), None);
    let updated = names.values("NEW", Some("OLD"), Some("NEW"));
    let same = names.same_key("OLD", "IS", "NEW");
    let mut statements = vec![
        trigger("INSERT", &format!("{insert} VALUES ({inserted});")),
        trigger("DELETE", &format!("{delete} VALUES ({deleted});")),
        trigger(
            "UPDATE",
            &format!("{update} VALUES ({updated}); {delete} SELECT {deleted} WHERE NOT ({same});"),
        ),
    ];
    if let Some(replaced) = replaced(names, table) {
        let body = format!("{delete} {replaced};");
        statements.push(trigger("BEFORE INSERT", &body));
        statements.push(trigger("BEFORE UPDATE", &body));
    }
    statements
}

/// The query for the rows that hold a unique value of the new row. One expression is evaluated for the new row and for the
/// rows of the table: the names in it are those of the closest row. A condition of an index is left out, which finds more.
fn replaced(names: &Names, table: &Logged<'_>) -> Option<String> {
    let quoted = |column: &str| name(names.dialect, column);
    let held = table.unique.iter().map(|parts| {
        let parts = parts.iter().map(|part| match part {
            Part::Column(column) => quoted(column),
            Part::Expression(text) => format!("({})", without_order(text)),
        });
        let parts = parts.collect::<Vec<_>>().join(", ");
        let row = table
            .columns
            .iter()
            .map(|column| format!("NEW.{0} AS {0}", quoted(column)));
        let row = row.collect::<Vec<_>>().join(", ");
        let values = names.values(&names.table, Some(&names.table), None);
        let source = &names.table;
        format!(
            "SELECT {values} FROM {source} WHERE ({parts}) IN (SELECT {parts} FROM (SELECT {row}))"
        )
    });
    let held: Vec<String> = held.collect();
    (!held.is_empty()).then(|| held.join(" UNION ALL "))
}

/// The expression of a part of an index, without the direction of its order.
fn without_order(text: &str) -> &str {
    let trimmed = text.trim();
    for word in ["ASC", "DESC"] {
        let at = trimmed.len().saturating_sub(word.len());
        if let (Some(before), Some(last)) = (trimmed.get(..at), trimmed.get(at..))
            && last.eq_ignore_ascii_case(word)
            && before.ends_with(|last: char| last.is_whitespace() || last == ')')
        {
            return before.trim_end();
        }
    }
    trimmed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direction_of_a_part_is_left_out() {
        for (text, expected) in [
            ("lower(a) DESC", "lower(a)"),
            ("lower(a)asc", "lower(a)"),
            ("a COLLATE nocase", "a COLLATE nocase"),
            ("lower(xdesc)", "lower(xdesc)"),
            ("xdesc", "xdesc"),
            ("", ""),
        ] {
            assert_eq!(without_order(text), expected);
        }
    }
}
