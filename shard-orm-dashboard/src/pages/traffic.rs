//! The page of traffic: the calls of all processes, by group over time, by server and by statement, or those of the
//! process that serves the page.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shard_orm::statistics::{
    FleetProcess, Published, ServerStatistics, Statistics, Window, Windows,
};

use super::charts::GroupCharts;
use super::{Frame, Source, html};
use crate::App;
use crate::calls::Calls;
use crate::text;
use crate::watch::Watch;

/// The most statements on the page.
const STATEMENTS: usize = 25;
/// The length of the longest bar, in the units of the drawing.
const BAR: f64 = 100.0;

/// The parameters.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    minutes: Option<String>,
}

/// A process, and whether its calls are counted.
#[derive(Debug)]
struct ProcessRow {
    name: String,
    host: String,
    pid: u32,
    age: String,
    counted: String,
    is_counted: bool,
}

/// The calls to a server in one role.
#[derive(Debug)]
struct ServerRow {
    group: String,
    server: String,
    role: &'static str,
    calls: String,
    /// The length of the bar for the calls: of `BAR` for the most.
    bar: String,
    errors: String,
    has_errors: bool,
    p50: String,
    p99: String,
    rows: String,
}

/// What has happened on a server apart from its calls.
#[derive(Debug)]
struct IncidentRow {
    group: String,
    server: String,
    retries: String,
    lost: String,
    unknown: String,
    cancelled: String,
    roles: String,
    waits: String,
}

/// The calls with one fingerprint.
#[derive(Debug)]
struct StatementRow {
    group: String,
    verb: String,
    fingerprint: String,
    calls: String,
    busy: String,
    slow: String,
    longest: String,
    /// The server and logical shard of the longest call.
    longest_at: String,
}

#[derive(Debug, Template)]
#[template(path = "traffic.html")]
struct TrafficPage {
    frame: Frame,
    is_command: bool,
    is_of_fleet: bool,
    fleet: Source,
    processes: Vec<ProcessRow>,
    /// How long the process has measured.
    over: String,
    charts: Vec<GroupCharts>,
    minutes: u32,
    choices: [u32; 3],
    servers: Vec<ServerRow>,
    incidents: Vec<IncidentRow>,
    statements: Vec<StatementRow>,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Query(parameters): Query<Parameters>,
) -> Response {
    let minutes = match parameters.minutes.as_deref() {
        Some("1") => 1,
        Some("15") => 15,
        _ => 5,
    };
    let courses = Watch::look(&app).await;
    let fleet = app.readings.fleet.get().await;
    let calls = Calls::new(&app.readings.cluster, &fleet);
    let statistics = &calls.statistics;
    let processes = fleet.value.iter().flat_map(|fleet| &fleet.processes);
    let page = TrafficPage {
        frame: Frame::new(&app, "Traffic", "/traffic"),
        is_command: app.options.is_command,
        is_of_fleet: calls.are_of_fleet,
        processes: processes.map(ProcessRow::from).collect(),
        fleet: Source::from(&fleet),
        over: text::duration(statistics.over),
        charts: courses.iter().map(GroupCharts::from).collect(),
        minutes,
        choices: [1, 5, 15],
        servers: servers(&statistics.servers, minutes),
        incidents: incidents(statistics),
        statements: statements(statistics),
    };
    html(StatusCode::OK, &page)
}

impl From<&FleetProcess> for ProcessRow {
    fn from(process: &FleetProcess) -> Self {
        let left_out = process.servers_left_out + process.shards_left_out;
        Self {
            name: process.name.clone(),
            host: process.host.clone(),
            pid: process.pid,
            age: process.age.map_or_else(String::new, text::duration),
            counted: match process.published {
                Published::Counted if left_out > 0 => format!(
                    "yes, without {} of its servers and {} of its logical shards",
                    process.servers_left_out, process.shards_left_out
                ),
                Published::Counted => "yes".to_owned(),
                Published::Nothing => {
                    "no: it has published nothing, and may be built without `metrics`".to_owned()
                }
                Published::Old => "no: its figures are too old".to_owned(),
                _ => "no: it has another version of the library".to_owned(),
            },
            is_counted: process.published == Published::Counted,
        }
    }
}

fn window(windows: &Windows, minutes: u32) -> &Window {
    match minutes {
        1 => &windows.one,
        15 => &windows.fifteen,
        _ => &windows.five,
    }
}

fn servers(servers: &[ServerStatistics], minutes: u32) -> Vec<ServerRow> {
    let rate = |one: &ServerStatistics| window(&one.windows, minutes).calls_per_second();
    let most = servers.iter().map(rate).fold(0.0, f64::max);
    let row = |one: &ServerStatistics| {
        let window = window(&one.windows, minutes);
        let share = if most > 0.0 { rate(one) / most } else { 0.0 };
        ServerRow {
            group: one.group.clone(),
            server: one.server.clone(),
            role: one.role,
            calls: format!("{:.1}/s", window.calls_per_second()),
            bar: format!("{:.1}", share * BAR),
            errors: text::number(window.errors),
            has_errors: window.errors > 0,
            p50: duration(window.p50),
            p99: duration(window.p99),
            rows: format!("{:.1}/s", window.rows_per_second()),
        }
    };
    servers.iter().map(row).collect()
}

/// A duration of calls, of which there may be none.
fn duration(known: Option<Duration>) -> String {
    known.map_or_else(|| "no calls".to_owned(), text::duration)
}

fn incidents(statistics: &Statistics) -> Vec<IncidentRow> {
    let row = |one: &shard_orm::statistics::Incidents| IncidentRow {
        group: one.group.clone(),
        server: one.server.clone(),
        retries: text::number(one.retries),
        lost: text::number(one.lost_connections),
        unknown: text::number(one.unknown_outcomes),
        cancelled: text::number(one.cancelled),
        roles: text::number(one.role_changes),
        waits: match one.wait_p99 {
            Some(p99) => format!("{}, p99 {}", text::number(one.waits), text::duration(p99)),
            None => text::number(one.waits),
        },
    };
    statistics.incidents.iter().map(row).collect()
}

/// Those with the longest call first.
fn statements(statistics: &Statistics) -> Vec<StatementRow> {
    let mut statements: Vec<_> = statistics.statements.iter().collect();
    statements.sort_by_key(|one| std::cmp::Reverse((one.longest, one.busy)));
    statements.truncate(STATEMENTS);
    let row = |one: &shard_orm::statistics::StatementStatistics| StatementRow {
        group: one.group.clone(),
        verb: one.verb.clone(),
        fingerprint: one.fingerprint.clone(),
        calls: format!("about {}", text::number(one.calls)),
        busy: format!("about {}", text::duration(one.busy)),
        slow: text::number(one.slow),
        longest: text::duration(one.longest),
        longest_at: format!("server {}, logical shard {}", one.server, one.shard),
    };
    statements.into_iter().map(row).collect()
}
