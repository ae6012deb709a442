//! Prints plans, and those that are stored.

use std::time::Duration;

use serde_json::json;
use shard_orm::reshard::planner::{Action, Cost, Plan, ServerLoad};
use shard_orm::reshard::{Pace, PlanState, StoredPlan};

use super::Output;
use super::table::{Align, Table};
use super::text::{bytes, count, duration, time};
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
        let [group, shard, from, to, size] = columns(&step.action);
        let number = (number + 1).to_string();
        table.row([number, group, shard, from, to, size, step.why.to_string()]);
    }
    table.text()
}

/// Group, logical shard, servers and size of a step.
fn columns(action: &Action) -> [String; 5] {
    match action {
        Action::Activate { group, server } => [
            group.clone(),
            "activate".to_owned(),
            String::new(),
            server.clone(),
            String::new(),
        ],
        Action::Move {
            group,
            shard,
            from,
            to,
            bytes: size,
            ..
        } => [
            group.clone(),
            shard.to_string(),
            from.clone(),
            to.clone(),
            bytes(*size),
        ],
        Action::Split {
            group,
            shard,
            from,
            parts,
            bytes: size,
            ..
        } => {
            let mut servers: Vec<&str> = parts.iter().map(|part| &*part.server).collect();
            servers.sort_unstable();
            servers.dedup();
            [
                group.clone(),
                shard.to_string(),
                from.clone(),
                format!("{} parts on {}", parts.len(), servers.join(", ")),
                bytes(*size),
            ]
        }
        _ => Default::default(),
    }
}

/// Prints the stored plans. JSON: `{"plans": [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn list(output: &Output, plans: &[StoredPlan]) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "plans": plans }));
    }
    let mut table = Table::new(&[
        ("plan", Align::Right),
        ("by", Align::Left),
        ("at", Align::Left),
        ("state", Align::Left),
        ("done", Align::Right),
        ("runner", Align::Left),
    ]);
    for plan in plans {
        table.row([
            plan.id.to_string(),
            plan.created_by.clone(),
            time(plan.created_at),
            plan.state.to_string(),
            format!("{} of {}", plan.done(), plan.steps.len()),
            plan.owner.clone().unwrap_or_else(|| "none".to_owned()),
        ]);
    }
    if table.is_empty() {
        return output.text("there are no plans\n");
    }
    output.text(&table.text())
}

/// Prints a stored plan with its steps. JSON: its fields.
///
/// # Errors
/// If the output is closed.
pub fn stored(output: &Output, plan: &StoredPlan) -> Result<()> {
    if output.is_json() {
        return output.json(&json!(plan));
    }
    let mut text = format!(
        "{plan}, stored by {} at {}\n\
         state    {}, since {}\n\
         runner   {}\n\
         limits   {}\n",
        plan.created_by,
        time(plan.created_at),
        plan.state,
        time(plan.changed_at),
        plan.owner.as_deref().unwrap_or("none"),
        plan.limits.join(", "),
    );
    if !plan.message.is_empty() {
        text.push_str(&format!("problem  {}\n", plan.message));
    }
    if let Some(advice) = advice(plan) {
        text.push_str(&format!("next     {advice}\n"));
    }
    let mut table = Table::new(&[
        ("step", Align::Right),
        ("state", Align::Left),
        ("job", Align::Left),
        ("group", Align::Left),
        ("shard", Align::Right),
        ("from", Align::Left),
        ("to", Align::Left),
        ("size", Align::Right),
        ("why", Align::Left),
    ]);
    for step in &plan.steps {
        let [group, shard, from, to, size] = columns(&step.action);
        let job = match (step.job, step.job_state) {
            (Some(job), Some(state)) => format!("{job} {state}"),
            _ => "-".to_owned(),
        };
        table.row([
            step.number.to_string(),
            step.state.to_string(),
            job,
            group,
            shard,
            from,
            to,
            size,
            step.why.to_string(),
        ]);
    }
    text.push('\n');
    text.push_str(&table.text());
    output.text(&text)
}

/// What an operator can do with a stored plan.
fn advice(plan: &StoredPlan) -> Option<String> {
    let id = plan.id;
    match plan.state {
        state if state.is_over() => None,
        PlanState::Paused => Some(format!(
            "`shard-orm plan resume {id}` goes on, `shard-orm plan cancel {id}` gives it up"
        )),
        _ if plan.is_run() => Some(format!("`shard-orm plan pause {id}` lets it stand still")),
        _ => Some(format!(
            "`shard-orm plan run {id}` goes on, `shard-orm plan cancel {id}` gives it up"
        )),
    }
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
    let mut steps = Vec::new();
    for (number, what) in [(plan.splits(), "split"), (plan.moves(), "move")] {
        if number > 0 {
            steps.push(count(number, what));
        }
    }
    format!(
        "{} by {}: {} of at least {}\n",
        steps.join(" and "),
        plan.by,
        bytes(plan.bytes),
        bytes(plan.least_bytes)
    )
}
