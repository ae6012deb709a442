//! The page of the cluster: what needs attention, groups, servers, and the map.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::attention::{Item, items};
use super::group::{GroupView, Parts, ServerView};
use super::map::Colour;
use super::{Frame, Source, html};
use crate::App;
use crate::calls::Calls;

/// The parameters.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    colour: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "cluster.html")]
struct ClusterPage {
    frame: Frame,
    check: Source,
    jobs: Source,
    status: Source,
    /// Whether the check has run.
    is_checked: bool,
    attention: Vec<Item>,
    groups: Vec<GroupView>,
    databases: Vec<ServerView>,
    colour: &'static str,
    colours: [&'static str; 3],
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Query(parameters): Query<Parameters>,
) -> Response {
    let readings = &app.readings;
    let (status, check, jobs, history, fleet, stored) = tokio::join!(
        readings.status.get(),
        readings.check.get(),
        readings.jobs.get(),
        readings.history.get(),
        readings.fleet.get(),
        readings.stored.get(),
    );
    let readiness = readings.cluster.readiness();
    let calls = Calls::new(&readings.cluster, &fleet);
    let colour = Colour::parse(parameters.colour.as_deref());
    let parts = Parts {
        cluster: &readings.cluster,
        status: status.value.as_deref(),
        check: check.value.as_deref(),
        jobs: jobs.value.as_deref(),
        history: history.value.as_deref(),
        readiness: &readiness,
        statistics: &calls.statistics,
    };
    let groups = parts.groups(colour);
    let mut anomalies = calls.anomalies;
    let stored = stored.value.as_deref().map_or(&[][..], Vec::as_slice);
    anomalies.extend(parts.filling(stored, &readings.sizes));
    let attention = items((parts.check, &readiness, parts.jobs), &groups, &anomalies);
    let page = ClusterPage {
        frame: Frame::new(&app, "Cluster", ""),
        check: Source::from(&check),
        jobs: Source::from(&jobs),
        status: Source::from(&status),
        is_checked: check.value.is_some(),
        attention,
        databases: parts.databases(),
        groups,
        colour: colour.name(),
        colours: [Colour::Size, Colour::Load, Colour::State].map(Colour::name),
    };
    html(StatusCode::OK, &page)
}
