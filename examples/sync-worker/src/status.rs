//! Prints the status of the copies as text or JSON.

use std::io::{IsTerminal as _, Write as _, stdout};

use shard_orm::sync::CopyStatus;

/// The output, with the last printed line.
#[derive(Debug)]
pub(crate) struct Screen {
    json: bool,
    /// Whether the line is overwritten in place.
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

    /// Prints the status. Outside of a terminal, text is printed only when it has changed.
    pub(crate) fn show(&mut self, copies: &[CopyStatus]) -> std::io::Result<()> {
        let line = if self.json {
            serde_json::to_string(copies)?
        } else {
            summary(copies)
        };
        if self.terminal {
            // Returns to the first column and clears the line.
            write!(stdout(), "\r\x1b[K{line}")?;
            return stdout().flush();
        }
        if self.json || line != self.last {
            writeln!(stdout(), "{line}")?;
        }
        self.last = line;
        Ok(())
    }

    /// Ends the line and prints a message, unless the output is JSON.
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

/// Summarizes all copies in one line.
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
