//! The state of a cluster: its servers, and the sizes of its namespaces.

mod report;
mod sizes;

use std::collections::BTreeMap;

use futures_util::future::join_all;

pub use self::report::{
    DatabaseStatus, EndpointState, GroupStatus, NamespaceState, NamespaceStatus, ServerStatus,
    Status,
};
pub(super) use self::sizes::named;
use super::look::{Seen, look};
use super::servers::{ServerAt, servers};
use crate::cluster::Cluster;
use crate::connect::Lease;
use crate::error::{Error, Result};
use crate::exec::sizes::exact_sizes;
pub(super) use crate::exec::sizes::{Named, Size, of_files, sizes};
use crate::topology::Group;

/// The options of [`status`](status()).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StatusOptions {
    /// Whether the rows of each table are counted, in place of an estimate from the catalogs. That
    /// reads every table.
    pub exact: bool,
}

impl StatusOptions {
    /// Estimates.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether the rows of each table are counted.
    #[must_use]
    pub fn exact(mut self, exact: bool) -> Self {
        self.exact = exact;
        self
    }
}

/// The state of all servers, and the sizes of all namespaces. A server that does not answer is a
/// part of the report.
///
/// Asks all servers at the same time. Each endpoint is sent two or three statements, and each
/// primary one for the sizes of all its namespaces; on SQLite, the sizes of the files are read.
/// With [`exact`](StatusOptions::exact), each namespace is sent two further statements.
///
/// ```
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// use shard_orm::admin::{StatusOptions, status};
///
/// let status = status(cluster, StatusOptions::new()).await?;
/// for group in &status.groups {
///     let rows: u64 = group.shards.iter().filter_map(|shard| shard.rows).sum();
///     println!("{}: about {rows} rows", group.name);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the configuration was changed meanwhile.
pub async fn status(cluster: &Cluster, options: StatusOptions) -> Result<Status> {
    let servers = servers(cluster)?;
    let looked = join_all(servers.iter().map(|server| of_server(server, options))).await;
    let topology = cluster.topology();
    let mut groups: Vec<GroupStatus> = topology.groups().iter().map(of_group).collect();
    let mut databases = Vec::new();
    for (server, (status, namespaces)) in servers.iter().zip(looked) {
        if server.is_database {
            let sizes = namespaces.into_iter();
            databases.extend(sizes.map(|size| DatabaseStatus {
                server: status.clone(),
                size,
            }));
            continue;
        }
        if let Some(group) = groups.iter_mut().find(|group| group.name == server.group) {
            group.servers.push(status);
            let (shards, statics): (Vec<_>, Vec<_>) = namespaces
                .into_iter()
                .partition(|namespace| namespace.shard.is_some());
            group.shards.extend(shards);
            group.statics.extend(statics);
        }
    }
    for group in &mut groups {
        group.shards.sort_by_key(|namespace| namespace.shard);
    }
    Ok(Status {
        cluster: topology.name().to_owned(),
        epoch: topology.epoch(),
        groups,
        databases,
    })
}

fn of_group(group: &Group) -> GroupStatus {
    GroupStatus {
        name: group.name().to_owned(),
        dialect: group.dialect(),
        strategy: group.fingerprint().strategy.clone(),
        logical_shards: group.logical_shards(),
        servers: Vec::new(),
        shards: Vec::new(),
        statics: Vec::new(),
    }
}

async fn of_server(
    server: &ServerAt,
    options: StatusOptions,
) -> (ServerStatus, Vec<NamespaceStatus>) {
    let looks = (0..server.endpoints.len()).map(|endpoint| look(server, endpoint));
    let mut looked: Vec<Result<(Option<Lease>, Seen)>> = join_all(looks).await;
    // Namespaces are read where writes go: a replica may lag.
    let primary = looked
        .iter()
        .position(|one| matches!(one, Ok((_, seen)) if seen.observed.writable))
        .unwrap_or(0);
    let lease = match looked.get_mut(primary) {
        Some(Ok((lease, _))) => Ok(lease.take()),
        Some(Err(error)) => Err(Error::new(error.kind(), error.message().to_owned())),
        None => Ok(None),
    };
    let endpoints = endpoints(server, &looked, primary);
    drop(looked);
    let namespaces = match lease {
        Ok(lease) => namespaces(server, lease, options).await,
        Err(error) => Err(error),
    };
    let namespaces = namespaces.unwrap_or_else(|error| {
        let unknown = server.namespaces();
        unknown
            .map(|handle| report::unknown(handle, &error))
            .collect()
    });
    let status = ServerStatus {
        name: server.server.clone(),
        logical_shards: server.shards.len(),
        endpoints,
    };
    (status, namespaces)
}

fn endpoints(
    server: &ServerAt,
    looked: &[Result<(Option<Lease>, Seen)>],
    primary: usize,
) -> Vec<EndpointState> {
    let primary = match looked.get(primary) {
        Some(Ok((_, seen))) => Some(seen),
        _ => None,
    };
    let states = server.endpoints.iter().zip(looked).enumerate();
    states
        .map(|(index, (endpoint, looked))| {
            let mut state = EndpointState {
                endpoint: endpoint.label(),
                configured_as_primary: index == 0,
                role: None,
                version: None,
                lag: None,
                lag_bytes: None,
                problem: None,
            };
            match looked {
                Ok((_, seen)) => {
                    state.role = Some(seen.role());
                    state.version = Some(seen.facts.version.clone()).filter(|one| !one.is_empty());
                    if !seen.observed.writable {
                        (state.lag, state.lag_bytes) = seen.lag(primary);
                        state.problem = seen
                            .facts
                            .replication
                            .as_ref()
                            .and_then(|one| one.problem.clone());
                    }
                }
                Err(error) => state.problem = Some(error.message().to_owned()),
            }
            state
        })
        .collect()
}

/// The sizes of the namespaces of a server. Static tables that were never created are left out.
async fn namespaces(
    server: &ServerAt,
    mut lease: Option<Lease>,
    options: StatusOptions,
) -> Result<Vec<NamespaceStatus>> {
    let named = named(server, lease.as_mut()).await?;
    let found = match &mut lease {
        Some(lease) => sizes(&named, lease).await?,
        None => of_files(&named),
    };
    // Counting takes connections of the same pool.
    drop(lease);
    let counted = if options.exact {
        exact_sizes(&named, &found).await
    } else {
        BTreeMap::new()
    };
    let all = named.iter().map(|one| {
        let (size, counted) = (found.get(&one.name), counted.get(&one.name));
        report::namespace(one, size, counted)
    });
    let is_shown = |one: &NamespaceStatus| {
        server.is_database || one.shard.is_some() || one.state != NamespaceState::Missing
    };
    Ok(all.filter(is_shown).collect())
}
