//! Health reports of servers, for people and for monitoring.

use std::fmt;
use std::time::{Duration, Instant};

use super::Cluster;
use crate::connect::{EndpointReport, EndpointStatus, ServerReport};

/// The health of one server of a group, or of one named database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ServerHealth {
    /// The group, or the named database.
    pub group: String,
    /// The server.
    pub server: String,
    /// Whether the server is monitored: servers with replicas are, except on SQLite.
    pub monitored: bool,
    /// The index of the endpoint that takes writes; `None` if none is known.
    pub primary: Option<usize>,
    /// The configured primary, then the configured replicas.
    pub endpoints: Vec<EndpointHealth>,
}

/// The health of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EndpointHealth {
    /// The URL, without password and parameters.
    pub endpoint: String,
    /// The current status.
    pub status: EndpointStatus,
    /// The weight for reads from replicas.
    pub weight: u32,
    /// Whether the last answer said that it takes writes.
    pub writable: Option<bool>,
    /// The duration of its last answer.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "latency_seconds", serialize_with = "crate::units::seconds")
    )]
    pub latency: Option<Duration>,
    /// For a replica: how long ago the primary was first seen beyond the replica's position.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "lag_seconds", serialize_with = "crate::units::seconds")
    )]
    pub lag: Option<Duration>,
    /// For a replica on PostgreSQL: how many bytes of the log it lagged.
    pub lag_bytes: Option<u64>,
    /// How long ago it last answered or was last used.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "asked_seconds_ago", serialize_with = "crate::units::seconds")
    )]
    pub asked: Option<Duration>,
    /// Why it is unusable. For an endpoint that answers: why no new connection could be opened.
    pub problem: Option<String>,
}

impl ServerHealth {
    /// Whether one of the endpoints takes writes. False if that is unknown, before the first
    /// request to a server without replicas.
    ///
    /// ```
    /// # use shard_orm::Cluster;
    /// use shard_orm::health::ServerHealth;
    ///
    /// /// The status code of a readiness check.
    /// async fn readiness(cluster: &Cluster) -> u16 {
    ///     let servers = cluster.check_health().await;
    ///     if servers.iter().all(ServerHealth::takes_writes) {
    ///         200
    ///     } else {
    ///         503
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn takes_writes(&self) -> bool {
        self.primary.is_some()
    }

    /// Whether one of the endpoints serves reads: the primary, or a replica that does not lag. A
    /// full or read-only primary serves them too.
    #[must_use]
    pub fn serves_reads(&self) -> bool {
        self.endpoints.iter().any(|endpoint| {
            matches!(
                endpoint.status,
                EndpointStatus::Primary
                    | EndpointStatus::Serving
                    | EndpointStatus::Fenced
                    | EndpointStatus::Full
            )
        })
    }
}

impl Cluster {
    /// The health of every server, without sending anything. A server with replicas was probed
    /// within the last `probe_interval`. For others it is the outcome of the last connections, or
    /// of the last [`check_health`](Self::check_health), which may be long ago.
    ///
    /// ```
    /// # use shard_orm::Cluster;
    /// # fn run(cluster: &Cluster) {
    /// for server in cluster.health() {
    ///     println!("{server}");
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn health(&self) -> Vec<ServerHealth> {
        self.health_since(None)
    }

    /// As [`health`](Self::health), after probing each endpoint of each server. An endpoint that
    /// does not answer within twice the `probe_timeout` of its server is unreachable.
    ///
    /// Sends one statement to each endpoint, over an idle connection if there is one. On SQLite it
    /// opens each file and takes its write lock briefly, without waiting for it.
    pub async fn check_health(&self) -> Vec<ServerHealth> {
        let asked = Instant::now();
        let state = self.inner.state.load_full();
        state.pool_set.probe().await;
        self.health_since(Some(asked))
    }

    fn health_since(&self, asked: Option<Instant>) -> Vec<ServerHealth> {
        let reports = self.inner.state.load().pool_set.reports(asked);
        reports.into_iter().map(of_server).collect()
    }
}

fn of_server(report: ServerReport) -> ServerHealth {
    let endpoints: Vec<EndpointHealth> = report.endpoints.into_iter().map(of_endpoint).collect();
    ServerHealth {
        group: report.health.group().to_owned(),
        server: report.health.server().to_owned(),
        monitored: report.health.is_monitored(),
        primary: endpoints
            .iter()
            .position(|endpoint| endpoint.status == EndpointStatus::Primary),
        endpoints,
    }
}

fn of_endpoint(report: EndpointReport) -> EndpointHealth {
    EndpointHealth {
        endpoint: report.label,
        status: report.status,
        weight: report.weight,
        writable: report.writable,
        latency: report.latency,
        lag: report.lag,
        lag_bytes: report.lag_bytes,
        asked: report.probed.map(|probed| probed.elapsed()),
        problem: report.problem,
    }
}

impl fmt::Display for ServerHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.server)?;
        if !self.takes_writes() {
            write!(f, " (takes no writes)")?;
        }
        for endpoint in &self.endpoints {
            write!(f, "\n  {endpoint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for EndpointHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.endpoint, self.status)?;
        if let Some(lag) = self.lag {
            write!(f, ", lag {lag:?}")?;
        }
        if let Some(bytes) = self.lag_bytes {
            write!(f, " ({bytes} bytes)")?;
        }
        if let Some(latency) = self.latency {
            write!(f, ", answered in {latency:?}")?;
        }
        if let Some(problem) = &self.problem {
            write!(f, ": {problem}")?;
        }
        Ok(())
    }
}
