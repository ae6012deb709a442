//! The pools and places of one topology.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::place::{Endpoint, PRIMARY, Place, REPLICA};
use super::pool::{Limits, Pool};
use crate::backend::Session;
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
    databases: HashMap<Arc<str>, Arc<Place>>,
    pools: Vec<Arc<Pool>>,
}

impl Links {
    pub(crate) fn new(topology: &Topology) -> Result<Self> {
        let mut links = Self {
            groups: Vec::with_capacity(topology.groups().len()),
            databases: HashMap::new(),
            pools: Vec::new(),
        };
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
        Ok(links)
    }

    pub(crate) fn shard(&self, group: usize, shard: u32) -> Option<Arc<Place>> {
        self.groups[group].get(shard as usize).map(Arc::clone)
    }

    pub(crate) fn shards(&self, group: usize) -> &[Arc<Place>] {
        &self.groups[group]
    }

    pub(crate) fn database(&self, name: &str) -> Option<Arc<Place>> {
        self.databases.get(name).map(Arc::clone)
    }

    pub(crate) fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.pools.iter()
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

    fn group(&mut self, topology: &Topology, group: &topology::Group) -> Result<Vec<Arc<Place>>> {
        let mut servers: Vec<ServerPools> = Vec::with_capacity(group.servers().len());
        for (position, server) in group.servers().iter().enumerate() {
            let namespaces = group
                .placements()
                .iter()
                .filter(|placement| placement.server() == position)
                .count();
            servers.push(if group.dialect() == Dialect::Sqlite {
                ServerPools::default()
            } else {
                ServerPools {
                    primary: Some(self.pool(session(server.primary(), None, namespaces))?),
                    replicas: server
                        .replicas()
                        .iter()
                        .map(|replica| self.pool(session(replica, None, namespaces)))
                        .collect::<Result<_>>()?,
                }
            });
        }
        group
            .placements()
            .iter()
            .map(|placement| {
                let server = &group.servers()[placement.server()];
                let namespace = Arc::clone(placement.namespace());
                let parts = match &servers[placement.server()] {
                    ServerPools {
                        primary: Some(primary),
                        replicas,
                    } => Endpoints::of_pools(primary, replicas),
                    ServerPools { primary: None, .. } => {
                        let file = |endpoint: &topology::Endpoint| {
                            endpoint.namespace_file(namespace.name())
                        };
                        self.files(server.primary(), server.replicas(), file)?
                    }
                };
                Ok(Arc::new(parts.place(
                    namespace,
                    Arc::clone(server.name()),
                    topology.name().into(),
                    group.read(),
                )))
            })
            .collect()
    }

    fn of_database(&mut self, topology: &Topology, database: &topology::Database) -> Result<Place> {
        let namespace = Arc::new(Namespace::of_database(
            Arc::clone(database.name()),
            database.dialect(),
        ));
        let parts = if database.dialect() == Dialect::Sqlite {
            let file = |endpoint: &topology::Endpoint| endpoint.path().map(PathBuf::from);
            self.files(database.primary(), database.replicas(), file)?
        } else {
            let primary = self.pool(session(database.primary(), None, 1))?;
            let replicas = database
                .replicas()
                .iter()
                .map(|replica| self.pool(session(replica, None, 1)))
                .collect::<Result<Vec<_>>>()?;
            Endpoints::of_pools(&primary, &replicas)
        };
        Ok(parts.place(
            namespace,
            Arc::clone(database.name()),
            topology.name().into(),
            Read::Primary,
        ))
    }

    /// A file is written by one connection and read by several.
    fn files(
        &mut self,
        primary: &topology::Endpoint,
        replicas: &[topology::Endpoint],
        file: impl Fn(&topology::Endpoint) -> Option<PathBuf>,
    ) -> Result<Endpoints> {
        let mut writer = session(primary, file(primary), 1);
        writer.limits.max_connections = 1;
        let mut reader = session(primary, file(primary), 1);
        reader.read_only();
        Ok(Endpoints {
            writer: Endpoint::new(self.pool(writer)?, PRIMARY),
            reader: Endpoint::new(self.pool(reader)?, PRIMARY),
            replicas: replicas
                .iter()
                .map(|replica| {
                    let mut reader = session(replica, file(replica), 1);
                    reader.read_only();
                    Ok(Endpoint::new(self.pool(reader)?, REPLICA))
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

/// The pools of one server; none for SQLite, where each namespace has its own.
#[derive(Default)]
struct ServerPools {
    primary: Option<Arc<Pool>>,
    replicas: Vec<Arc<Pool>>,
}

struct Endpoints {
    writer: Endpoint,
    reader: Endpoint,
    replicas: Vec<Endpoint>,
}

impl Endpoints {
    fn of_pools(primary: &Arc<Pool>, replicas: &[Arc<Pool>]) -> Self {
        Self {
            writer: Endpoint::new(Arc::clone(primary), PRIMARY),
            reader: Endpoint::new(Arc::clone(primary), PRIMARY),
            replicas: replicas
                .iter()
                .map(|replica| Endpoint::new(Arc::clone(replica), REPLICA))
                .collect(),
        }
    }

    fn place(
        self,
        namespace: Arc<Namespace>,
        server: Arc<str>,
        cluster: Arc<str>,
        read: Read,
    ) -> Place {
        Place {
            namespace,
            server,
            cluster,
            writer: self.writer,
            reader: self.reader,
            replicas: self.replicas,
            turn: AtomicUsize::new(0),
            read,
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
