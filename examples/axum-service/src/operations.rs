//! What operators and their programs ask.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use shard_orm::health::Readiness;
use shard_orm::metrics::Publisher;

use crate::Service;

/// The metrics, for Prometheus.
pub(crate) async fn metrics(State(service): State<Service>) -> String {
    // Asks no database, so that each scrape has the figures of its moment.
    Publisher::new(&service.cluster).publish();
    service.prometheus.run_upkeep();
    service.prometheus.render()
}

/// Whether this process should get requests, and why not.
pub(crate) async fn ready(State(service): State<Service>) -> (StatusCode, Json<Readiness>) {
    let readiness = service.cluster.readiness();
    let status = if readiness.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness))
}

/// Whether this process should be restarted: not for a database that is down.
pub(crate) async fn live(State(service): State<Service>) -> StatusCode {
    if service.cluster.readiness().closed {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    }
}
