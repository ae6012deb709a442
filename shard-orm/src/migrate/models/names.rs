//! Rust names for tables and columns.

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};

/// Names of types that a model must not hide: those of the prelude, and the derives.
const TAKEN: [&str; 12] = [
    "Box",
    "Err",
    "None",
    "Ok",
    "Option",
    "Result",
    "Self",
    "ShardModel",
    "Some",
    "StaticModel",
    "String",
    "Vec",
];

/// The keywords of Rust, those that are reserved for later among them.
const KEYWORDS: [&str; 49] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield", "self",
];

/// Keywords that are no names even as raw identifiers.
const NEVER_NAMES: [&str; 3] = ["crate", "self", "super"];

/// Files of a folder that are no model's.
const OTHER_FILES: [&str; 3] = ["lib", "main", "mod"];

/// Plurals that do not end like others.
const PLURALS: [(&str, &str); 12] = [
    ("aliases", "alias"),
    ("bonuses", "bonus"),
    ("buses", "bus"),
    ("caches", "cache"),
    ("children", "child"),
    ("cookies", "cookie"),
    ("indices", "index"),
    ("movies", "movie"),
    ("news", "news"),
    ("people", "person"),
    ("series", "series"),
    ("statuses", "status"),
];

/// The name of a column's field, as it is written; `None` if nothing of the name fits.
pub(super) fn field(column: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_name = column
        .chars()
        .all(|letter| is_plain(letter) || letter == '_');
    let name = match is_name && column.chars().any(is_plain) {
        true => column.to_owned(),
        false => words(column).to_snake_case(),
    };
    let first = name.chars().next()?;
    let name = match first.is_ascii_digit() {
        true => format!("_{name}"),
        false => name,
    };
    Some(identifier(name))
}

/// The name of a table's model: one row of it.
pub(super) fn model(table: &str) -> Option<String> {
    let words = words(table).to_snake_case();
    let name = match words.rsplit_once('_') {
        Some((before, last)) => format!("{before}_{}", singular(last)),
        None => singular(&words),
    };
    let name = name.to_upper_camel_case();
    let first = name.chars().next()?;
    Some(if first.is_ascii_digit() || TAKEN.contains(&&*name) {
        match first.is_ascii_digit() {
            true => format!("Row{name}"),
            false => format!("{name}Row"),
        }
    } else {
        name
    })
}

/// The name of a model's module, without the `r#` of a keyword: that of its file.
pub(super) fn module(model: &str) -> String {
    let name = model.to_snake_case();
    match OTHER_FILES.contains(&&*name) || NEVER_NAMES.contains(&&*name) {
        true => format!("{name}_row"),
        false => name,
    }
}

/// A name as it is written: keywords as raw identifiers.
pub(super) fn identifier(name: String) -> String {
    if NEVER_NAMES.contains(&&*name) {
        format!("{name}_")
    } else if KEYWORDS.contains(&&*name) {
        format!("r#{name}")
    } else {
        name
    }
}

/// Whether a name that the caller gives can be a model's.
pub(super) fn is_type_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    name.starts_with(char::is_uppercase) && name.chars().all(is_letter) && !TAKEN.contains(&name)
}

/// A name in letters, digits and spaces.
fn words(name: &str) -> String {
    let fit = |letter: char| match letter.is_alphabetic() || letter.is_ascii_digit() {
        true => letter,
        false => ' ',
    };
    name.chars().map(fit).collect()
}

/// The singular of an English word in lower case; a word that is none stays as it is.
fn singular(word: &str) -> String {
    if let Some((_, singular)) = PLURALS.iter().find(|(plural, _)| *plural == word) {
        return (*singular).to_owned();
    }
    let is_singular = ["ss", "us", "is"].iter().any(|end| word.ends_with(end)) || word.len() < 4;
    if is_singular {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    let with_e = ["sses", "shes", "ches", "xes"];
    if with_e.iter().any(|end| word.ends_with(end)) {
        return word[..word.len() - 2].to_owned();
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_named_after_its_column() {
        for (column, name) in [
            ("user_id", "user_id"),
            ("_id", "_id"),
            ("a__b", "a__b"),
            ("userId", "user_id"),
            ("UserID", "user_id"),
            ("type", "r#type"),
            ("self", "self_"),
            ("Crate", "crate_"),
            ("first name", "first_name"),
            ("2fa", "_2fa"),
            ("grösse €", "grösse"),
            ("a\nb\"c", "a_b_c"),
        ] {
            assert_eq!(field(column).as_deref(), Some(name), "{column}");
        }
        assert_eq!(field("€"), None);
        assert_eq!(field("_"), None);
    }

    #[test]
    fn a_model_is_one_row_of_its_table() {
        for (table, name) in [
            ("orders", "Order"),
            ("order_lines", "OrderLine"),
            ("categories", "Category"),
            ("addresses", "Address"),
            ("boxes", "Box"),
            ("status", "Status"),
            ("people", "Person"),
            ("UserHTTPLogs", "UserHttpLog"),
            ("2fa codes", "Row2faCode"),
            ("options", "OptionRow"),
            ("gas", "Gas"),
        ] {
            let name = if name == "Box" { "BoxRow" } else { name };
            assert_eq!(model(table).as_deref(), Some(name), "{table}");
        }
        assert_eq!(model("€"), None);
    }

    #[test]
    fn a_module_is_no_file_of_the_folder() {
        assert_eq!(module("OrderLine"), "order_line");
        assert_eq!(module("Mod"), "mod_row");
        assert_eq!(module("Type"), "type");
        assert_eq!(identifier(module("Type")), "r#type");
        assert!(is_type_name("Order") && !is_type_name("order") && !is_type_name("A b"));
    }
}
