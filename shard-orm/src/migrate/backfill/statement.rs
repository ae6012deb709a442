//! The statement of a backfill: the text around the condition for one batch.

use sea_query::{Condition, Value};

use super::Head;
use crate::backend::placeholder::{around, condition};
use crate::backend::script::ScriptStatement;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::migrate::checksum::Checksum;
use crate::migrate::effect::is_dml;

/// Stands for the condition on the key.
const RANGE: &str = "{range}";

/// The statement of a backfill.
#[derive(Debug, Clone)]
pub(in crate::migrate) struct Backfill {
    pub(in crate::migrate) path: String,
    pub(in crate::migrate) head: Head,
    /// The line of the statement, from 1.
    pub(in crate::migrate) line: usize,
    /// The checksum of the statement.
    pub(in crate::migrate) checksum: Checksum,
    dialect: Dialect,
    before: String,
    after: String,
}

impl Backfill {
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) with file and line, unless the file holds one
    /// statement that changes rows, with one placeholder.
    pub(in crate::migrate) fn new(
        dialect: Dialect,
        path: &str,
        head: &Head,
        statements: &[ScriptStatement],
    ) -> Result<Self> {
        let wrong = |line: usize, what: String| {
            Error::configuration(format!("migration file `{path}`, line {line}: {what}"))
        };
        let [statement] = statements else {
            let line = statements.get(1).map_or(head.line, |second| second.line);
            return Err(wrong(
                line,
                format!(
                    "a backfill has one statement, and this file has {}; put each into a file of its \
                     own",
                    statements.len()
                ),
            ));
        };
        let line = statement.line;
        if !is_dml(&statement.tokens) {
            return Err(wrong(
                line,
                "the statement of a backfill changes rows: an UPDATE, INSERT or DELETE; put others into \
                 files without `-- backfill:`"
                    .to_owned(),
            ));
        }
        let [before, after] = around(dialect, &statement.text, RANGE)[..] else {
            return Err(wrong(
                line,
                "the statement of a backfill contains the placeholder `{range}` once, which stands for \
                 the condition on the key; write `.. WHERE {range}`"
                    .to_owned(),
            ));
        };
        Ok(Self {
            path: path.to_owned(),
            head: head.clone(),
            line,
            checksum: Checksum::of(&statement.text),
            dialect,
            before: before.to_owned(),
            after: after.to_owned(),
        })
    }

    /// The statement for the rows that a condition selects, and its values.
    pub(in crate::migrate) fn sql(&self, rows: Condition) -> (String, Vec<Value>) {
        let (text, values) = condition(self.dialect, rows);
        (format!("{}{text}{}", self.before, self.after), values)
    }

    /// An error about the first line of the file.
    pub(in crate::migrate) fn wrong_head(&self, what: &str) -> Error {
        let (path, line) = (&self.path, self.head.line);
        Error::configuration(format!("migration file `{path}`, line {line}: {what}"))
    }
}
