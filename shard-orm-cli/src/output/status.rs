//! Prints the state of a cluster.

use std::io::{self, IsTerminal as _};

use shard_orm::admin::{
    EndpointRole, EndpointState, GroupStatus, NamespaceState, NamespaceStatus, ServerStatus, Status,
};

use super::table::{Align, Table};
use super::text::{bytes, count, duration, estimated};
use super::{HEADING, Output};
use crate::Result;

/// The most characters of a strategy.
const STRATEGY: usize = 100;

/// Moves the cursor to the first line, and clears the screen below it.
const REDRAW: &str = "\u{1b}[H\u{1b}[J";

/// Prints tables of servers and namespaces. JSON: the fields of [`Status`]. If it is printed again and
/// again, it replaces the last one on a terminal, and JSON takes one line.
///
/// # Errors
/// If the output is closed.
pub fn print(output: &Output, status: &Status, is_repeated: bool) -> Result<()> {
    match (output.is_json(), is_repeated) {
        (true, false) => output.json(status),
        (true, true) => output.json_line(status),
        (false, false) => output.text(&text(status)),
        (false, true) => {
            if io::stdout().is_terminal() {
                output.bytes(REDRAW.as_bytes())?;
            }
            output.text(&text(status))
        }
    }
}

fn text(status: &Status) -> String {
    let mut text = format!(
        "{HEADING}cluster {}{HEADING:#}, epoch {}\n",
        status.cluster, status.epoch
    );
    for group in &status.groups {
        text.push_str(&format!(
            "\n{HEADING}group {}{HEADING:#}: {}, {}, strategy {}\n\n",
            group.name,
            group.dialect,
            shards(group),
            shortened(&group.strategy)
        ));
        text.push_str(&endpoints(group.servers.iter()));
        let mut table = namespaces();
        for one in &group.shards {
            let shard = one
                .shard
                .map_or_else(String::new, |shard| shard.to_string());
            row(&mut table, shard, one);
        }
        for one in &group.statics {
            row(&mut table, "static".to_owned(), one);
        }
        text.push('\n');
        text.push_str(&table.text());
        text.push_str(&total(&group.shards));
    }
    if !status.databases.is_empty() {
        text.push_str(&format!("\n{HEADING}named databases{HEADING:#}\n\n"));
        text.push_str(&endpoints(status.databases.iter().map(|one| &one.server)));
        let mut table = Table::new(&[
            ("database", Align::Left),
            ("namespace", Align::Left),
            ("tables", Align::Right),
            ("rows", Align::Right),
            ("size", Align::Right),
            ("", Align::Left),
        ]);
        for database in &status.databases {
            let name = [
                database.server.name.clone(),
                database.size.namespace.clone(),
            ];
            table.row(name.into_iter().chain(sizes(&database.size)));
        }
        text.push('\n');
        text.push_str(&table.text());
    }
    text
}

/// `7 logical shards, 5 of them in use`; unused ones have no namespace.
fn shards(group: &GroupStatus) -> String {
    let all = count(group.logical_shards, "logical shard");
    match u32::try_from(group.shards.len()) {
        Ok(used) if used < group.logical_shards => format!("{all}, {used} of them in use"),
        _ => all,
    }
}

/// A strategy with many ranges would fill the screen.
fn shortened(strategy: &str) -> String {
    match strategy.char_indices().nth(STRATEGY) {
        Some((end, _)) => format!("{} ..", &strategy[..end]),
        None => strategy.to_owned(),
    }
}

fn endpoints<'s>(servers: impl Iterator<Item = &'s ServerStatus>) -> String {
    let mut table = Table::new(&[
        ("server", Align::Left),
        ("role", Align::Left),
        ("version", Align::Left),
        ("lag", Align::Left),
        ("endpoint", Align::Left),
        ("", Align::Left),
    ]);
    for server in servers {
        for endpoint in &server.endpoints {
            table.row([
                server.name.clone(),
                role(endpoint).to_owned(),
                version(endpoint.version.as_deref()).to_owned(),
                lag(endpoint),
                endpoint.endpoint.clone(),
                endpoint.problem.clone().unwrap_or_default(),
            ]);
        }
    }
    table.text()
}

/// The role, with what the configuration expects if it is another one.
fn role(endpoint: &EndpointState) -> &'static str {
    match (endpoint.role, endpoint.configured_as_primary) {
        (None, _) => "no answer",
        (Some(EndpointRole::Primary), true) => "primary",
        (Some(EndpointRole::Primary), false) => "primary, configured as replica",
        (Some(EndpointRole::Replica), false) => "replica",
        (Some(EndpointRole::Replica), true) => "replica, configured as primary",
        _ => "read-only",
    }
}

/// The version without what a distribution adds to it.
fn version(version: Option<&str>) -> &str {
    let version = version.unwrap_or("-");
    version.split([' ', '+']).next().unwrap_or(version)
}

fn lag(endpoint: &EndpointState) -> String {
    let parts = [endpoint.lag.map(duration), endpoint.lag_bytes.map(bytes)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "-".to_owned()
    } else {
        parts.join(", ")
    }
}

fn namespaces() -> Table {
    Table::new(&[
        ("shard", Align::Right),
        ("server", Align::Left),
        ("namespace", Align::Left),
        ("tables", Align::Right),
        ("rows", Align::Right),
        ("size", Align::Right),
        ("", Align::Left),
    ])
}

fn row(table: &mut Table, shard: String, one: &NamespaceStatus) {
    let name = [shard, one.server.clone(), one.namespace.clone()];
    table.row(name.into_iter().chain(sizes(one)));
}

/// Tables, rows, size, and what is wrong.
fn sizes(one: &NamespaceStatus) -> [String; 4] {
    let note = match (one.state, &one.problem) {
        (NamespaceState::Missing, _) => "missing".to_owned(),
        (NamespaceState::Unknown, _) => "unknown".to_owned(),
        (_, Some(problem)) => problem.clone(),
        _ => String::new(),
    };
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    [
        estimated(number(one.tables), false),
        estimated(number(one.rows), one.rows_estimated),
        estimated(one.bytes.map(bytes), one.bytes_estimated),
        note,
    ]
}

/// The sums over all logical shards, as far as they are known.
fn total(shards: &[NamespaceStatus]) -> String {
    let present = shards.iter();
    let present = present.filter(|one| one.state == NamespaceState::Present);
    let rows: Option<u64> = present.clone().map(|one| one.rows).sum();
    let size: Option<u64> = present.clone().map(|one| one.bytes).sum();
    let is_estimate = shards.iter().any(|one| one.rows_estimated);
    let size_is_estimate = shards.iter().any(|one| one.bytes_estimated);
    let missing = shards.len() - present.count();
    let mut parts = vec![count(shards.len(), "shard")];
    if let Some(rows) = rows {
        let tilde = if is_estimate { "~" } else { "" };
        parts.push(format!("{tilde}{}", count(rows, "row")));
    }
    if let Some(size) = size {
        parts.push(estimated(Some(bytes(size)), size_is_estimate));
    }
    if missing > 0 {
        parts.push(format!("{missing} missing or unknown"));
    }
    format!("{}\n", parts.join(", "))
}
