//! Prints the processes of a cluster.

use serde_json::json;
use shard_orm::catalog::Process;

use super::Output;
use super::table::{Align, Table};
use super::text::{duration, time};
use crate::Result;

/// Prints a table. JSON: `{"epoch": .., "processes": [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn list(output: &Output, processes: &[Process], newest: Option<u64>) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "epoch": newest, "processes": processes }));
    }
    let mut table = Table::new(&[
        ("name", Align::Left),
        ("host", Align::Left),
        ("pid", Align::Right),
        ("version", Align::Left),
        ("epoch", Align::Right),
        ("started", Align::Left),
        ("last report", Align::Right),
        ("", Align::Left),
    ]);
    for one in processes {
        let is_old = newest.is_some_and(|newest| one.epoch < newest);
        table.row([
            one.name.clone(),
            one.host.clone(),
            one.pid.to_string(),
            one.version.clone(),
            one.epoch.to_string(),
            time(one.started_at),
            format!("{} ago", duration(one.silent_for)),
            if is_old { "old epoch" } else { "" }.to_owned(),
        ]);
    }
    if table.is_empty() {
        return output.text("no process has reported\n");
    }
    output.text(&table.text())
}
