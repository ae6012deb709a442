//! The pools and places of one topology.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::latencies::Latencies;
use super::locks::Locks;
use super::monitor::Monitor;
use super::place::{Endpoint, Place};
use super::pool::{Limits, Pool};
use super::watch::Watch;
use crate::backend::{Beside, Session};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::model::Slot;
use crate::topology::{self, Namespace, Read, Topology};

/// The fixed statements of a model that a connection is likely to keep.
const STATEMENTS_PER_MODEL: usize = 8;
/// Statements of the builder, beside the fixed ones.
const DYNAMIC_STATEMENTS: usize = 100;
/// Models that may be used before their number is known.
const EXPECTED_MODELS: usize = 16;

/// The pools and places of one topology.
pub(crate) struct Links {
    /// By group, then by logical shard.
    groups: Vec<Vec<Arc<Place>>>,
    /// The static tables, by group, then by server.
    statics: Vec<Vec<Arc<Place>>>,
    databases: HashMap<Arc<str>, Arc<Place>>,
    pools: Vec<Arc<Pool>>,
    watches: Vec<Arc<Watch>>,
    /// Ends with the links.
    monitor: Monitor,
}

impl Links {
    pub(crate) fn new(topology: &Topology, runtime: &Handle) -> Result<Self> {
        let mut links = Building::default();
        for group in topology.groups() {
            let places = links.group(topology, group)?;
            links.groups.push(places);
        }
        for database in topology.databases() {
            let place = links.of_database(topology, database)?;
            links
                .databases
                .insert(Arc::clone(database.name()), Arc::new(place));
        }
        Ok(Self {
            groups: links.groups,
            statics: links.statics,
            databases: links.databases,
            pools: links.pools,
            watches: links.watches,
            monitor: Monitor::start(runtime, links.watched),
        })
    }

    pub(crate) fn shard(&self, group: usize, shard: u32) -> Option<Arc<Place>> {
        self.groups[group].get(shard as usize).map(Arc::clone)
    }

    pub(crate) fn shards(&self, group: usize) -> &[Arc<Place>] {
        &self.groups[group]
    }

    /// Where the static tables of a group are written, by server.
    pub(crate) fn statics(&self, group: usize) -> &[Arc<Place>] {
        &self.statics[group]
    }

    pub(crate) fn database(&self, name: &str) -> Option<Arc<Place>> {
        self.databases.get(name).map(Arc::clone)
    }

