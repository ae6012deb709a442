//! The pools and places of one topology.

mod spec;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use self::spec::{Spec, session};
use super::latencies::Latencies;
use super::locks::Locks;
use super::monitor::Monitor;
use super::place::{Endpoint, Place};
use super::pool::Pool;
use super::watch::Watch;
use crate::backend::Beside;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::topology::{self, HealthSettings, Namespace, Read, Topology};

/// The pools and places of one topology.
pub(crate) struct Links {
    groups: Vec<GroupLinks>,
    databases: HashMap<Arc<str>, DatabaseLinks>,
    /// Of all places, each once.
    pools: Vec<Arc<Pool>>,
}

/// A group's servers in their order, its places by logical shard, and those of its static tables by
/// server.
struct GroupLinks {
    servers: Vec<Arc<ServerLinks>>,
    places: Vec<Arc<Place>>,
    statics: Vec<Arc<Place>>,
}

struct DatabaseLinks {
    server: Arc<ServerLinks>,
    place: Arc<Place>,
}

/// One server: what is known of it, and its pools, the primary's first; none for SQLite, where
/// each namespace has its own.
struct ServerLinks {
    watch: Arc<Watch>,
    latencies: Arc<Latencies>,
    locks: Arc<Locks>,
    pools: Vec<Arc<Pool>>,
    /// Ends with the last links that have this server.
    monitor: Monitor,
}

impl Links {
    pub(crate) fn new(topology: &Topology, runtime: &Handle) -> Result<Self> {
        Self::build(topology, runtime, None)
    }

    /// The links of a later topology: what it has in common with this one keeps its pools.
    pub(crate) fn renew(&self, own: &Topology, next: &Topology, runtime: &Handle) -> Result<Self> {
        Self::build(next, runtime, Some((own, self)))
    }

    fn build(
        topology: &Topology,
        runtime: &Handle,
        before: Option<(&Topology, &Self)>,
    ) -> Result<Self> {
        let mut building = Building {
            cluster: topology.name().into(),
            runtime,
            pools: Vec::new(),
        };
        let mut groups = Vec::with_capacity(topology.groups().len());
        for group in topology.groups() {
            let before = before.and_then(|(topology, links)| {
                let name = group.name();
                let index = topology
                    .groups()
                    .iter()
                    .position(|one| one.name() == name)?;
                Some((&topology.groups()[index], &links.groups[index]))
            });
            groups.push(building.group(group, before)?);
        }
        let mut databases = HashMap::new();
        for database in topology.databases() {
            let before = before.and_then(|(topology, links)| {
                let same = topology.database(database.name())? == database;
                links.databases.get(database.name()).filter(|_| same)
            });
            let links = match before {
                Some(links) => building.keep(links),
                None => building.database(database)?,
            };
            databases.insert(Arc::clone(database.name()), links);
        }
        Ok(Self {
            groups,
            databases,
            pools: building.pools,
        })
    }

    pub(crate) fn shard(&self, group: usize, shard: u32) -> Option<Arc<Place>> {
        self.groups[group]
            .places
            .get(shard as usize)
            .map(Arc::clone)
    }

    pub(crate) fn shards(&self, group: usize) -> &[Arc<Place>] {
        &self.groups[group].places
    }

    /// Where the static tables of a group are written, by server.
    pub(crate) fn statics(&self, group: usize) -> &[Arc<Place>] {
        &self.groups[group].statics
    }

    pub(crate) fn database(&self, name: &str) -> Option<Arc<Place>> {
        self.databases
            .get(name)
            .map(|links| Arc::clone(&links.place))
    }

    pub(crate) fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.pools.iter()
    }

    /// Those of the pools that other links do not have.
    pub(crate) fn pools_without(&self, other: &Self) -> Vec<Arc<Pool>> {
        let is_there = |pool: &&Arc<Pool>| !other.pools.iter().any(|one| Arc::ptr_eq(one, pool));
        self.pools.iter().filter(is_there).map(Arc::clone).collect()
    }

    fn servers(&self) -> impl Iterator<Item = &Arc<ServerLinks>> {
        let of_groups = self.groups.iter().flat_map(|group| &group.servers);
        of_groups.chain(self.databases.values().map(|database| &database.server))
    }

    /// What is known of each server.
    pub(crate) fn watches(&self) -> impl Iterator<Item = &Arc<Watch>> {
        self.servers().map(|server| &server.watch)
    }

    /// Ends the looking at servers.
    pub(crate) async fn stop_monitor(&self) {
        for server in self.servers() {
            server.monitor.stop().await;
            server.watch.settle();
        }
    }

    /// How often idle connections are looked at: often enough that one is closed within half as
    /// long again as it may be idle.
    pub(crate) fn sweep_period(&self) -> Duration {
        self.pools
            .iter()
            .map(|pool| pool.idle_timeout() / 2)
            .min()
            .unwrap_or(Duration::from_mins(1))
            .max(Duration::from_millis(100))
    }
}

