//! Walks a TOML tree. Records the line of each part, and reports values of a wrong type and unknown
//! keys.

use std::cell::RefCell;
use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::environment::{Environment, expand};
use crate::config::Report;

/// The state shared by the whole walk.
pub(super) struct Context<'a> {
    environment: &'a Environment<'a>,
    /// The byte position of the start of each line.
    starts: Vec<usize>,
    lines: RefCell<BTreeMap<String, u32>>,
    problems: RefCell<Vec<(String, String)>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(text: &str, environment: &'a Environment<'a>) -> Self {
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            environment,
            starts: std::iter::once(0)
                .chain(after.map(|(at, _)| at + 1))
                .collect(),
            lines: RefCell::default(),
            problems: RefCell::default(),
        }
    }

    /// The line of a byte position, from 1.
    pub(super) fn line(&self, at: usize) -> u32 {
        let line = self.starts.partition_point(|start| *start <= at);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// Moves the lines and problems to a report.
    pub(super) fn into_report(self, report: &mut Report) {
        report.set_lines(self.lines.into_inner());
        for (path, message) in self.problems.into_inner() {
            report.add(path, message);
        }
    }

    fn problem(&self, path: &str, message: impl Into<String>) {
        let problem = (path.to_owned(), message.into());
        self.problems.borrow_mut().push(problem);
    }
}

/// A table with known keys.
pub(super) struct Table<'a> {
    context: &'a Context<'a>,
    path: String,
    entries: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub(super) fn root(context: &'a Context<'a>, entries: &'a DeTable<'a>) -> Self {
        Self {
            context,
            path: String::new(),
            entries,
            known: Vec::new(),
        }
    }

    /// The value of a key, if present.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.push(key);
        self.entry(key, key)
    }

    /// The value of a key or of its alias, with the path of the key. Both together are a problem.
    pub(super) fn get_either(
        &mut self,
        key: &'static str,
        alias: &'static str,
    ) -> Option<Value<'a>> {
        self.known.extend([key, alias]);
        let other = self.entry(alias, alias);
        let own = self.entry(key, key);
        if let (Some(other), Some(_)) = (&other, &own) {
            other.problem(format!(
                "`{alias}` is an alias of `{key}`, and both are given; remove one"
            ));
        }
        own.or_else(|| self.entry(alias, key))
    }

    /// As [`get`](Self::get), but a missing value is a problem.
    pub(super) fn require(
        &self,
        value: Option<Value<'a>>,
        key: &str,
        example: &str,
    ) -> Option<Value<'a>> {
        if value.is_none() {
            let message = format!("`{key}` is missing; add {key} = {example}");
            self.context.problem(&join(&self.path, key), message);
        }
        value
    }

    fn entry(&self, key: &str, named: &str) -> Option<Value<'a>> {
        let (found, value) = self.entries.get_key_value(key)?;
        let path = join(&self.path, named);
        let line = self.context.line(found.span().start);
        self.context.lines.borrow_mut().insert(path.clone(), line);
        Some(Value {
            context: self.context,
            path,
            value: value.get_ref(),
        })
    }

    /// All entries of a table with free keys.
    pub(super) fn members(self) -> Vec<(String, Value<'a>)> {
        let entry = |key: &str| Some((key.to_owned(), self.entry(key, key)?));
        self.entries
            .keys()
            .filter_map(|key| entry(key.get_ref()))
            .collect()
    }

    /// Reports unknown keys.
    pub(super) fn finish(self) {
        for key in self.entries.keys() {
            let key: &str = key.get_ref();
            if self.known.contains(&key) {
                continue;
            }
            // Records the line.
            let _ = self.entry(key, key);
            let near = self
                .known
                .iter()
                .map(|known| (distance(key, known), known))
                .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
                .min();
            let message = match near {
                Some((_, near)) => format!("unknown key `{key}`; did you mean `{near}`?"),
                None => format!("unknown key `{key}`; use one of {}", list(&self.known)),
            };
            self.context.problem(&join(&self.path, key), message);
        }
    }
}

/// A value and its location.
pub(super) struct Value<'a> {
    context: &'a Context<'a>,
    path: String,
    value: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    pub(super) fn problem(&self, message: impl Into<String>) {
        self.context.problem(&self.path, message);
    }

    /// The string, with variables expanded.
    pub(super) fn text(&self) -> Option<String> {
        let DeValue::String(text) = self.value else {
            return self.not("a string in quotes");
        };
        match expand(text, self.context.environment) {
            Ok(text) => Some(text),
            Err(problems) => {
                for problem in problems {
                    self.problem(problem);
                }
                None
            }
        }
    }

    /// A whole number that fits `T`.
    pub(super) fn number<T: TryFrom<i128>>(&self) -> Option<T> {
        let DeValue::Integer(digits) = self.value else {
            return self.not("a whole number");
        };
        let number = i128::from_str_radix(digits.as_str(), digits.radix()).ok();
        let number = number.and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            self.problem(format!("{digits} is too large or too small"));
        }
        number
    }

    /// True or false.
    pub(super) fn flag(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.not("true or false"),
        }
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    pub(super) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    pub(super) fn is_number(&self) -> bool {
        self.value.is_integer()
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(super) fn table(&self) -> Option<Table<'a>> {
        let DeValue::Table(entries) = self.value else {
            return self.not("a table");
        };
        Some(Table {
            context: self.context,
            path: self.path.clone(),
            entries,
            known: Vec::new(),
        })
    }

    /// The items of a list.
    pub(super) fn list(&self) -> Option<Vec<Value<'a>>> {
        let DeValue::Array(items) = self.value else {
            return self.not("a list in brackets");
        };
        let item = |(at, item): (usize, &'a toml::Spanned<DeValue<'a>>)| {
            let path = format!("{}[{at}]", self.path);
            let line = self.context.line(item.span().start);
            self.context.lines.borrow_mut().insert(path.clone(), line);
            Value {
                context: self.context,
                path,
                value: item.get_ref(),
            }
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    fn not<T>(&self, wanted: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.problem(format!("this is {found}; write {wanted}"));
        None
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

pub(super) fn list(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// The Levenshtein distance: the number of letters to insert, remove or replace.
pub(super) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, with) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *with);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    #[test]
    fn distances_are_levenshtein() {
        for (one, other, expected) in [
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("primary", "primary", 0),
            ("primry", "primary", 1),
            ("ab", "ba", 2),
        ] {
            assert_eq!(super::distance(one, other), expected);
        }
    }
}
