//! The `[ids]` table of a configuration file.

use super::scalar::duration;
use super::table::{Table, Value};
use crate::config::{Ids, Worker};

/// Reads the table. Unreadable parts are reported and keep their defaults.
pub(super) fn ids(mut table: Table<'_>) -> Ids {
    let mut ids = Ids::new();
    if let Some(value) = table.get("worker") {
        worker(&value, &mut ids);
    }
    for (key, width) in [
        ("sequence_bits", &mut ids.sequence_bits),
        ("worker_bits", &mut ids.worker_bits),
        ("shard_bits", &mut ids.shard_bits),
    ] {
        if let Some(bits) = table.get(key).and_then(|value| value.number()) {
            *width = bits;
        }
    }
    ids.tables = table.get("tables").and_then(|value| value.text());
    if let Some(block) = table.get("block").and_then(|value| value.number()) {
        ids.block = block;
    }
    table.finish();
    ids
}

/// A number, a string with a number (from the environment), or a table with the lease's database.
fn worker(value: &Value<'_>, ids: &mut Ids) {
    if value.is_table() {
        let Some(mut table) = value.table() else {
            return;
        };
        let lease = table.get("lease");
        let lease = table.require(lease, "lease", "\"default\"");
        ids.worker = lease.and_then(|value| value.text()).map(Worker::Lease);
        if let Some(ttl) = table.get("ttl").and_then(|value| duration(&value)) {
            ids.lease_ttl = ttl;
        }
        table.finish();
        return;
    }
    let number = if value.is_number() {
        value.number()
    } else {
        value.text().and_then(|text| {
            let number = text.trim().parse().ok();
            if number.is_none() {
                // The value is not repeated: it may come from the environment.
                value.problem(
                    "not a worker number; write a whole number, \"${WORKER}\" with a number in the \
                     environment, or { lease = \"default\" }",
                );
            }
            number
        })
    };
    ids.worker = number.map(Worker::Number);
}
