//! Prints the servers of a topology.

use serde_json::json;
use shard_orm::catalog::ServerEntry;

use super::Output;
use super::table::{Align, Table};
use super::text::bytes;
use crate::Result;

/// Prints a table. JSON: `{"servers": [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn list(output: &Output, servers: &[ServerEntry]) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "servers": servers }));
    }
    let mut table = Table::new(&[
        ("group", Align::Left),
        ("server", Align::Left),
        ("state", Align::Left),
        ("weight", Align::Right),
        ("capacity", Align::Right),
        ("shards", Align::Left),
        ("primary", Align::Left),
        ("replicas", Align::Right),
    ]);
    for one in servers {
        table.row([
            one.group.clone(),
            one.name.clone(),
            one.state.clone(),
            one.weight
                .map_or_else(|| "-".to_owned(), |weight| weight.to_string()),
            one.capacity.map_or_else(|| "-".to_owned(), bytes),
            one.shards.join(", "),
            one.primary.clone(),
            one.replicas.len().to_string(),
        ]);
    }
    output.text(&table.text())
}
