//! Prints plans.

use std::time::Duration;

use serde_json::json;
use shard_orm::reshard::Pace;
use shard_orm::reshard::planner::{Action, Cost, Plan, ServerLoad};

use super::Output;
use super::table::{Align, Table};
use super::text::{bytes, count, duration};
use crate::Result;

/// Prints a plan: the steps, the servers before and after, and what is left. JSON: its fields.
///
/// # Errors
/// If the output is closed.
pub fn plan(output: &Output, plan: &Plan, pace: Pace) -> Result<()> {
    if output.is_json() {
        return output.json(&json!(plan));
    }
    let mut text = String::new();
    if !plan.is_empty() {
        text.push_str(&steps(plan));
        text.push('\n');
    }
    text.push_str(&servers(plan));
    text.push_str(&leftovers(plan));
    text.push('\n');
    text.push_str(&summary(plan));
    if let (Pace::RowsPerSecond(rate), 1..) = (pace, plan.rows) {
        let seconds = Duration::from_secs(plan.rows / rate.max(1));
        text.push_str(&format!(
            "the copies take {} at {rate} rows/s\n",
            duration(seconds)
        ));
    }
    if !plan.is_empty() {
        text.push_str("start it with --run\n");
    }
    output.text(&text)
}

/// Prints what a plan has done. JSON: its fields.
///
/// # Errors
/// If the output is closed.
pub fn carried_out(output: &Output, plan: &Plan) -> Result<()> {
    if output.is_json() {
        return output.json(&json!(plan));
    }
    let mut text = servers(plan);
    text.push_str(&leftovers(plan));
    output.text(&text)
}

fn steps(plan: &Plan) -> String {
    let mut table = Table::new(&[
        ("step", Align::Right),
        ("group", Align::Left),
        ("shard", Align::Right),
        ("from", Align::Left),
        ("to", Align::Left),
        ("size", Align::Right),
        ("why", Align::Left),
    ]);
    for (number, step) in plan.steps.iter().enumerate() {
        let (group, shard, from, to, size) = match &step.action {
            Action::Activate { group, server } => {
                (group, "activate".to_owned(), "", server, String::new())
            }
            Action::Move {
                group,
                shard,
                from,
                to,
                bytes: size,
                ..
            } => (group, shard.to_string(), &**from, to, bytes(*size)),
            _ => continue,
        };
        table.row([
            (number + 1).to_string(),
            group.clone(),
            shard,
            from.to_owned(),
            to.clone(),
            size,
            step.why.to_string(),
        ]);
    }
    table.text()
}

/// The servers before and after.
fn servers(plan: &Plan) -> String {
    let mut table = Table::new(&[
        ("group", Align::Left),
        ("server", Align::Left),
        ("state", Align::Left),
        ("shards", Align::Right),
        ("", Align::Right),
        ("bytes", Align::Right),
        ("", Align::Right),
        ("share", Align::Right),
        ("capacity", Align::Right),
    ]);
    for (before, after) in plan.before.iter().zip(&plan.after) {
        let changed = |value: &dyn Fn(&ServerLoad) -> String| {
            let (before, after) = (value(before), value(after));
            if before == after {
                String::new()
            } else {
                format!("-> {after}")
            }
        };
        let shards = |load: &ServerLoad| load.shards.to_string();
        let size = |load: &ServerLoad| bytes(load.bytes);
        table.row([
            after.group.clone(),
            after.name.clone(),
            after.state.to_string(),
            shards(before),
            changed(&shards),
            size(before),
            changed(&size),
            match plan.by {
                Cost::Bytes => bytes(after.share),
                by => format!("{} {by}", after.share),
            },
            after.capacity.map_or_else(|| "-".to_owned(), bytes),
        ]);
    }
    table.text()
}

fn leftovers(plan: &Plan) -> String {
    let lines = plan.leftovers.iter();
    lines.map(|left| format!("note: {left}\n")).collect()
}

fn summary(plan: &Plan) -> String {
    if plan.is_empty() {
        return "nothing is to be moved\n".to_owned();
    }
    format!(
        "{} by {}: {} of at least {}\n",
        count(plan.moves(), "move"),
        plan.by,
        bytes(plan.bytes),
        bytes(plan.least_bytes)
    )
}
