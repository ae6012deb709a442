//! How results are printed: as tables for people, or as one JSON document.
//!
//! One file for each command's results. Colours are used on a terminal alone, and never with
//! `NO_COLOR`.

pub mod catalog;
pub mod check;
pub mod database;
pub mod drift;
pub mod events;
pub mod generate;
pub mod id;
pub mod init;
pub mod job;
pub mod lint;
pub mod migrate;
pub mod plan;
pub mod process;
pub mod progress;
pub mod route;
pub mod server;
pub mod setup;
pub mod sql;
pub mod stats;
pub mod status;
pub mod sync;
pub mod table;
pub mod text;
pub mod user;

use std::io::{self, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use serde::Serialize;
use serde_json::json;

use crate::Result;
use crate::exit::Failure;

/// The style of a heading.
pub const HEADING: Style = Style::new().bold();
/// The style of what is less important.
pub const DIM: Style = Style::new().dimmed();
/// The style of an error.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The style of a warning.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The style of a note, and of good news.
pub const NOTE: Style = AnsiColor::Green.on_default().bold();

/// Where results are printed, and in which form.
#[derive(Debug)]
pub struct Output {
    json: bool,
    color: anstream::ColorChoice,
}

impl Output {
    /// As the options say.
    #[must_use]
    pub fn new(json: bool, color: ColorChoice) -> Self {
        Self {
            json,
            color: match color {
                ColorChoice::Always => anstream::ColorChoice::Always,
                ColorChoice::Never => anstream::ColorChoice::Never,
                ColorChoice::Auto => anstream::ColorChoice::Auto,
            },
        }
    }

    /// Whether results are JSON.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Prints text for people.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn text(&self, text: &str) -> Result<()> {
        let mut stdout = AutoStream::new(io::stdout().lock(), self.color);
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        Ok(())
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn bytes(&self, bytes: &[u8]) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        stdout.flush()?;
        Ok(())
    }

    /// Prints a JSON document over several lines.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn json(&self, document: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_string_pretty(document).map_err(io::Error::from)?;
        text.push('\n');
        self.bytes(text.as_bytes())
    }

    /// Prints a JSON document on one line.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn json_line(&self, document: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_string(document).map_err(io::Error::from)?;
        text.push('\n');
        self.bytes(text.as_bytes())
    }

    /// Prints a message for people beside the results.
    ///
    /// # Errors
    /// If standard error is closed.
    pub fn message(&self, message: &str) -> Result<()> {
        let mut stderr = AutoStream::new(io::stderr().lock(), self.color);
        writeln!(stderr, "{message}")?;
        Ok(())
    }

    /// Prints why a command failed: to standard error, or as JSON to standard output.
    ///
    /// # Errors
    /// If the stream is closed.
    pub fn failure(&self, failure: &Failure) -> Result<()> {
        if !self.json {
            return self.message(&format!("{ERROR}error:{ERROR:#} {failure}"));
        }
        let error = match failure {
            Failure::Library(error) => json!(error),
            Failure::Usage(message) => json!({ "kind": "usage", "message": message }),
            Failure::Interrupted => json!({ "kind": "interrupted", "message": "interrupted" }),
            other => json!({ "kind": "io", "message": other.to_string() }),
        };
        self.json(&json!({ "error": error }))
    }
}
