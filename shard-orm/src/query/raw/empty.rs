//! SQL without a statement, to which each database responds differently.
//!
//! Called before raw SQL is sent.

use crate::error::{Error, Result};

/// Rejects a text with nothing but comments: the end of its response cannot be distinguished from a
/// lost connection.
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
