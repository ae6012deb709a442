//! Prints the parts of an id.

use serde_json::{Value, json};
use shard_orm::admin::{IdDescription, UuidParts};

use super::text::ranges;
use super::{HEADING, Output};
use crate::Result;
use crate::commands::id::Kind;

/// Prints the parts of a number.
///
/// # Errors
/// If the output is closed.
pub fn print(output: &Output, id: &IdDescription, kind: Kind) -> Result<()> {
    if output.is_json() {
        return output.json(id);
    }
    let mut lines = vec![("id", id.id.to_string())];
    match kind {
        Kind::Snowflake => {
            let parts = &id.snowflake;
            lines.push(("kind", format!("snowflake, layout {}", id.layout)));
            lines.push(("time", time(&json!(parts))));
            lines.push(("worker", parts.worker.to_string()));
            lines.push(("sequence", parts.sequence.to_string()));
            lines.push(("shard bits", parts.shard_bits.to_string()));
            for group in &id.shards {
                lines.push((
                    "shards",
                    format!("{}/{}", group.group, ranges(&group.shards)),
                ));
            }
        }
        Kind::Nanosecond => {
            let parts = &id.nanosecond;
            lines.push(("kind", "nanosecond".to_owned()));
            lines.push(("time", time(&json!(parts))));
            lines.push(("key", format!("{} modulo 1024", parts.key)));
            lines.push(("random", parts.random.to_string()));
        }
    }
    output.text(&aligned(&lines))
}

/// Prints the parts of a UUID.
///
/// # Errors
/// If the output is closed.
pub fn print_uuid(output: &Output, id: UuidParts) -> Result<()> {
    if output.is_json() {
        return output.json(&id);
    }
    let mut lines = vec![("kind", format!("UUID of version {}", id.version))];
    if id.time.is_some() {
        lines.push(("time", time(&json!(id))));
    }
    output.text(&aligned(&lines))
}

/// The time as it is serialized.
fn time(parts: &Value) -> String {
    parts["time"].as_str().unwrap_or("-").to_owned()
}

fn aligned(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = lines
        .iter()
        .map(|(name, value)| format!("{HEADING}{name:width$}{HEADING:#}  {value}\n"));
    lines.collect()
}
