//! A small service on shard-orm: orders by user.
//!
//! ```text
//! axum-service [CONFIGURATION] [ADDRESS]
//! ```

mod api;
mod error;
mod operations;
mod order;
mod request_id;

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use shard_orm::Cluster;
use shard_orm::metrics::{COUNT_BUCKETS, DURATION_BUCKETS};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::order::Order;

/// How long the connections of the cluster may take to close.
const CLOSING: Duration = Duration::from_secs(10);

/// What every handler gets.
#[derive(Clone)]
struct Service {
    cluster: Cluster,
    prometheus: PrometheusHandle,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .init();
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next();
    let file =
        file.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/shard-orm.toml").into());
    let address = arguments.next();
    let address = address.unwrap_or_else(|| "127.0.0.1:8080".into());

    let prometheus = exporter()?;
    let cluster = Cluster::open(file).await?;
    cluster.setup().table::<Order>().run().await?;
    let service = Service {
        cluster: cluster.clone(),
        prometheus,
    };
    let router = Router::new()
        .route("/users/{user}/orders", post(api::create).get(api::list))
        .route("/top", get(api::top))
        .route("/metrics", get(operations::metrics))
        .route("/ready", get(operations::ready))
        .route("/live", get(operations::live))
        .layer(from_fn(request_id::identify))
        .with_state(service);

    let listener = TcpListener::bind(address).await?;
    tracing::info!("listening on {}", listener.local_addr()?);
    axum::serve(listener, router)
        .with_graceful_shutdown(asked_to_end())
        .await?;
    // All requests have been answered.
    if tokio::time::timeout(CLOSING, cluster.close())
        .await
        .is_err()
    {
        tracing::warn!("some connections were still in use after {CLOSING:?}");
    }
    tracing::info!("ended");
    Ok(())
}

/// Installs the exporter, with the buckets that the library counts by.
fn exporter() -> Result<PrometheusHandle, Box<dyn Error>> {
    let prometheus = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)?
        .set_buckets(&COUNT_BUCKETS)?
        .install_recorder()?;
    shard_orm::metrics::describe();
    Ok(prometheus)
}

/// Resolves at Ctrl-C or SIGTERM.
async fn asked_to_end() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = terminated.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
