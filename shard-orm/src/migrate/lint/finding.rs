//! One finding.

use std::fmt;

use super::LintRule;

/// A statement that is dangerous if its table is in use.
///
/// Shows itself as text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: LintRule,
    /// Whether the statement can stop the programs that use the table; others are worth a look.
    pub dangerous: bool,
    /// The file, below the folder of migrations.
    pub file: String,
    /// The line at which the statement begins, from 1.
    pub line: usize,
    /// The table, where the statement names it.
    pub table: Option<String>,
    /// What the statement does.
    pub message: String,
    /// The safe sequence.
    pub instead: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            file,
            line,
            message,
            instead,
            ..
        } = self;
        write!(f, "{file}:{line}: {rule}: {message}; instead: {instead}")
    }
}
