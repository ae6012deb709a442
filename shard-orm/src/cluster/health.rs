//! What is known of the servers, said to people and to programs that watch them.

use std::fmt;
use std::time::{Duration, Instant};

use super::Cluster;
use crate::connect::{EndpointReport, EndpointStatus, ServerReport};

/// What is known of one server of a group, or of one named database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ServerHealth {
    /// The group, or the named database.
    pub group: String,
    /// The server.
    pub server: String,
    /// Whether a monitor watches it: it watches servers with replicas, but for SQLite.
    pub monitored: bool,
    /// The index of the endpoint that takes writes; `None` when none is known to.
    pub primary: Option<usize>,
    /// The configured primary, then the configured replicas.
    pub endpoints: Vec<EndpointHealth>,
}

/// What is known of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EndpointHealth {
    /// Its URL, without password and parameters.
    pub endpoint: String,
    /// How it stands at the moment.
    pub status: EndpointStatus,
    /// Its share of the reads that go to replicas.
    pub weight: u32,
    /// Whether it said, when it was last asked, that it takes writes.
    pub writable: Option<bool>,
    /// How long its last answer took.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "latency_seconds", serialize_with = "crate::units::seconds")
    )]
    pub latency: Option<Duration>,
    /// Of a replica: how long ago the primary was first seen beyond the replica's position.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "lag_seconds", serialize_with = "crate::units::seconds")
    )]
    pub lag: Option<Duration>,
    /// Of a replica on PostgreSQL: how many bytes of the log it was behind.
    pub lag_bytes: Option<u64>,
    /// How long ago it was last asked, or was last heard of.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "asked_seconds_ago", serialize_with = "crate::units::seconds")
    )]
    pub asked: Option<Duration>,
    /// Why it cannot be used. Of an endpoint that answers: why no new connection could be opened.
    pub problem: Option<String>,
}

impl ServerHealth {
    /// Whether one of the endpoints takes writes. False when that is not known: before anything was
    /// asked of a server that has no replicas.
    ///
    /// ```
    /// # use shard_orm::Cluster;
    /// use shard_orm::ServerHealth;
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
    /// primary that is full or read-only serves them too.
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
    /// What is known of each server at the moment. Asks no server: a server with replicas was
    /// looked at within the last `probe_interval`; of all others it is what the last connections
    /// met, or the last [`check_health`](Self::check_health), which may be long ago.
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

    /// As [`health`](Self::health), after each endpoint of each server was asked anew. One that does
    /// not answer within twice the `probe_timeout` of its server is unreachable.
    ///
    /// It sends one statement to each endpoint, over an idle connection where there is one. On
    /// SQLite it opens each file and takes its write lock for a moment, without waiting for it.
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
