//! Builds a pool set: new pools and handles, or those of the former topology where nothing has
//! changed.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::spec::{Spec, session};
use super::{DatabasePools, GroupPools, ServerPools};
use crate::backend::Attached;
use crate::connect::endpoint::Endpoint;
use crate::connect::guard::{Guard, ServerAccess};
use crate::connect::health::Health;
use crate::connect::monitor::Monitor;
use crate::connect::namespace_handle::NamespaceHandle;
use crate::connect::pool::Pool;
use crate::error::Result;
use crate::observe::{Observed, Recorder, ServerRecorder, ShardRecorder};
use crate::topology::{self, HealthSettings, Namespace, Read};

/// A pool set under construction.
pub(super) struct Builder<'b> {
    /// The cluster's name.
    pub(super) cluster: Arc<str>,
    pub(super) runtime: &'b Handle,
    pub(super) recorder: &'b Arc<Recorder>,
    pub(super) pools: Vec<Arc<Pool>>,
}

impl Builder<'_> {
    pub(super) fn group(
        &mut self,
        group: &topology::Group,
        before: Option<(&topology::Group, &GroupPools)>,
    ) -> Result<GroupPools> {
        let name: Arc<str> = group.name().into();
        let guard = match before {
            Some((_, group_pools)) => Arc::clone(&group_pools.guard),
            None => Arc::new(Guard::new(
                Arc::clone(&self.cluster),
                Arc::clone(&name),
                Arc::clone(group.fingerprint()),
            )),
        };
        let mut servers = Vec::with_capacity(group.servers().len());
        for (position, server) in group.servers().iter().enumerate() {
            let known = before.and_then(|(group, group_pools)| {
                let known = group.servers().iter().position(|one| one == server)?;
                Some(&group_pools.servers[known])
            });
            if let Some(known) = known {
                self.pools.extend(known.pools.iter().map(Arc::clone));
                servers.push(Arc::clone(known));
                continue;
            }
            let namespaces = group
                .placements()
                .filter(|placement| placement.server() == position)
                .count();
            let endpoints = (server.primary(), server.replicas());
            let names = (&name, server.name());
            servers.push(Arc::new(self.server(
                names,
                server.health(),
                endpoints,
                namespaces,
            )?));
        }
        let mut handle_of = |shard: u32| {
            let Some(placement) = group.placement(shard) else {
                return Ok(None);
            };
            let server_pools = &servers[placement.server()];
            let former = before.and_then(|(before, known)| {
                Some((before, known.handles.get(shard as usize)?.as_ref()?))
            });
            let known = former.and_then(|(before, handle)| {
                let same = Arc::ptr_eq(&handle.health, &server_pools.health)
                    && handle.namespace.is_same(placement.namespace())
                    && before.read() == group.read();
                same.then_some(handle)
            });
            match known {
                Some(handle) => Ok(Some(self.keep_handle(handle))),
                None => {
                    let load = former.map(|(_, handle)| handle.observed.shard());
                    self.handle_of_shard((group, &guard), placement, server_pools, load)
                        .map(Some)
                }
            }
        };
        let handles = (0..group.logical_shards())
            .map(&mut handle_of)
            .collect::<Result<_>>()?;
        let statics = servers
            .iter()
            .enumerate()
            .map(|(position, server_pools)| {
                let known = before.and_then(|(before, known)| {
                    let handle = known.statics.get(position)?;
                    let same = Arc::ptr_eq(&handle.health, &server_pools.health)
                        && before.read() == group.read();
                    same.then_some(handle)
                });
                match known {
                    Some(handle) => Ok(self.keep_handle(handle)),
                    None => self.handle_of_statics((group, &guard), position, server_pools),
                }
            })
            .collect::<Result<_>>()?;
        guard.set_servers(access(group, &servers));
        Ok(GroupPools {
            guard,
            servers,
            handles,
            statics,
        })
    }

    fn handle_of_shard(
        &mut self,
        (group, guard): (&topology::Group, &Arc<Guard>),
        placement: &topology::Placement,
        server_pools: &ServerPools,
        load: Option<Arc<ShardRecorder>>,
    ) -> Result<Arc<NamespaceHandle>> {
        let server = &group.servers()[placement.server()];
        let namespace = Arc::clone(placement.namespace());
        let file = |endpoint: &topology::Endpoint| endpoint.namespace_file(namespace.name());
        let statics = Some(&**group.static_namespace());
        let endpoints = (server.primary(), server.replicas());
        let endpoints = self.endpoints_of(server_pools, endpoints, file, statics)?;
        let name = (server.name(), Some(Arc::clone(guard)));
        let load = load.unwrap_or_default();
        let observed = Observed::new(&server_pools.observed, load);
        let read = group.read();
        Ok(self.handle(namespace, name, read, (endpoints, observed), server_pools))
    }

    /// The handle of a group's static tables on one of its servers.
    fn handle_of_statics(
        &mut self,
        (group, guard): (&topology::Group, &Arc<Guard>),
        position: usize,
        server_pools: &ServerPools,
    ) -> Result<Arc<NamespaceHandle>> {
        let server = &group.servers()[position];
        let name = group.static_namespace();
        let file = |endpoint: &topology::Endpoint| endpoint.namespace_file(name);
        let endpoints = (server.primary(), server.replicas());
        let endpoints = self.endpoints_of(server_pools, endpoints, file, None)?;
        let namespace = Namespace::of_statics(
            group.name().into(),
            u32::try_from(position).unwrap_or(u32::MAX),
            Arc::clone(name),
            server.primary().dialect(),
        );
        Ok(self.handle(
            Arc::new(namespace),
            (server.name(), Some(Arc::clone(guard))),
            group.read(),
            (endpoints, unsharded(server_pools)),
            server_pools,
        ))
    }

    pub(super) fn database(&mut self, database: &topology::Database) -> Result<DatabasePools> {
        let name = database.name();
        let endpoints = (database.primary(), database.replicas());
        let server = self.server((name, name), database.health(), endpoints, 1)?;
        let file = |endpoint: &topology::Endpoint| endpoint.path().map(PathBuf::from);
        let endpoints = self.endpoints_of(&server, endpoints, file, None)?;
        let namespace = Namespace::of_database(Arc::clone(name), database.dialect());
        let named = (name, None);
        let handle = self.handle(
            Arc::new(namespace),
            named,
            Read::Primary,
            (endpoints, unsharded(&server)),
            &server,
        );
        Ok(DatabasePools {
            server: Arc::new(server),
            handle,
        })
    }

    fn handle(
        &self,
        namespace: Arc<Namespace>,
        (server, guard): (&Arc<str>, Option<Arc<Guard>>),
        read: Read,
        (endpoints, observed): (Endpoints, Observed),
        server_pools: &ServerPools,
    ) -> Arc<NamespaceHandle> {
        Arc::new(NamespaceHandle {
            namespace,
            server: Arc::clone(server),
            cluster: Arc::clone(&self.cluster),
            writer: endpoints.writer,
            reader: endpoints.reader,
            replicas: endpoints.replicas,
            health: Arc::clone(&server_pools.health),
            latencies: Arc::clone(&server_pools.latencies),
            locks: Arc::clone(&server_pools.locks),
            observed,
            guard,
            read,
        })
    }

    /// Reuses the pools of an unchanged database.
    pub(super) fn keep(&mut self, pools: &DatabasePools) -> DatabasePools {
        let own = pools.server.pools.iter().map(Arc::clone);
        self.pools.extend(own);
        DatabasePools {
            server: Arc::clone(&pools.server),
            handle: self.keep_handle(&pools.handle),
        }
    }

    /// Reuses an unchanged handle. On SQLite it owns its pools.
    fn keep_handle(&mut self, handle: &Arc<NamespaceHandle>) -> Arc<NamespaceHandle> {
        if handle.dialect().capability().file_per_namespace {
            self.pools.extend(handle.pools());
        }
        Arc::clone(handle)
    }

    /// A server with its pools; its endpoints are monitored if there are several. On SQLite the
    /// pools belong to the files.
    fn server(
        &mut self,
        (group, name): (&Arc<str>, &Arc<str>),
        health: &HealthSettings,
        (primary, replicas): (&topology::Endpoint, &[topology::Endpoint]),
        namespaces: usize,
    ) -> Result<ServerPools> {
        let observed = Arc::new(ServerRecorder::new(self.recorder));
        let pools = if primary.dialect().capability().file_per_namespace {
            Vec::new()
        } else {
            self.endpoints(primary, replicas, namespaces, &observed)?
        };
        let monitored = pools.len() > 1;
        let health = Arc::new(Health::new(
            group, name, health, primary, replicas, &pools, monitored,
        ));
        let endpoints = pools.iter().enumerate().filter(|_| monitored);
        let endpoints =
            endpoints.map(|(index, pool)| (Arc::clone(&health), index, Arc::clone(pool)));
        Ok(ServerPools {
            monitor: Monitor::start(self.runtime, endpoints),
            health,
            latencies: Arc::default(),
            locks: Arc::default(),
            observed,
            pools,
        })
    }

    /// A pool for the primary and for each replica.
    fn endpoints(
        &mut self,
        primary: &topology::Endpoint,
        replicas: &[topology::Endpoint],
        namespaces: usize,
        observed: &Arc<ServerRecorder>,
    ) -> Result<Vec<Arc<Pool>>> {
        std::iter::once(primary)
            .chain(replicas)
            .map(|endpoint| self.pool(session(endpoint, None, namespaces), observed))
            .collect()
    }

    /// The endpoints of a handle: the server's pools, or on SQLite new pools of its file.
    ///
    /// A file has one writing and several reading connections. All of them attach the file of the
    /// static tables, if `statics` names one.
    fn endpoints_of(
        &mut self,
        server: &ServerPools,
        (primary, replicas): (&topology::Endpoint, &[topology::Endpoint]),
        file: impl Fn(&topology::Endpoint) -> Option<PathBuf>,
        statics: Option<&str>,
    ) -> Result<Endpoints> {
        if !server.pools.is_empty() {
            return Ok(Endpoints::of_pools(&server.pools));
        }
        let observed = &server.observed;
        let session = |endpoint: &topology::Endpoint| {
            let mut spec = session(endpoint, file(endpoint), 1);
            spec.session.attached = statics.and_then(|name| {
                let file = endpoint.namespace_file(name)?;
                Some(Attached::new(name, file))
            });
            spec
        };
        let mut writer = session(primary);
        writer.limits.max_connections = 1;
        let mut reader = session(primary);
        reader.read_only();
        Ok(Endpoints {
            writer: Endpoint::new(self.pool(writer, observed)?, 0),
            reader: Endpoint::new(self.pool(reader, observed)?, 0),
            replicas: (1..)
                .zip(replicas)
                .map(|(index, replica)| {
                    let mut reader = session(replica);
                    reader.read_only();
                    Ok(Endpoint::new(self.pool(reader, observed)?, index))
                })
                .collect::<Result<_>>()?,
        })
    }

    fn pool(&mut self, spec: Spec, observed: &Arc<ServerRecorder>) -> Result<Arc<Pool>> {
        let observed = Arc::clone(observed);
        let pool = Pool::new(spec.session, spec.label, spec.limits, observed)?;
        let pool = Arc::new(pool);
        self.pools.push(Arc::clone(&pool));
        Ok(pool)
    }
}

