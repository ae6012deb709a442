//! One finding of a check, and the report of all.

use std::fmt;

use super::budget::ConnectionBudget;
use crate::config::ConfigError;
use crate::error::Error;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Severity {
    /// Calls fail, or will.
    Error,
    /// Calls fail under load or after a change elsewhere.
    Warning,
    /// Worth knowing.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The check that found it, such as `endpoint_unreachable`; it does not change.
    pub check: &'static str,
    /// The place: a part of the configuration, a group, a server or an endpoint.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            severity,
            place,
            message,
            advice,
            ..
        } = self;
        write!(f, "{severity}: {place}: {message}; {advice}")
    }
}

/// The report of a check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CheckReport {
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
    /// The connections that each server needs, and accepts.
    pub budgets: Vec<ConnectionBudget>,
}

impl CheckReport {
    /// A report of these findings, as those of a configuration that could not be opened.
    #[must_use]
    pub fn of_findings(findings: Vec<Finding>) -> Self {
        Self {
            findings,
            budgets: Vec::new(),
        }
    }

    /// Adds findings of another check.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
        self.finish();
    }

    /// Whether nothing is wrong: notes do not count.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.severity == Severity::Note)
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        check: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.findings.push(Finding {
            severity,
            check,
            place: place.into(),
            message: message.into(),
            advice: advice.into(),
        });
    }

    /// Orders the findings.
    pub(super) fn finish(&mut self) {
        self.findings.sort_by_key(|finding| finding.severity);
    }
}

/// The findings of a configuration that could not be opened, one for each of its problems; empty for
/// an error of another kind.
///
/// ```
/// use shard_orm::admin::findings_of_configuration;
/// use shard_orm::config::Config;
///
/// let error = Config::from_toml("[groups.shop]\nlogical_shards = 0\n").unwrap_err();
/// let findings = findings_of_configuration(&error);
/// assert_eq!(findings[0].place, "line 2: groups.shop.logical_shards");
/// ```
#[must_use]
pub fn findings_of_configuration(error: &Error) -> Vec<Finding> {
    let source = std::error::Error::source(error);
    let finding = |place: String, message: &str| {
        // A problem says what is wrong, then what to do.
        let (message, advice) = message.split_once("; ").unwrap_or((message, "correct it"));
        Finding {
            severity: Severity::Error,
            check: "configuration",
            place,
            message: message.to_owned(),
            advice: advice.to_owned(),
        }
    };
    if let Some(all) = source.and_then(|source| source.downcast_ref::<ConfigError>()) {
        let problems = all.problems().iter();
        return problems
            .map(|problem| {
                let at = match (problem.file(), problem.line()) {
                    (Some(file), Some(line)) => format!("{}:{line}", file.display()),
                    (Some(file), None) => file.display().to_string(),
                    (None, Some(line)) => format!("line {line}"),
                    (None, None) => String::new(),
                };
                let parts = [&*at, problem.path()];
                let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                finding(parts.join(": "), problem.message())
            })
            .collect();
    }
    if error.kind() == crate::ErrorKind::Configuration {
        return vec![finding("configuration".to_owned(), error.message())];
    }
    Vec::new()
}
