//! What a cluster serves at this moment, for the probes of a service.

use std::time::Duration;

use super::{Cluster, EndpointHealth, ServerHealth};
use crate::connect::EndpointStatus;

/// What a cluster serves, by what is known without asking; from [`Cluster::readiness`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Readiness {
    /// Whether the cluster was closed: it never serves again.
    pub closed: bool,
    /// The epoch of the topology in use.
    pub epoch: u64,
    /// The catalog; `None` for a cluster without one.
    pub catalog: Option<CatalogReadiness>,
    /// The servers of the groups, and the named databases.
    pub servers: Vec<ServerReadiness>,
}

/// Whether the catalog can be followed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CatalogReadiness {
    /// How long ago the catalog answered last; `None` if it has not answered this process.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "answered_seconds_ago",
            serialize_with = "crate::units::seconds"
        )
    )]
    pub answered: Option<Duration>,
    /// Why it cannot be followed. The cluster serves by the topology that it has.
    pub problem: Option<String>,
}

/// What one server serves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ServerReadiness {
    /// The group, or the named database.
    pub group: String,
    /// The server.
    pub server: String,
    /// The number of logical shards that it has; 0 for a named database.
    pub shards: usize,
    /// Whether it serves reads.
    pub reads: Serving,
    /// Whether it takes writes.
    pub writes: Serving,
    /// Why it does not, or what else is wrong with it.
    pub problem: Option<String>,
}

/// Whether something is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum Serving {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// Nothing has been asked of the server yet.
    Unknown,
}

impl Readiness {
    /// Whether a service on this cluster should get requests: the cluster is open, and each group and
    /// named database has a server that serves reads, or may.
    ///
    /// It is deliberately lenient. If one of ten servers fails, nine tenths of the keys are still
    /// served, and to take every instance of the service out of rotation would turn that into a
    /// complete outage. A service that cannot do without any of them asks [`is_complete`](Self::is_complete).
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let served = |group: &str| {
            let mut servers = self.servers.iter();
            servers.any(|one| one.group == group && one.reads != Serving::No)
        };
        !self.closed && self.servers.iter().all(|one| served(&one.group))
    }

    /// Whether everything is served, as far as it is known: no server is known to refuse reads or
    /// writes.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let serves = |one: &ServerReadiness| one.reads != Serving::No && one.writes != Serving::No;
        !self.closed && self.servers.iter().all(serves)
    }

    /// The number of logical shards that are known not to be served, for reads or for writes.
    #[must_use]
    pub fn missing_shards(&self) -> usize {
        let missing =
            |one: &&ServerReadiness| one.reads == Serving::No || one.writes == Serving::No;
        let servers = self.servers.iter().filter(missing);
        servers.map(|one| one.shards).sum()
    }
}

impl Cluster {
    /// What the cluster serves. Sends nothing and waits for nothing, so that a probe may ask as often
    /// as it likes: it is what the monitors of servers with replicas have last seen, and for other
    /// servers the outcome of the last connections. After an outage without any request, ask
    /// [`check_health`](Self::check_health), which probes them.
    ///
    /// A liveness probe does not need it: a process is not mended by a restart because a database is
    /// down. Restart it if the cluster was [closed](Readiness::closed).
    ///
    /// ```
    /// # use shard_orm::Cluster;
    /// /// The status code of a readiness probe.
    /// fn ready(cluster: &Cluster) -> u16 {
    ///     if cluster.readiness().is_ready() { 200 } else { 503 }
    /// }
    /// ```
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let topology = self.topology();
        let closed = self.is_closed();
        let shards = |server: &ServerHealth| {
            let group = topology.group(&server.group)?;
            let position = group
                .servers()
                .iter()
                .position(|one| **one.name() == *server.server)?;
            let own = group.placements();
            Some(own.filter(|one| one.server() == position).count())
        };
        let servers = self.health().into_iter().map(|server| ServerReadiness {
            shards: shards(&server).unwrap_or_default(),
            reads: serving(&server, server.serves_reads()),
            writes: serving(&server, server.takes_writes()),
            problem: server
                .endpoints
                .iter()
                .find_map(|endpoint| endpoint.problem.clone()),
            group: server.group,
            server: server.server,
        });
        Readiness {
            closed,
            epoch: topology.epoch(),
            catalog: self.follower().map(|follower| follower.readiness()),
            servers: servers.collect(),
        }
    }
}

fn serving(server: &ServerHealth, serves: bool) -> Serving {
    let is_unknown = |endpoint: &EndpointHealth| endpoint.status == EndpointStatus::Unknown;
    if serves {
        Serving::Yes
    } else if server.endpoints.iter().any(is_unknown) {
        Serving::Unknown
    } else {
        Serving::No
    }
}
