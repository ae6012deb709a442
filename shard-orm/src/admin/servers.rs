//! The servers of a cluster with their namespaces, as the functions of this module visit them.

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::connect::{Lease, NamespaceHandle};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::topology::Endpoint;

/// One server of a group, or a named database.
#[derive(Debug)]
pub(super) struct ServerAt {
    /// The group, or the named database.
    pub(super) group: String,
    pub(super) server: String,
    pub(super) is_database: bool,
    pub(super) dialect: Dialect,
    /// The configured primary, then the replicas.
    pub(super) endpoints: Vec<Endpoint>,
    /// The logical shards that it holds.
    pub(super) shards: Vec<Arc<NamespaceHandle>>,
    /// Its static tables, or the named database itself.
    pub(super) own: Arc<NamespaceHandle>,
}

impl ServerAt {
    /// The name in reports: `shop/a`, or `database default`.
    pub(super) fn place(&self) -> String {
        if self.is_database {
            format!("database {}", self.group)
        } else {
            format!("{}/{}", self.group, self.server)
        }
    }

    /// A connection to an endpoint, whatever namespaces exist there. Not for SQLite, whose
    /// connections belong to files.
    pub(super) async fn connect(&self, endpoint: usize) -> Result<Lease> {
        self.own.reading(endpoint).acquire().await
    }

    /// The namespaces of the logical shards, and that of the static tables.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &Arc<NamespaceHandle>> {
        self.shards.iter().chain(std::iter::once(&self.own))
    }

    /// A namespace whose SQLite file exists; on other databases any.
    pub(super) fn reachable(&self) -> Option<&Arc<NamespaceHandle>> {
        self.namespaces().find(|handle| handle.has_file())
    }
}

/// All servers of all groups in the order of the configuration, then the named databases.
pub(super) fn servers(cluster: &Cluster) -> Result<Vec<ServerAt>> {
    let topology = cluster.topology();
    let mut servers = Vec::new();
    for group in topology.groups() {
        let shards = cluster.handles_of_group(group.name())?;
        for server in group.servers() {
            let is_here = |handle: &&Arc<NamespaceHandle>| *handle.server == **server.name();
            servers.push(ServerAt {
                group: group.name().to_owned(),
                server: server.name().to_string(),
                is_database: false,
                dialect: server.primary().dialect(),
                endpoints: endpoints(server.primary(), server.replicas()),
                shards: shards.iter().filter(is_here).map(Arc::clone).collect(),
                own: cluster.statics_of_server(group.name(), server.name())?,
            });
        }
    }
    for database in topology.databases() {
        servers.push(ServerAt {
            group: database.name().to_string(),
            server: database.name().to_string(),
            is_database: true,
            dialect: database.dialect(),
            endpoints: endpoints(database.primary(), database.replicas()),
            shards: Vec::new(),
            own: cluster.handle_of_database(database.name())?,
        });
    }
    Ok(servers)
}

fn endpoints(primary: &Endpoint, replicas: &[Endpoint]) -> Vec<Endpoint> {
    std::iter::once(primary).chain(replicas).cloned().collect()
}