/// The links while they are made.
struct Building<'b> {
    /// The name of the cluster.
    cluster: Arc<str>,
    runtime: &'b Handle,
    pools: Vec<Arc<Pool>>,
}

impl Building<'_> {
    fn group(
        &mut self,
        group: &topology::Group,
        before: Option<(&topology::Group, &GroupLinks)>,
    ) -> Result<GroupLinks> {
        let name: Arc<str> = group.name().into();
        let mut servers = Vec::with_capacity(group.servers().len());
        for (position, server) in group.servers().iter().enumerate() {
            let known = before.and_then(|(group, links)| {
                let known = group.servers().iter().position(|one| one == server)?;
                Some(&links.servers[known])
            });
            if let Some(known) = known {
                self.pools.extend(known.pools.iter().map(Arc::clone));
                servers.push(Arc::clone(known));
                continue;
            }
            let namespaces = group
                .placements()
                .iter()
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
        let places = group
            .placements()
            .iter()
            .map(|placement| {
                let links = &servers[placement.server()];
                let known = before.and_then(|(before, known)| {
                    let shard = placement.namespace().shard();
                    let place = known.places.get(shard as usize)?;
                    let same = Arc::ptr_eq(&place.watch, &links.watch)
                        && place.namespace.is_same(placement.namespace())
                        && before.read() == group.read();
                    same.then_some(place)
                });
                match known {
                    Some(place) => Ok(self.keep_place(place)),
                    None => self.place_of_shard(group, placement, links),
                }
            })
            .collect::<Result<_>>()?;
        let statics = servers
            .iter()
            .enumerate()
            .map(|(position, links)| {
                let known = before.and_then(|(before, known)| {
                    let place = known.statics.get(position)?;
                    let same =
                        Arc::ptr_eq(&place.watch, &links.watch) && before.read() == group.read();
                    same.then_some(place)
                });
                match known {
                    Some(place) => Ok(self.keep_place(place)),
                    None => self.place_of_statics(group, position, links),
                }
            })
            .collect::<Result<_>>()?;
        Ok(GroupLinks {
            servers,
            places,
            statics,
        })
    }

    fn place_of_shard(
        &mut self,
        group: &topology::Group,
        placement: &topology::Placement,
        links: &ServerLinks,
    ) -> Result<Arc<Place>> {
        let server = &group.servers()[placement.server()];
        let namespace = Arc::clone(placement.namespace());
        let endpoints = if links.pools.is_empty() {
            let file = |endpoint: &topology::Endpoint| endpoint.namespace_file(namespace.name());
            let statics = Some(&**group.static_namespace());
            self.files(server.primary(), server.replicas(), file, statics)?
        } else {
            Endpoints::of_pools(&links.pools)
        };
        Ok(self.place(namespace, server.name(), group.read(), endpoints, links))
    }

    /// Where the static tables of a group are written on one of its servers.
    fn place_of_statics(
        &mut self,
        group: &topology::Group,
        position: usize,
        links: &ServerLinks,
    ) -> Result<Arc<Place>> {
        let server = &group.servers()[position];
        let name = group.static_namespace();
        let endpoints = if links.pools.is_empty() {
            let file = |endpoint: &topology::Endpoint| endpoint.namespace_file(name);
            self.files(server.primary(), server.replicas(), file, None)?
        } else {
            Endpoints::of_pools(&links.pools)
        };
        let namespace = Namespace::of_statics(
            group.name().into(),
            u32::try_from(position).unwrap_or(u32::MAX),
            Arc::clone(name),
            group.dialect(),
        );
        Ok(self.place(
            Arc::new(namespace),
            server.name(),
            group.read(),
            endpoints,
            links,
        ))
    }

    fn database(&mut self, database: &topology::Database) -> Result<DatabaseLinks> {
        let name = database.name();
        let endpoints = (database.primary(), database.replicas());
        let server = self.server((name, name), database.health(), endpoints, 1)?;
        let endpoints = if database.dialect() == Dialect::Sqlite {
            let file = |endpoint: &topology::Endpoint| endpoint.path().map(PathBuf::from);
            self.files(database.primary(), database.replicas(), file, None)?
        } else {
            Endpoints::of_pools(&server.pools)
        };
        let namespace = Namespace::of_database(Arc::clone(name), database.dialect());
        let place = self.place(Arc::new(namespace), name, Read::Primary, endpoints, &server);
        Ok(DatabaseLinks {
            server: Arc::new(server),
            place,
        })
    }

    fn place(
        &self,
        namespace: Arc<Namespace>,
        server: &Arc<str>,
        read: Read,
        endpoints: Endpoints,
        links: &ServerLinks,
    ) -> Arc<Place> {
        Arc::new(Place {
            namespace,
            server: Arc::clone(server),
            cluster: Arc::clone(&self.cluster),
            writer: endpoints.writer,
            reader: endpoints.reader,
            replicas: endpoints.replicas,
            watch: Arc::clone(&links.watch),
            latencies: Arc::clone(&links.latencies),
            locks: Arc::clone(&links.locks),
            read,
        })
    }

    /// A database that has not changed.
    fn keep(&mut self, links: &DatabaseLinks) -> DatabaseLinks {
        let own = links.server.pools.iter().map(Arc::clone);
        self.pools.extend(own);
        DatabaseLinks {
            server: Arc::clone(&links.server),
            place: self.keep_place(&links.place),
        }
    }

    /// A place that has not changed. On SQLite it has pools of its own.
    fn keep_place(&mut self, place: &Arc<Place>) -> Arc<Place> {
        if place.dialect() == Dialect::Sqlite {
            self.pools.extend(place.pools());
        }
        Arc::clone(place)
    }

    /// A server, whose endpoints are watched when there is more than one. The pools of SQLite are
    /// its files'.
    fn server(
        &mut self,
        (group, name): (&Arc<str>, &Arc<str>),
        health: &HealthSettings,
        (primary, replicas): (&topology::Endpoint, &[topology::Endpoint]),
        namespaces: usize,
    ) -> Result<ServerLinks> {
        let pools = if primary.dialect() == Dialect::Sqlite {
            Vec::new()
        } else {
            self.endpoints(primary, replicas, namespaces)?
        };
        let watched = pools.len() > 1;
        let watch = Arc::new(Watch::new(group, name, health, primary, replicas, watched));
        let endpoints = pools.iter().enumerate().filter(|_| watched);
        let endpoints =
            endpoints.map(|(index, pool)| (Arc::clone(&watch), index, Arc::clone(pool)));
        Ok(ServerLinks {
            monitor: Monitor::start(self.runtime, endpoints),
            watch,
            latencies: Arc::default(),
            locks: Arc::default(),
            pools,
        })
    }

    /// A pool for the primary, and one for each replica.
    fn endpoints(
        &mut self,
        primary: &topology::Endpoint,
        replicas: &[topology::Endpoint],
        namespaces: usize,
    ) -> Result<Vec<Arc<Pool>>> {
        std::iter::once(primary)
            .chain(replicas)
            .map(|endpoint| self.pool(session(endpoint, None, namespaces)))
            .collect()
    }

    /// A file is written by one connection and read by several; all of them see the static tables
    /// beside it, which are in a file of that name.
    fn files(
        &mut self,
        primary: &topology::Endpoint,
        replicas: &[topology::Endpoint],
        file: impl Fn(&topology::Endpoint) -> Option<PathBuf>,
        statics: Option<&str>,
    ) -> Result<Endpoints> {
        let session = |endpoint: &topology::Endpoint| {
            let mut spec = session(endpoint, file(endpoint), 1);
            spec.session.beside = statics.and_then(|name| {
                let file = endpoint.namespace_file(name)?;
                Some(Beside::new(name, file))
            });
            spec
        };
        let mut writer = session(primary);
        writer.limits.max_connections = 1;
        let mut reader = session(primary);
        reader.read_only();
        Ok(Endpoints {
            writer: Endpoint::new(self.pool(writer)?, 0),
            reader: Endpoint::new(self.pool(reader)?, 0),
            replicas: (1..)
                .zip(replicas)
                .map(|(index, replica)| {
                    let mut reader = session(replica);
                    reader.read_only();
                    Ok(Endpoint::new(self.pool(reader)?, index))
                })
                .collect::<Result<_>>()?,
        })
    }

    fn pool(&mut self, spec: Spec) -> Result<Arc<Pool>> {
        let pool = Arc::new(Pool::new(spec.session, spec.label, spec.limits)?);
        self.pools.push(Arc::clone(&pool));
        Ok(pool)
    }
}

/// The endpoints of one place.
struct Endpoints {
    writer: Endpoint,
    reader: Endpoint,
    replicas: Vec<Endpoint>,
}

impl Endpoints {
    /// Of a primary's pool and its replicas' pools; there is at least the primary's.
    fn of_pools(pools: &[Arc<Pool>]) -> Self {
        let endpoint = |index: usize| Endpoint::new(Arc::clone(&pools[index]), index);
        Self {
            writer: endpoint(0),
            reader: endpoint(0),
            replicas: (1..pools.len()).map(endpoint).collect(),
        }
    }
}
