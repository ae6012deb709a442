//! One spelling for the SQL that a database writes in several ways: types, defaults, checks.
//!
//! Called by `schema`, to compare what was asked for with what a catalog tells.

use super::{ColumnType, DataType, render_table};
use crate::dialect::Dialect;

/// The name of a SQL type, and what stands in its parentheses.
pub(crate) fn sql_type(dialect: Dialect, text: &str) -> (String, String) {
    let text = text.to_lowercase();
    let (before, rest) = text.split_once('(').unwrap_or((&text, ""));
    let (arguments, after) = rest.split_once(')').unwrap_or((rest, ""));
    let arguments: String = arguments.split_whitespace().collect();
    let name = format!("{} {}", before.trim(), after.trim());
    let name = match (dialect, name.trim()) {
        (Dialect::Postgres, "character varying") => "varchar",
        (Dialect::Postgres, "timestamp with time zone") => "timestamptz",
        (Dialect::Postgres, "timestamp without time zone") => "timestamp",
        (Dialect::Postgres, "time without time zone") => "time",
        (Dialect::Postgres, "boolean") => "bool",
        (Dialect::Postgres, "double") => "double precision",
        (Dialect::MySql, "bool" | "boolean") => return ("tinyint".to_owned(), "1".to_owned()),
        (Dialect::MySql, "integer") => "int",
        (_, name) => name,
    };
    // MariaDB tells how wide an integer is shown.
    let is_shown = dialect == Dialect::MySql
        && ["smallint", "mediumint", "int", "bigint", "tinyint"]
            .iter()
            .any(|integer| name.split(' ').next() == Some(integer))
        && (name, &*arguments) != ("tinyint", "1");
    let arguments = if is_shown { String::new() } else { arguments };
    (name.to_owned(), arguments)
}

/// The text of a type that sea-query renders.
pub(crate) fn rendered_type(dialect: Dialect, sql_type: sea_query::ColumnType) -> String {
    let mut table = sea_query::Table::create();
    table
        .table("t")
        .col(sea_query::ColumnDef::new_with_type("c", sql_type));
    // CREATE TABLE "t" ( "c" bigint )
    let text = render_table(dialect, &table);
    let begin = text.find('c').map_or(0, |at| at + 2);
    let end = text.rfind(')').unwrap_or(text.len());
    text.get(begin..end).unwrap_or_default().trim().to_owned()
}

/// A default, in a form that is equal for equal values of the column's type.
pub(crate) fn default(dialect: Dialect, data_type: &DataType, sql: &str) -> String {
    let Some(literal) = literal(dialect, sql) else {
        return sql.trim().to_owned();
    };
    match data_type.column_type() {
        Some(ColumnType::Text) | None => literal,
        Some(ColumnType::Bytes | ColumnType::Uuid) => bytes(dialect, &literal),
        Some(ColumnType::Json) => json(&literal),
        Some(
            ColumnType::TimestampUtc | ColumnType::Timestamp | ColumnType::Date | ColumnType::Time,
        ) => {
            let text = literal.replace('T', " ");
            let text = text
                .strip_suffix(":00")
                .filter(|rest| rest.ends_with("+00"))
                .unwrap_or(&text);
            let text = text.trim_end_matches("+00").trim();
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text.to_owned(),
            }
        }
        Some(_) => number(&literal),
    }
}

/// Whether an expression is a constant.
pub(crate) fn is_literal(dialect: Dialect, sql: &str) -> bool {
    literal(dialect, sql).is_some()
}

/// The content of a literal; `None` of another expression.
fn literal(dialect: Dialect, sql: &str) -> Option<String> {
    let mut text = sql.trim();
    while let Some(inner) = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
    {
        text = inner.trim();
    }
    if text.len() > 1 && matches!(text.as_bytes()[0], b'x' | b'X') && text.ends_with('\'') {
        return Some(format!("\\x{}", text[2..text.len() - 1].to_lowercase()));
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return Some(format!("\\x{}", hex.to_lowercase()));
    }
    let has_escapes = dialect == Dialect::MySql || text.starts_with("E'");
    let text = text
        .strip_prefix('E')
        .filter(|rest| rest.starts_with('\''))
        .unwrap_or(text);
    if let Some(quoted) = text.strip_prefix('\'') {
        let mut content = String::new();
        let mut characters = quoted.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' if has_escapes => match characters.next()? {
                    '0' => content.push('\0'),
                    'n' => content.push('\n'),
                    'r' => content.push('\r'),
                    't' => content.push('\t'),
                    'Z' => content.push('\u{1a}'),
                    other => content.push(other),
                },
                '\'' => {
                    let rest = characters.as_str();
                    if rest.is_empty() || rest.starts_with("::") {
                        return Some(content);
                    }
                    if !rest.starts_with('\'') {
                        return None;
                    }
                    characters.next();
                    content.push('\'');
                }
                other => content.push(other),
            }
        }
        return None;
    }
    let text = text.split("::").next().unwrap_or(text);
    let text = text.trim_matches(|character| matches!(character, '(' | ')'));
    let is_number = !text.is_empty() && text.parse::<f64>().is_ok();
    let is_word = ["true", "false", "null"].contains(&&*text.to_lowercase());
    (is_number || is_word).then(|| text.to_lowercase())
}