    pub(crate) fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.pools.iter()
    }

    /// What is known of each server.
    pub(crate) fn watches(&self) -> &[Arc<Watch>] {
        &self.watches
    }

    /// Ends the looking at servers.
    pub(crate) async fn stop_monitor(&self) {
        self.monitor.stop().await;
        for watch in &self.watches {
            watch.settle();
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
#[derive(Default)]
struct Building {
    groups: Vec<Vec<Arc<Place>>>,
    statics: Vec<Vec<Arc<Place>>>,
    databases: HashMap<Arc<str>, Arc<Place>>,
    pools: Vec<Arc<Pool>>,
    watches: Vec<Arc<Watch>>,
    /// The endpoints that the monitor looks at.
    watched: Vec<(Arc<Watch>, usize, Arc<Pool>)>,
}

impl Building {
    fn group(&mut self, topology: &Topology, group: &topology::Group) -> Result<Vec<Arc<Place>>> {
        let mut servers: Vec<ServerLinks> = Vec::with_capacity(group.servers().len());
        for (position, server) in group.servers().iter().enumerate() {
            let namespaces = group
                .placements()
                .iter()
                .filter(|placement| placement.server() == position)
                .count();
            let name: Arc<str> = group.name().into();
            let pools = if group.dialect() == Dialect::Sqlite {
                Vec::new()
            } else {
                self.endpoints(server.primary(), server.replicas(), namespaces)?
            };
            let watch = Watch::new(
                &name,
                server.name(),
                server.health(),
                server.primary(),
                server.replicas(),
                pools.len() > 1,
            );
            servers.push(self.server(watch, pools));
        }
        let statics = self.statics_of(topology, group, &servers)?;
        self.statics.push(statics);
        group
            .placements()
            .iter()
            .map(|placement| {
                let server = &group.servers()[placement.server()];
                let links = &servers[placement.server()];
                let namespace = Arc::clone(placement.namespace());
                let endpoints = if links.pools.is_empty() {
                    let file =
                        |endpoint: &topology::Endpoint| endpoint.namespace_file(namespace.name());
                    let statics = Some(&**group.static_namespace());
                    self.files(server.primary(), server.replicas(), file, statics)?
                } else {
                    Endpoints::of_pools(&links.pools)
                };
                Ok(Arc::new(Place {
                    namespace,
                    server: Arc::clone(server.name()),
                    cluster: topology.name().into(),
                    writer: endpoints.writer,
                    reader: endpoints.reader,
                    replicas: endpoints.replicas,
                    watch: Arc::clone(&links.watch),
                    latencies: Arc::clone(&links.latencies),
                    locks: Arc::clone(&links.locks),
                    read: group.read(),
                }))
            })
            .collect()
    }

    /// Where the static tables of a group are written: one place for each server.
    fn statics_of(
        &mut self,
        topology: &Topology,
        group: &topology::Group,
        servers: &[ServerLinks],
    ) -> Result<Vec<Arc<Place>>> {
        (0_u32..)
            .zip(group.servers().iter().zip(servers))
            .map(|(position, (server, links))| {
                let name = group.static_namespace();
                let endpoints = if links.pools.is_empty() {
                    let file = |endpoint: &topology::Endpoint| endpoint.namespace_file(name);
                    self.files(server.primary(), server.replicas(), file, None)?
                } else {
                    Endpoints::of_pools(&links.pools)
                };
                Ok(Arc::new(Place {
                    namespace: Arc::new(Namespace::of_statics(
                        group.name().into(),
                        position,
                        Arc::clone(name),
                        group.dialect(),
                    )),
                    server: Arc::clone(server.name()),
                    cluster: topology.name().into(),
                    writer: endpoints.writer,
                    reader: endpoints.reader,
                    replicas: endpoints.replicas,
                    watch: Arc::clone(&links.watch),
                    latencies: Arc::clone(&links.latencies),
                    locks: Arc::clone(&links.locks),
                    read: group.read(),
                }))
            })
            .collect()
    }

    fn of_database(&mut self, topology: &Topology, database: &topology::Database) -> Result<Place> {
        let namespace = Arc::new(Namespace::of_database(
            Arc::clone(database.name()),
            database.dialect(),
        ));
        let (endpoints, pools) = if database.dialect() == Dialect::Sqlite {
            let file = |endpoint: &topology::Endpoint| endpoint.path().map(PathBuf::from);
            let files = self.files(database.primary(), database.replicas(), file, None)?;
            (files, Vec::new())
        } else {
            let pools = self.endpoints(database.primary(), database.replicas(), 1)?;
            (Endpoints::of_pools(&pools), pools)
        };
        let watch = Watch::new(
            database.name(),
            database.name(),
            database.health(),
            database.primary(),
            database.replicas(),
            pools.len() > 1,
        );
        Ok(Place {
            namespace,
            server: Arc::clone(database.name()),
            cluster: topology.name().into(),
            writer: endpoints.writer,
            reader: endpoints.reader,
            replicas: endpoints.replicas,
            watch: self.server(watch, pools).watch,
            latencies: Arc::default(),
            locks: Arc::default(),
            read: Read::Primary,
        })
    }

    /// Has the server's endpoints watched, when there is more than one.
    fn server(&mut self, watch: Watch, pools: Vec<Arc<Pool>>) -> ServerLinks {
        let watch = Arc::new(watch);
        self.watches.push(Arc::clone(&watch));
        if watch.is_watched() {
            let endpoints = pools.iter().enumerate();
            self.watched.extend(
                endpoints.map(|(index, pool)| (Arc::clone(&watch), index, Arc::clone(pool))),
            );
        }
        ServerLinks {
            watch,
            latencies: Arc::default(),
            locks: Arc::default(),
            pools,
        }
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

/// The pools of one server, the primary's first; none for SQLite, where each namespace has its own.
struct ServerLinks {
    watch: Arc<Watch>,
    latencies: Arc<Latencies>,
    locks: Arc<Locks>,
    pools: Vec<Arc<Pool>>,
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

/// What a pool is made from.
struct Spec {
    session: Session,
    label: String,
    limits: Limits,
    readers: usize,
}

impl Spec {
    /// Makes it a SQLite reader.
    fn read_only(&mut self) {
        self.session.read_only = true;
        self.limits.max_connections = self.readers;
    }
}

fn session(endpoint: &topology::Endpoint, file: Option<PathBuf>, namespaces: usize) -> Spec {
    let pool = endpoint.pool();
    let options = endpoint.options();
    let max_connections = usize::try_from(pool.max_connections).unwrap_or(usize::MAX);
    let label = match &file {
        Some(file) => format!("sqlite://{}", file.display()),
        None => endpoint.label(),
    };
    Spec {
        session: Session {
            dialect: endpoint.dialect(),
            url: endpoint.url().to_owned(),
            file,
            read_only: false,
            beside: None,
            sql_mode: options.sql_mode.clone(),
            charset: options.charset.clone(),
            collation: options.collation.clone(),
            time_zone: options.time_zone.clone(),
            settings: options
                .settings
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            statement_timeout: pool.statement_timeout,
            statement_cache: pool.statement_cache.unwrap_or_else(|| {
                statement_cache(endpoint.dialect(), namespaces, max_connections)
            }),
            busy_timeout: pool.busy_timeout,
            cache_kib: pool.sqlite_cache_kib.into(),
        },
        label,
        limits: Limits {
            max_connections,
            acquire_timeout: pool.acquire_timeout,
            connect_timeout: pool.connect_timeout,
            idle_timeout: pool.idle_timeout,
            max_lifetime: pool.max_lifetime,
            ping_after_idle: pool.ping_after_idle,
        },
        readers: usize::try_from(pool.sqlite_readers).unwrap_or(1).max(1),
    }
}

/// How many prepared statements a connection keeps: enough for the fixed statements of all
/// namespaces behind it, within what the server bears.
///
/// PostgreSQL holds about 16 KB for each on each connection. MySQL and MariaDB hold 16,382 for
/// all connections of all clients (`max_prepared_stmt_count`); a pool takes a quarter at most.
fn statement_cache(dialect: Dialect, namespaces: usize, max_connections: usize) -> usize {
    let models = usize::try_from(Slot::used())
        .unwrap_or(0)
        .max(EXPECTED_MODELS);
    let wanted = namespaces * models * STATEMENTS_PER_MODEL + DYNAMIC_STATEMENTS;
    let most = match dialect {
        Dialect::Postgres => 4_096,
        Dialect::MySql => (4_096 / max_connections.max(1)).max(32),
        Dialect::Sqlite => 512,
    };
    wanted.min(most)
}
