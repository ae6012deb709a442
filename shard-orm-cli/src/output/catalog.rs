//! Prints topologies of the catalog.

use serde_json::json;
use shard_orm::catalog::{Difference, Revision};

use super::Output;
use super::table::{Align, Table};
use super::text::time;
use crate::Result;

/// Prints a new epoch. JSON: `{"revision": {..}}`.
///
/// # Errors
/// If the output is closed.
pub fn changed(output: &Output, revision: &Revision) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "revision": revision }));
    }
    output.text(&format!("epoch {}: {}\n", revision.epoch, revision.comment))
}

/// Prints the document. JSON: `{"revision": {..}}`.
///
/// # Errors
/// If the output is closed.
pub fn revision(output: &Output, revision: &Revision) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "revision": revision }));
    }
    let Revision {
        epoch,
        changed_by,
        comment,
        document,
        ..
    } = revision;
    let at = time(revision.changed_at);
    output.text(&format!(
        "# epoch {epoch}, {at}, by {changed_by}: {comment}\n{document}"
    ))
}

/// Prints the epochs. JSON: `{"revisions": [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn history(output: &Output, revisions: &[Revision]) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "revisions": revisions }));
    }
    let mut table = Table::new(&[
        ("epoch", Align::Right),
        ("at", Align::Left),
        ("by", Align::Left),
        ("change", Align::Left),
    ]);
    for one in revisions {
        table.row([
            one.epoch.to_string(),
            time(one.changed_at),
            one.changed_by.clone(),
            one.comment.clone(),
        ]);
    }
    if table.is_empty() {
        return output.text("the catalog holds no topology\n");
    }
    output.text(&table.text())
}

/// Prints what differs. JSON: `{"differences": [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn difference(output: &Output, differences: &[Difference]) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "differences": differences }));
    }
    if differences.is_empty() {
        return output.text("no difference\n");
    }
    let lines: String = differences.iter().map(|one| format!("{one}\n")).collect();
    output.text(&lines)
}
