//! The result of a generation.

use std::fmt;

use super::base::{Changes, TableChange};
use super::text;
use crate::dialect::Dialect;
use crate::migrate::Target;
use crate::schema::Change;

/// The migrations that were written, and what is left to their author; returned by
/// [`Generate::run`](super::Generate::run).
///
/// Shows itself as text for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Generated {
    /// The files.
    pub files: Vec<GeneratedFile>,
    /// The deviations for which there is no safe statement.
    pub to_do: Vec<ToDo>,
}

/// One file that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct GeneratedFile {
    /// The path below the folder of migrations, or of models.
    pub path: String,
    /// The text.
    pub text: String,
}

/// A deviation that the author of the migrations has to mend, or accept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToDo {
    /// The group or database.
    pub target: Target,
    /// The table.
    pub table: String,
    /// The deviation, and what to do.
    pub change: Change,
}

impl Generated {
    /// Whether the models have what the folder and the tables have.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.to_do.is_empty()
    }

    pub(super) fn add(
        &mut self,
        target: &Target,
        next_version: i64,
        name: Option<&str>,
        changes: Changes,
    ) {
        let name = name.map_or_else(|| text::name_of(&changes), str::to_owned);
        let version = text::version_now().max(next_version);
        let extensions: Vec<(Dialect, String)> = match changes.backends.as_slice() {
            [] => vec![(changes.dialect, "sql".to_owned())],
            backends => {
                let suffix = |dialect: &Dialect| format!("{}.sql", dialect.feature());
                backends.iter().map(|one| (*one, suffix(one))).collect()
            }
        };
        let texts = |separate: bool| -> Vec<(String, Option<String>)> {
            let of = |(dialect, extension): &(Dialect, String)| {
                (extension.clone(), text::file(&changes, *dialect, separate))
            };
            extensions.iter().map(of).collect()
        };
        let (together, separate) = (texts(false), texts(true));
        let mut version = version;
        for (texts, suffix) in [(together, ""), (separate, "_online")] {
            if texts.iter().all(|(_, text)| text.is_none()) {
                continue;
            }
            for (extension, text) in texts {
                let folder = target.folder();
                self.files.push(GeneratedFile {
                    path: format!("{folder}/{version}_{name}{suffix}.{extension}"),
                    // Each version has a file for each database.
                    text: text.unwrap_or_else(|| text::NOTHING.to_owned()),
                });
            }
            version += 1;
        }
        for TableChange { table, manual, .. } in changes.tables {
            self.to_do.extend(manual.into_iter().map(|change| ToDo {
                target: target.clone(),
                table: table.clone(),
                change,
            }));
        }
    }
}

impl fmt::Display for ToDo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "table `{}` of {}: {}",
            self.table, self.target, self.change
        )
    }
}

impl fmt::Display for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no difference between the models and the tables");
        }
        let files = self.files.iter().map(|file| file.path.clone());
        let mut lines: Vec<String> = files.collect();
        if !self.to_do.is_empty() {
            lines.push("left to you:".to_owned());
            lines.extend(self.to_do.iter().map(|one| format!("- {one}")));
        }
        f.write_str(&lines.join("\n"))
    }
}
