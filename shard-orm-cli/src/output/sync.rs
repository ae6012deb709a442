//! Prints the copies of static tables.

use serde_json::json;
use shard_orm::admin::CopyProgress;
use shard_orm::sync::Verified;

use super::Output;
use super::table::{Align, Table};
use super::text::duration;
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
