//! The page of one logical shard: placement, size, migrations and drift, calls, jobs, and how it came to its server.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use shard_orm::admin::{NamespaceState, NamespaceStatus, Status, TableSize};
use shard_orm::statistics::Statistics;

use super::level::LevelView;
use super::moves::{JobView, parts};
use super::{Frame, Source, html, missing};
use crate::App;
use crate::calls::Calls;
use crate::readings::{History, Jobs};
use crate::text;

/// The most tables on the page.
const TABLES: usize = 30;

/// An epoch that changed the logical shard.
#[derive(Debug)]
struct Change {
    epoch: u64,
    at: String,
    by: String,
    comment: String,
    /// The server since then, if the epoch says it.
    server: String,
}

/// A table, with estimates of its size.
#[derive(Debug)]
struct TableRow {
    name: String,
    rows: String,
    bytes: String,
}

#[derive(Debug, Template)]
#[template(path = "shard.html")]
struct ShardPage {
    frame: Frame,
    /// The facts of the topology, which needs no server.
    placement: Vec<(&'static str, String)>,
    status: Source,
    size: Vec<(&'static str, String)>,
    tables: Source,
    own_tables: Vec<TableRow>,
    /// The number of tables that are left out.
    tables_left_out: usize,
    levels: Source,
    /// What is known of the migrations.
    level: Option<LevelView>,
    load: Vec<(&'static str, String)>,
    /// Whether the calls are those of all processes.
    is_of_fleet: bool,
    jobs: Source,
    own_jobs: Vec<JobView>,
    history: Source,
    changes: Vec<Change>,
    /// The oldest epoch that was looked at.
    oldest: u64,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Path((group, shard)): Path<(String, String)>,
) -> Response {
    let readings = &app.readings;
    let topology = readings.cluster.topology();
    let found = topology.group(&group).and_then(|group| {
        let shard: u32 = shard.parse().ok()?;
        let placement = group.placement(shard)?;
        let server = group.servers().get(placement.server())?;
        Some((shard, placement.namespace(), server))
    });
    let Some((shard, namespace, server)) = found else {
        return missing(
            &app,
            "there is no such logical shard, or no key belongs to it; see the map of the cluster"
                .to_owned(),
        );
    };
    let (status, jobs, history, fleet, tables, level) = tokio::join!(
        readings.status.get(),
        readings.jobs.get(),
        readings.history.get(),
        readings.fleet.get(),
        readings.tables.get(&group, shard),
        readings.levels.get(&group, shard),
    );
    let own_tables = tables.value.as_deref().map_or(&[][..], Vec::as_slice);
    let calls = Calls::new(&readings.cluster, &fleet);
    let own = status
        .value
        .as_deref()
        .and_then(|status| of(status, &group, shard));
    let own_jobs = jobs
        .value
        .as_deref()
        .map(|jobs| jobs_of(jobs, &group, shard));
    let changes = history.value.as_deref().map(|history| {
        let jobs = own_jobs.iter().flatten().map(|job| job.id.to_string());
        changes(history, &group, shard, &jobs.collect::<Vec<_>>())
    });
    let oldest = history
        .value
        .as_deref()
        .and_then(|history| history.epochs.last());
    let page = ShardPage {
        frame: Frame::new(&app, format!("Logical shard {shard} of {group}"), "-"),
        placement: vec![
            ("Group", group.clone()),
            ("Server", server.name().to_string()),
            ("Primary", server.primary().label()),
            ("Namespace", namespace.name().to_string()),
            ("Generation", namespace.generation().to_string()),
            ("Database", namespace.dialect().to_string()),
        ],
        status: Source::from(&status),
        size: own.map(size).unwrap_or_default(),
        tables: Source::from(&tables),
        own_tables: own_tables.iter().take(TABLES).map(TableRow::from).collect(),
        tables_left_out: own_tables.len().saturating_sub(TABLES),
        levels: Source::from(&level),
        level: level.value.as_deref().map(LevelView::from),
        load: load(&calls.statistics, &group, shard),
        is_of_fleet: calls.are_of_fleet,
        jobs: Source::from(&jobs),
        own_jobs: own_jobs.unwrap_or_default(),
        history: Source::from(&history),
        changes: changes.unwrap_or_default(),
        oldest: oldest.map_or(0, |epoch| epoch.revision.epoch),
    };
    html(StatusCode::OK, &page)
}

impl From<&TableSize> for TableRow {
    fn from(size: &TableSize) -> Self {
        Self {
            name: size.table.clone(),
            rows: text::estimated(size.rows.map(text::number), true),
            bytes: text::estimated(size.bytes.map(text::bytes), true),
        }
    }
}

fn of<'s>(status: &'s Status, group: &str, shard: u32) -> Option<&'s NamespaceStatus> {
    let group = status.groups.iter().find(|own| own.name == group)?;
    group.shards.iter().find(|own| own.shard == Some(shard))
}

fn size(own: &NamespaceStatus) -> Vec<(&'static str, String)> {
    let state = match own.state {
        NamespaceState::Present => "present",
        NamespaceState::Missing => "missing; create it with `shard-orm setup`",
        _ => "unknown: its server did not answer",
    };
    let mut size = vec![
        ("State", state.to_owned()),
        (
            "Tables",
            text::estimated(own.tables.map(text::number), false),
        ),
        (
            "Rows",
            text::estimated(own.rows.map(text::number), own.rows_estimated),
        ),
        (
            "Bytes",
            text::estimated(own.bytes.map(text::bytes), own.bytes_estimated),
        ),
    ];
    size.extend(own.problem.clone().map(|problem| ("Problem", problem)));
    size
}

/// The calls within the last five minutes.
fn load(statistics: &Statistics, group: &str, shard: u32) -> Vec<(&'static str, String)> {
    let mut shards = statistics.shards.iter();
    let Some(own) = shards.find(|own| own.group == group && own.shard == shard) else {
        return Vec::new();
    };
    let window = &own.windows.five;
    vec![
        (
            "Calls",
            format!("{:.1} in a second", window.calls_per_second()),
        ),
        ("Errors", text::number(window.errors)),
        (
            "Rows",
            format!("{:.1} in a second", window.rows_per_second()),
        ),
        ("Mean duration", text::some_duration(window.mean())),
    ]
}

fn jobs_of(jobs: &Jobs, group: &str, shard: u32) -> Vec<JobView> {
    let own = jobs
        .jobs
        .iter()
        .filter(|job| job.group == group && parts(job).any(|part| part.shard == shard));
    own.map(|job| JobView::new(job, jobs.rates.get(&job.id).copied()))
        .collect()
}

/// The epochs whose server of the logical shard is another one than before, and those of its jobs.
fn changes(history: &History, group: &str, shard: u32, jobs: &[String]) -> Vec<Change> {
    let mut changes = Vec::new();
    for (position, epoch) in history.epochs.iter().enumerate() {
        let server = epoch.server_of(group, shard);
        let before = history.epochs.get(position + 1);
        let moved = match before {
            Some(before) => {
                let name =
                    |of: Option<&shard_orm::catalog::ServerEntry>| of.map(|own| own.name.clone());
                name(server) != name(before.server_of(group, shard))
            }
            // The first topology of all.
            None => epoch.revision.epoch == 1,
        };
        let revision = &epoch.revision;
        let is_of_job = revision.job.as_ref().is_some_and(|job| jobs.contains(job));
        if moved || is_of_job {
            changes.push(Change {
                epoch: revision.epoch,
                at: text::time(revision.changed_at),
                by: revision.changed_by.clone(),
                comment: revision.comment.clone(),
                server: server
                    .map_or_else(|| "by the configuration".to_owned(), |own| own.name.clone()),
            });
        }
    }
    changes
}
