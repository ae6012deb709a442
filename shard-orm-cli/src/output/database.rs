//! Prints the named databases of a topology.

use serde_json::json;
use shard_orm::catalog::DatabaseEntry;

use super::Output;
use super::table::{Align, Table};
use crate::Result;

/// Prints a table. JSON: `{"databases": [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn list(output: &Output, databases: &[DatabaseEntry]) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "databases": databases }));
    }
    let mut table = Table::new(&[
        ("database", Align::Left),
        ("primary", Align::Left),
        ("replicas", Align::Right),
    ]);
    for one in databases {
        table.row([
            one.name.clone(),
            one.primary.clone(),
            one.replicas.len().to_string(),
        ]);
    }
    output.text(&table.text())
}