/// The recorder of a namespace that is no logical shard.
fn unsharded(server: &ServerPools) -> Observed {
    Observed::new(&server.observed, Arc::default())
}

/// The data from which a guard connects to the servers of a group.
fn access(group: &topology::Group, server_pools: &[Arc<ServerPools>]) -> Vec<ServerAccess> {
    let servers = group.servers().iter().zip(server_pools).enumerate();
    servers
        .map(|(position, (server, server_pools))| {
            let endpoints = std::iter::once(server.primary()).chain(server.replicas());
            let own = group.placements();
            let own = own.filter(|placement| placement.server() == position);
            let statics = std::iter::once(Arc::clone(group.static_namespace()));
            ServerAccess {
                name: Arc::clone(server.name()),
                namespaces: own
                    .map(|placement| Arc::clone(placement.namespace().name()))
                    .chain(statics)
                    .collect(),
                endpoints: endpoints
                    .map(|endpoint| (session(endpoint, None, 1).session, endpoint.label()))
                    .collect(),
                folder: server.primary().path().map(PathBuf::from),
                connect_timeout: server.primary().pool().connect_timeout,
                health: Arc::clone(&server_pools.health),
            }
        })
        .collect()
}

/// The endpoints of one handle.
struct Endpoints {
    writer: Endpoint,
    reader: Endpoint,
    replicas: Vec<Endpoint>,
}

impl Endpoints {
    /// From the pools of a primary and its replicas; the primary's is required.
    fn of_pools(pools: &[Arc<Pool>]) -> Self {
        let endpoint = |index: usize| Endpoint::new(Arc::clone(&pools[index]), index);
        Self {
            writer: endpoint(0),
            reader: endpoint(0),
            replicas: (1..pools.len()).map(endpoint).collect(),
        }
    }
}
