//! Collects the problems of a configuration while it is read and checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{ConfigError, Problem};
use crate::error::{Error, Result};

/// The source of a configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) file: Option<PathBuf>,
    /// The absolute folder against which relative paths are resolved.
    pub(crate) folder: Option<PathBuf>,
    /// The line of each part, by path.
    pub(crate) lines: Arc<BTreeMap<String, u32>>,
}

/// The problems found so far.
#[derive(Debug)]
pub(crate) struct Report {
    origin: Origin,
    problems: Vec<Problem>,
}

impl Report {
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            origin,
            problems: Vec::new(),
        }
    }

    /// Adds a problem of the part at `path`, with the line of that part or of its parent.
    pub(crate) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        let path = path.into();
        let line = self.line_of(&path);
        self.add_at(path, line, message);
    }

    /// Adds a problem for each duration of zero.
    pub(crate) fn check_durations(&mut self, path: &str, durations: &[(&str, Option<Duration>)]) {
        for (key, duration) in durations {
            if *duration == Some(Duration::ZERO) {
                self.add(
                    format!("{path}.{key}"),
                    "the duration is zero; use more than 0, or omit it for the default",
                );
            }
        }
    }

    /// Adds a problem at a known line.
    pub(super) fn add_at(
        &mut self,
        path: impl Into<String>,
        line: Option<u32>,
        message: impl Into<String>,
    ) {
        self.problems.push(Problem {
            path: path.into(),
            file: self.origin.file.clone(),
            line,
            message: message.into(),
        });
    }

    /// Adds the error of a constructor as a problem.
    pub(crate) fn add_error(&mut self, path: impl Into<String>, error: &Error) {
        self.add(path, error.message());
    }

    /// Whether that part, or a part of it, has a problem. Dependent checks are then skipped, so
    /// that one mistake is reported once.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.problems.iter().any(|problem| {
            problem
                .path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// The folder against which relative paths are resolved.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(super) fn set_lines(&mut self, lines: BTreeMap<String, u32>) {
        self.origin.lines = Arc::new(lines);
    }

    fn line_of(&self, path: &str) -> Option<u32> {
        let mut part = path;
        loop {
            if let Some(line) = self.origin.lines.get(part) {
                return Some(*line);
            }
            let end = part.rfind(['.', '['])?;
            part = &part[..end];
        }
    }

    /// Returns the value, or the problems if there are any.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T> {
        if let (Some(value), true) = (value, self.problems.is_empty()) {
            return Ok(value);
        }
        if self.problems.is_empty() {
            self.add("", "the configuration is incomplete");
        }
        self.problems.sort_by_key(|problem| problem.line);
        let all = ConfigError::new(self.problems);
        Err(Error::configuration(all.to_string()).with_source(all))
    }
}