fn number(text: &str) -> String {
    let text = match text {
        "true" => "1",
        "false" => "0",
        text => text.trim_start_matches('+'),
    };
    if text.contains('.') && !text.contains('e') {
        let text = text.trim_end_matches('0').trim_end_matches('.');
        return text.to_owned();
    }
    match text.parse::<f64>() {
        Ok(number) if text.contains('e') => number.to_string(),
        _ => text.to_owned(),
    }
}

/// Bytes as hexadecimal digits. MySQL and MariaDB tell bytes that are no text as question marks.
fn bytes(dialect: Dialect, literal: &str) -> String {
    if let Some(hex) = literal.strip_prefix("\\x") {
        return hex.to_lowercase();
    }
    if dialect == Dialect::MySql {
        return literal.bytes().map(|byte| format!("{byte:02x}")).collect();
    }
    literal.replace('-', "").to_lowercase()
}

#[cfg(feature = "json")]
fn json(literal: &str) -> String {
    serde_json::from_str(literal).map_or_else(
        |_| literal.to_owned(),
        |json: serde_json::Value| json.to_string(),
    )
}

#[cfg(not(feature = "json"))]
fn json(literal: &str) -> String {
    literal.to_owned()
}

/// A check of one column and constants, without what the databases write differently.
pub(crate) fn check(text: &str) -> String {
    let mut text = text.to_lowercase();
    for word in ["::smallint", "::integer", "::bigint", "::numeric"] {
        text = text.replace(word, "");
    }
    let text: String = text
        .chars()
        .filter(|character| !(character.is_whitespace() || "()`\"'".contains(*character)))
        .collect();
    let text = text.replace("char_length", "length");
    match text.split_once("between") {
        Some((column, range)) => match range.split_once("and") {
            Some((low, high)) => format!("{column}>={low}and{column}<={high}"),
            None => text,
        },
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_one_spelling() {
        let of = |dialect, text| sql_type(dialect, text);
        let own = |name: &str, arguments: &str| (name.to_owned(), arguments.to_owned());
        assert_eq!(
            of(Dialect::Postgres, "character varying(5)"),
            own("varchar", "5")
        );
        assert_eq!(
            of(Dialect::MySql, "bigint(20) unsigned"),
            own("bigint unsigned", "")
        );
        assert_eq!(of(Dialect::MySql, "bool"), of(Dialect::MySql, "tinyint(1)"));
        assert_ne!(
            of(Dialect::MySql, "tinyint(4)"),
            of(Dialect::MySql, "tinyint(1)")
        );
        assert_eq!(
            of(Dialect::MySql, "decimal(57, 28)"),
            own("decimal", "57,28")
        );
    }

    #[test]
    fn defaults_have_one_spelling() {
        let is = |dialect, column_type, one: &str, other: &str| {
            let data_type = DataType::known(column_type);
            assert_eq!(
                default(dialect, &data_type, one),
                default(dialect, &data_type, other)
            );
        };
        is(
            Dialect::Postgres,
            ColumnType::Text,
            "'it''s \\ tea'",
            "'it''s \\ tea'::text",
        );
        is(Dialect::Postgres, ColumnType::I32, "-7", "'-7'::integer");
        is(Dialect::Postgres, ColumnType::Bool, "TRUE", "true");
        is(Dialect::MySql, ColumnType::Bool, "TRUE", "1");
        is(Dialect::MySql, ColumnType::Text, "'it\\'s'", "'it''s'");
        is(
            Dialect::MySql,
            ColumnType::Decimal,
            "-1.25",
            "-1.2500000000",
        );
        let (one, other) = (
            "'1970-01-01 00:00:00.000000 +00:00'",
            "'1970-01-01 00:00:00+00'::timestamptz",
        );
        is(Dialect::Postgres, ColumnType::TimestampUtc, one, other);
        let data_type = DataType::known(ColumnType::Text);
        assert_eq!(default(Dialect::Postgres, &data_type, "now()"), "now()");
    }

    #[test]
    fn checks_have_one_spelling() {
        let range = check("\"i8\" BETWEEN -128 AND 127");
        assert_eq!(check("((i8 >= '-128'::integer) AND (i8 <= 127))"), range);
        assert_ne!(check("i8 >= -128 AND i8 <= 126"), range);
        assert_eq!(
            check("octet_length(few) <= 4"),
            check("OCTET_LENGTH(\"few\") <= 4")
        );
    }
}
