//! Prints the result of a setup.

use serde_json::json;
use shard_orm::setup::SetupReport;

use super::Output;
use super::text::count;
use crate::Result;

/// Prints the number of namespaces. JSON: `{"namespaces": 16}`.
///
/// # Errors
/// If the output is closed.
pub fn print(output: &Output, report: SetupReport) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "namespaces": report.namespaces }));
    }
    let namespaces = count(report.namespaces, "namespace");
    let verb = if report.namespaces == 1 { "is" } else { "are" };
    output.text(&format!("{namespaces} {verb} ready\n"))
}

/// Prints that a setup would not be refused. JSON: `{"ok": true}`.
///
/// # Errors
/// If the output is closed.
pub fn print_checked(output: &Output) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "ok": true }));
    }
    output.text("setup can run: no group contradicts its servers\n")
}
