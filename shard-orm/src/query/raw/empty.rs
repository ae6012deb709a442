//! SQL without a statement, which the databases answer each in their own way.
//!
//! Called before a text of the users' own is sent.

use crate::error::{Error, Result};

/// Refuses a text that holds comments alone: its answer has no end that could be told from one that
/// broke off.
pub(in crate::query) fn refuse_empty(text: &str) -> Result<()> {
    let mut rest = text;
    loop {
        rest = rest
            .trim_start_matches(|character: char| character.is_whitespace() || character == ';');
        let after = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n')
        } else if rest.starts_with("/*!") || rest.starts_with("/*M!") {
            // MySQL and MariaDB carry these out.
            return Ok(());
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/")
        } else if rest.is_empty() {
            None
        } else {
            return Ok(());
        };
        match after {
            Some((_, after)) => rest = after,
            None => return Err(Error::unsupported("the SQL holds no statement")),
        }
    }
}
