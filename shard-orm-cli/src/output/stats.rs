//! Prints the statistics of the fleet.

use std::cmp::Reverse;
use std::time::Duration;

use serde_json::json;
use shard_orm::statistics::{
    Anomaly, FleetProcess, FleetStatistics, Published, ServerStatistics, ShardStatistics,
    StatementStatistics, Window, Windows,
};

use super::table::{Align, Table};
use super::text::{count, duration, visible};
use super::{HEADING, Output, WARNING};
use crate::Result;

/// The letters of a statement that are printed.
const STATEMENT: usize = 70;

/// What is printed of statistics.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// The window: 1, 5 or 15 minutes.
    pub minutes: u32,
    /// How many logical shards and statements.
    pub limit: usize,
}

impl Shown {
    fn window(self, windows: &Windows) -> &Window {
        match self.minutes {
            1 => &windows.one,
            15 => &windows.fifteen,
            _ => &windows.five,
        }
    }
}

/// Prints tables. JSON: `{"processes": [..], "statistics": {..}, "anomalies": [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn show(
    output: &Output,
    fleet: &FleetStatistics,
    anomalies: &[Anomaly],
    shown: Shown,
) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({
            "processes": fleet.processes,
            "statistics": fleet.statistics,
            "anomalies": anomalies,
        }));
    }
    let all = &fleet.statistics;
    let mut text = processes(&fleet.processes);
    if fleet.counted().next().is_some() {
        let minutes = format!("last {} min", shown.minutes);
        text.push_str(&heading(&format!("Servers, {minutes}")));
        text.push_str(&servers(&all.servers, shown));
        text.push_str(&heading(&format!(
            "Logical shards with the most time, {minutes}"
        )));
        text.push_str(&shards(&all.shards, shown));
        text.push_str(&heading("Statements with the most time, estimated"));
        text.push_str(&statements(&all.statements, shown.limit));
    }
    text.push_str(&heading("Anomalies"));
    for anomaly in anomalies {
        text.push_str(&format!(
            "{WARNING}{}{WARNING:#} {}: {}\n    {}\n",
            anomaly.rule,
            visible(&anomaly.subject.to_string()),
            visible(&anomaly.message),
            visible(&anomaly.advice()),
        ));
    }
    if anomalies.is_empty() {
        text.push_str("none\n");
    }
    output.text(&text)
}

fn heading(text: &str) -> String {
    format!("\n{HEADING}{text}{HEADING:#}\n")
}

fn processes(processes: &[FleetProcess]) -> String {
    let mut table = Table::new(&[
        ("name", Align::Left),
        ("host", Align::Left),
        ("pid", Align::Right),
        ("age", Align::Right),
        ("", Align::Left),
    ]);
    for one in processes {
        let published = match one.published {
            Published::Counted => left_out(one),
            Published::Nothing => "has published nothing".to_owned(),
            Published::Old => "not counted: too old".to_owned(),
            _ => "not counted: of another version".to_owned(),
        };
        table.row([
            one.name.clone(),
            one.host.clone(),
            one.pid.to_string(),
            one.age.map_or_else(|| "-".to_owned(), duration),
            published,
        ]);
    }
    if table.is_empty() {
        return "no process has reported within the last minute\n".to_owned();
    }
    table.text()
}

/// Which of its figures a process had to leave out.
fn left_out(process: &FleetProcess) -> String {
    let parts = [
        (process.servers_left_out, "server"),
        (process.shards_left_out, "logical shard"),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts.map(|(number, noun)| count(number, noun)).collect();
    match &*parts {
        [] => String::new(),
        parts => format!("without {}", parts.join(" and ")),
    }
}

fn servers(servers: &[ServerStatistics], shown: Shown) -> String {
    let mut table = Table::new(&[
        ("group", Align::Left),
        ("server", Align::Left),
        ("role", Align::Left),
        ("calls/s", Align::Right),
        ("errors", Align::Right),
        ("rows/s", Align::Right),
        ("p50", Align::Right),
        ("p99", Align::Right),
        ("connections", Align::Right),
    ]);
    for one in servers {
        let window = shown.window(&one.windows);
        let pools = one.pools.iter();
        let (in_use, max) = pools.fold((0, 0), |sum, pool| (sum.0 + pool.in_use, sum.1 + pool.max));
        table.row([
            one.group.clone(),
            one.server.clone(),
            one.role.to_owned(),
            format!("{:.1}", window.calls_per_second()),
            window.errors.to_string(),
            format!("{:.1}", window.rows_per_second()),
            of_calls(window.p50),
            of_calls(window.p99),
            format!("{in_use} of {max}"),
        ]);
    }
    table.text()
}

fn shards(shards: &[ShardStatistics], shown: Shown) -> String {
    let mut table = Table::new(&[
        ("group", Align::Left),
        ("shard", Align::Right),
        ("server", Align::Left),
        ("calls/s", Align::Right),
        ("errors", Align::Right),
        ("rows/s", Align::Right),
        ("mean", Align::Right),
        ("time", Align::Right),
    ]);
    let with_calls = shards.iter();
    let with_calls = with_calls.filter(|one| shown.window(&one.windows).calls > 0);
    let mut by_time: Vec<&ShardStatistics> = with_calls.collect();
    by_time.sort_by_key(|one| Reverse(shown.window(&one.windows).busy));
    for one in by_time.into_iter().take(shown.limit) {
        let window = shown.window(&one.windows);
        table.row([
            one.group.clone(),
            one.shard.to_string(),
            one.server.clone(),
            format!("{:.1}", window.calls_per_second()),
            window.errors.to_string(),
            format!("{:.1}", window.rows_per_second()),
            of_calls(window.mean()),
            of_calls(Some(window.busy)),
        ]);
    }
    if table.is_empty() {
        return "no calls\n".to_owned();
    }
    table.text()
}

fn statements(statements: &[StatementStatistics], limit: usize) -> String {
    let mut table = Table::new(&[
        ("group", Align::Left),
        ("calls", Align::Right),
        ("time", Align::Right),
        ("longest", Align::Right),
        ("slow", Align::Right),
        ("statement", Align::Left),
    ]);
    for one in statements.iter().take(limit) {
        let mut text: String = one.fingerprint.chars().take(STATEMENT).collect();
        if text.len() < one.fingerprint.len() {
            text.push_str("..");
        }
        table.row([
            one.group.clone(),
            format!("~{}", one.calls),
            format!("~{}", duration(one.busy)),
            of_calls(Some(one.longest)),
            one.slow.to_string(),
            text,
        ]);
    }
    if table.is_empty() {
        return "no statements\n".to_owned();
    }
    table.text()
}

/// The time in calls, of which there may be none.
fn of_calls(known: Option<Duration>) -> String {
    match known {
        None => "-".to_owned(),
        Some(time) if time < Duration::from_secs(1) => {
            format!("{:.2} ms", time.as_secs_f64() * 1e3)
        }
        Some(time) => duration(time),
    }
}
