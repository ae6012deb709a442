//! The page of the processes that use the cluster.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use shard_orm::catalog::Process;

use super::{Frame, Source, html};
use crate::App;
use crate::text;

/// A process.
#[derive(Debug)]
struct ProcessRow {
    name: String,
    host: String,
    pid: u32,
    version: String,
    epoch: u64,
    /// `current`, `behind`, or `silent`.
    state: &'static str,
    class: &'static str,
    started: String,
    silent: String,
    tables: usize,
}

#[derive(Debug, Template)]
#[template(path = "processes.html")]
struct ProcessesPage {
    frame: Frame,
    source: Source,
    is_read: bool,
    processes: Vec<ProcessRow>,
}

pub(crate) async fn show(State(app): State<Arc<App>>) -> Response {
    let readings = &app.readings;
    let (seen, history) = tokio::join!(readings.processes.get(), readings.history.get());
    let newest = history
        .value
        .as_deref()
        .and_then(|history| history.epochs.first());
    let newest = newest.map(|epoch| epoch.revision.epoch);
    let processes = seen.value.iter().flat_map(|all| all.iter());
    let page = ProcessesPage {
        frame: Frame::new(&app, "Processes", "/processes"),
        source: Source::from(&seen),
        is_read: seen.value.is_some(),
        processes: processes.map(|process| row(process, newest)).collect(),
    };
    html(StatusCode::OK, &page)
}

fn row(process: &Process, newest: Option<u64>) -> ProcessRow {
    let is_behind = newest.is_some_and(|newest| process.epoch < newest);
    let (state, class) = match (process.is_living(), is_behind) {
        (false, _) => ("silent", "unknown"),
        (true, true) => ("behind", "bad"),
        (true, false) => ("current", "good"),
    };
    ProcessRow {
        name: process.name.clone(),
        host: process.host.clone(),
        pid: process.pid,
        version: process.version.clone(),
        epoch: process.epoch,
        state,
        class,
        started: text::time(process.started_at),
        silent: text::duration(process.silent_for),
        tables: process.tables.len(),
    }
}
