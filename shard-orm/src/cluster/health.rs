//! What is known of the servers with replicas, said to people and to programs that watch them.

use std::fmt;
use std::time::Duration;

use super::Cluster;
use crate::connect::{Standing, Watch};

/// What is known of one server of a group, or of one named database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerHealth {
    /// The group, or the named database.
    pub group: String,
    /// The server.
    pub server: String,
    /// Whether it is watched: a server without replicas is not, and neither is SQLite.
    pub watched: bool,
    /// Which of the endpoints takes writes, by its place among them; `None` when none does.
    pub primary: Option<usize>,
    /// The configured primary, then the configured replicas.
    pub endpoints: Vec<EndpointHealth>,
}

/// What is known of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointHealth {
    /// Its URL, without password and parameters.
    pub endpoint: String,
    /// How it stands at the moment.
    pub standing: Standing,
    /// Its share of the reads that go to replicas.
    pub weight: u32,
    /// Whether it said, when it was last asked, that it takes writes.
    pub writable: Option<bool>,
    /// How long its last answer took.
    pub latency: Option<Duration>,
    /// Of a replica: how long ago the primary was first seen beyond the replica's position.
    pub lag: Option<Duration>,
    /// Of a replica on PostgreSQL: how many bytes of the log it was behind.
    pub lag_bytes: Option<u64>,
    /// How long ago it was last asked.
    pub asked: Option<Duration>,
    /// Why it did not answer.
    pub problem: Option<String>,
}

impl Cluster {
    /// What is known of each server at the moment. Asks no server.
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
        let state = self.inner.state.load();
        state.links.watches().map(|watch| of(watch)).collect()
    }

    /// As [`health`](Self::health), after each endpoint of the servers that are watched was asked
    /// anew, or did not answer within `probe_timeout`.
    pub async fn check_health(&self) -> Vec<ServerHealth> {
        let state = self.inner.state.load_full();
        let looks = state.links.watches().map(|watch| watch.look_again());
        futures_util::future::join_all(looks).await;
        self.health()
    }
}

fn of(watch: &Watch) -> ServerHealth {
    ServerHealth {
        group: watch.group().to_owned(),
        server: watch.server().to_owned(),
        watched: watch.is_watched(),
        primary: watch.primary(),
        endpoints: watch
            .report()
            .into_iter()
            .map(|report| EndpointHealth {
                endpoint: report.label,
                standing: report.standing,
                weight: report.weight,
                writable: report.writable,
                latency: report.latency,
                lag: report.lag,
                lag_bytes: report.lag_bytes,
                asked: report.looked.map(|looked| looked.elapsed()),
                problem: report.problem,
            })
            .collect(),
    }
}

impl fmt::Display for ServerHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.server)?;
        if self.primary.is_none() {
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
        write!(f, "{}: {}", self.endpoint, self.standing)?;
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
