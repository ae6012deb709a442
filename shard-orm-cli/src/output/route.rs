//! Prints the locations of keys.

use serde_json::json;

use super::table::{Align, Table};
use super::{ERROR, Output};
use crate::Result;
use crate::commands::route::Routed;

/// Prints a table, and the errors after it. JSON: `{"routes": [..], "errors": [{"key", "error"}]}`.
///
/// # Errors
/// If the output is closed.
pub fn print(output: &Output, routed: &[Routed]) -> Result<()> {
    let found = routed.iter().filter_map(|one| one.result.as_ref().ok());
    let errors = routed
        .iter()
        .filter_map(|one| Some((&one.key, one.result.as_ref().err()?)));
    if output.is_json() {
        let found: Vec<_> = found.collect();
        let errors: Vec<_> = errors
            .map(|(key, error)| json!({ "key": key, "error": error }))
            .collect();
        return output.json(&json!({ "routes": found, "errors": errors }));
    }
    let mut table = Table::new(&[
        ("key", Align::Right),
        ("shard", Align::Right),
        ("server", Align::Left),
        ("namespace", Align::Left),
        ("", Align::Left),
    ]);
    for one in found {
        table.row([
            one.key.to_string(),
            format!("{}/{}", one.group, one.shard),
            one.server.clone(),
            one.namespace.clone(),
            if one.pinned { "pinned" } else { "" }.to_owned(),
        ]);
    }
    if !table.is_empty() {
        output.text(&table.text())?;
    }
    for (_, error) in errors {
        output.message(&format!("{ERROR}error:{ERROR:#} {error}"))?;
    }
    Ok(())
}
