//! Prints the audit log.

use serde_json::json;
use shard_orm::catalog::Event;

use super::Output;
use super::table::{Align, Table};
use super::text::{time, visible};
use crate::Result;

/// Prints a table. JSON: `{"events": [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn list(output: &Output, events: &[Event]) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "events": events }));
    }
    let mut table = Table::new(&[
        ("event", Align::Right),
        ("at", Align::Left),
        ("by", Align::Left),
        ("epoch", Align::Right),
        ("kind", Align::Left),
        ("what", Align::Left),
    ]);
    for one in events {
        table.row([
            one.number.to_string(),
            time(one.at),
            one.actor.clone(),
            one.epoch.to_string(),
            one.kind.clone(),
            one.message.clone(),
        ]);
    }
    if table.is_empty() {
        return output.text("no event is recorded\n");
    }
    output.text(&table.text())
}

/// Prints one event on a line.
///
/// # Errors
/// If the output is closed.
pub fn line(output: &Output, event: &Event) -> Result<()> {
    if output.is_json() {
        return output.json_line(event);
    }
    let Event {
        number,
        actor,
        epoch,
        kind,
        message,
        ..
    } = event;
    let at = time(event.at);
    let text = format!("{number}  {at}  {actor}  epoch {epoch}  {kind}  {message}");
    output.text(&format!("{}\n", visible(&text)))
}
