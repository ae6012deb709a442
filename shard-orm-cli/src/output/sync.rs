//! Prints the copies of static tables.

use serde_json::json;
use shard_orm::admin::{CopiesSynced, CopyProgress, RefusedTable};
use shard_orm::sync::{CopyStatus, Verified};

use super::table::{Align, Table};
use super::text::duration;
use super::{Output, WARNING};
use crate::Result;

/// Prints a table of copies. JSON: `{"copies": [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn print_status(output: &Output, copies: &[CopyProgress]) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "copies": copies }));
    }
    if copies.is_empty() {
        return output.text("no copies of static tables\n");
    }
    let mut table = Table::new(&[
        ("table", Align::Left),
        ("copy", Align::Left),
        ("mode", Align::Left),
        ("hooks", Align::Left),
        ("caught up", Align::Left),
        ("changed", Align::Right),
        ("blocked", Align::Right),
        ("", Align::Left),
    ]);
    for copy in copies {
        let ago = copy.caught_up_ago.map(duration);
        table.row([
            copy.table.clone(),
            format!("{}/{}", copy.group, copy.server),
            copy.mode.clone(),
            match copy.hooks {
                Some(true) => "yes",
                Some(false) => "no",
                None => "not recorded",
            }
            .to_owned(),
            ago.map_or_else(|| "never".to_owned(), |ago| format!("{ago} ago")),
            copy.rows_changed.to_string(),
            copy.blocked.to_string(),
            copy.problem.clone().unwrap_or_default(),
        ]);
    }
    output.text(&table.text())
}

/// Prints a table of comparisons. JSON: `{"copies": [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn print_verified(output: &Output, verified: &[Verified]) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "copies": verified }));
    }
    if verified.is_empty() {
        return output.text("no copies of static tables\n");
    }
    let mut table = Table::new(&[
        ("table", Align::Left),
        ("copy", Align::Left),
        ("missing", Align::Right),
        ("extra", Align::Right),
        ("different", Align::Right),
        ("", Align::Left),
    ]);
    for one in verified {
        let copy = format!("{}/{}", one.copy.group, one.copy.server);
        let cells = match &one.result {
            Ok(found) => [
                found.missing.to_string(),
                found.extra.to_string(),
                found.different.to_string(),
                if found.is_equal() { "equal" } else { "" }.to_owned(),
            ],
            Err(error) => ["-", "-", "-", &error.to_string()].map(str::to_owned),
        };
        table.row([one.copy.table.clone(), copy].into_iter().chain(cells));
    }
    output.text(&table.text())
}

/// Prints a table of the copies that were brought up to date, and to standard error the tables that were
/// refused. JSON: `{"copies": [..], "refused": [..], "interrupted": [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn print_synced(output: &Output, synced: &CopiesSynced) -> Result<()> {
    if output.is_json() {
        return output.json(&json!(synced));
    }
    let mut table = Table::new(&[
        ("table", Align::Left),
        ("copy", Align::Left),
        ("inserted", Align::Right),
        ("updated", Align::Right),
        ("deleted", Align::Right),
        ("blocked", Align::Right),
        ("", Align::Left),
    ]);
    for one in &synced.copies {
        let copy = format!("{}/{}", one.copy.group, one.copy.server);
        let cells = match &one.result {
            Ok(Some(rows)) => [
                rows.inserted.to_string(),
                rows.updated.to_string(),
                rows.deleted.to_string(),
                rows.blocked.to_string(),
                "level".to_owned(),
            ],
            Ok(None) => [
                "-",
                "-",
                "-",
                "-",
                "left to the process that holds its lock",
            ]
            .map(str::to_owned),
            Err(error) => ["-", "-", "-", "-", &error.to_string()].map(str::to_owned),
        };
        table.row([one.copy.table.clone(), copy].into_iter().chain(cells));
    }
    for copy in &synced.interrupted {
        let place = format!("{}/{}", copy.group, copy.server);
        let cells = ["-", "-", "-", "-", "interrupted"].map(str::to_owned);
        table.row([copy.table.clone(), place].into_iter().chain(cells));
    }
    if !table.is_empty() {
        output.text(&table.text())?;
    } else if synced.refused.is_empty() {
        output.text("no copies of static tables\n")?;
    }
    print_refused(output, &synced.refused)?;
    let level = synced.copies.iter();
    let level = level
        .filter(|one| matches!(one.result, Ok(Some(_))))
        .count();
    let of = synced.copies.len() + synced.interrupted.len();
    if level == of {
        return Ok(());
    }
    output.message(&format!("{level} of {of} copies are level"))
}

/// Prints the tables that were refused, with the reason and what to do, to standard error.
///
/// # Errors
/// If the output is closed.
pub fn print_refused(output: &Output, refused: &[RefusedTable]) -> Result<()> {
    for one in refused {
        output.message(&format!(
            "{WARNING}refused:{WARNING:#} {}; {}",
            one.message, one.advice
        ))?;
    }
    Ok(())
}

/// The state of a copy in words.
#[must_use]
pub fn state(copy: &CopyStatus) -> String {
    match &copy.problem {
        Some(problem) => format!("failed: {problem}"),
        None if copy.held && copy.last_run.is_some() => "level".to_owned(),
        None if copy.held => "starting".to_owned(),
        None => "waiting".to_owned(),
    }
}

/// Prints a line about a copy whose state has changed. JSON: the fields of its status.
///
/// # Errors
/// If the output is closed.
pub fn print_state(output: &Output, copy: &CopyStatus, state: &str) -> Result<()> {
    if output.is_json() {
        return output.json_line(copy);
    }
    let place = format!("{}/{}", copy.copy.group, copy.copy.server);
    output.text(&format!("{} on {place}: {state}\n", copy.copy.table))
}
