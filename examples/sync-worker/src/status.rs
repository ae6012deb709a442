//! How the copies stand, for a person or for a program.

use std::io::{IsTerminal as _, Write as _, stdout};

use shard_orm::sync::CopyStatus;

/// What was said last, and how.
#[derive(Debug)]
pub(crate) struct Screen {
    json: bool,
    /// One line, which is written over.
    terminal: bool,
    last: String,
}

impl Screen {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            terminal: !json && stdout().is_terminal(),
            last: String::new(),
        }
    }

    /// Says how the copies stand. Where lines stay, as in a log, it is said when it has changed.
    pub(crate) fn show(&mut self, copies: &[CopyStatus]) -> std::io::Result<()> {
        let line = if self.json {
            serde_json::to_string(copies)?
        } else {
            summary(copies)
        };
        if self.terminal {
            // Back to the first column, and nothing left of a longer line.
            write!(stdout(), "\r\x1b[K{line}")?;
            return stdout().flush();
        }
        if self.json || line != self.last {
            writeln!(stdout(), "{line}")?;
        }
        self.last = line;
        Ok(())
    }

    /// Ends the line, with a word for a person.
    pub(crate) fn end(&mut self, word: &str) -> std::io::Result<()> {
        if self.json {
            return Ok(());
        }
        if self.terminal {
            writeln!(stdout())?;
        }
        writeln!(stdout(), "{word}")
    }
}

/// One line of all copies.
fn summary(copies: &[CopyStatus]) -> String {
    let held = copies.iter().filter(|copy| copy.held).count();
    let written: u64 = copies.iter().map(|copy| copy.rows.written()).sum();
    let mut line = format!(
        "{held} of {} copies held, {written} rows written",
        copies.len()
    );
    if let Some((copy, problem)) = copies
        .iter()
        .find_map(|copy| Some((&copy.copy, copy.problem.as_ref()?)))
    {
        line.push_str(&format!("; {copy}: {problem}"));
    }
    line
}
