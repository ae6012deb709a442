//! What a bed is made of.

use std::time::Duration;

use shard_orm::config::{Config, Database, Group, Ids, PoolOptions, Server, StrategyConfig};
use shard_orm::{Cluster, Dialect, Read};

use super::places::Places;
use super::{Bed, DATABASE, GROUP, Tables};

/// How a bed is made: its topology, and what differs from the defaults.
#[derive(Debug, Clone)]
#[must_use = "a bed is made by `open`"]
pub struct BedOptions {
    pub(super) dialect: Dialect,
    pub(super) logical_shards: u32,
    pub(super) servers: u32,
    pub(super) replicas: bool,
    pub(super) server_urls: Option<Vec<String>>,
    pool: PoolOptions,
    strategy: StrategyConfig,
    pins: Vec<(i64, u32)>,
    read: Read,
    ids: Ids,
}

impl BedOptions {
    /// So many logical shards on so many servers, at most four.
    pub fn new(dialect: Dialect, logical_shards: u32, servers: u32) -> Self {
        Self {
            dialect,
            logical_shards,
            servers,
            replicas: false,
            server_urls: None,
            pool: PoolOptions::new(),
            strategy: StrategyConfig::Hash,
            pins: Vec::new(),
            read: Read::Primary,
            ids: Ids::new().worker(1).tables(DATABASE),
        }
    }

    /// Sets limits of the pools, over those that all beds have.
    pub fn pool(mut self, pool: PoolOptions) -> Self {
        self.pool = pool;
        self
    }

    /// Sets how keys are spread.
    pub fn strategy(mut self, strategy: impl Into<StrategyConfig>) -> Self {
        self.strategy = strategy.into();
        self
    }

    /// Sets how ids are made, in the place of a worker of 1 and sequences in the named database.
    pub fn ids(mut self, ids: Ids) -> Self {
        self.ids = ids;
        self
    }

    /// Pins a key to a logical shard.
    pub fn pin(mut self, key: i64, shard: u32) -> Self {
        self.pins.push((key, shard));
        self
    }

    /// Gives each server, and the named database, a replica.
    ///
    /// On PostgreSQL and MariaDB it is one that replicates, and the cluster's user an ordinary one; beds with
    /// replicas share their servers, one bed at a time. On SQLite it is a file of its own with the same tables, to
    /// which nothing is copied, so that a read shows where it went.
    pub fn replicas(mut self) -> Self {
        self.replicas = true;
        self
    }

    /// Sets where queries of the group read that do not say it.
    pub fn read(mut self, read: Read) -> Self {
        self.read = read;
        self
    }

    /// Uses these servers instead of the shared ones: on PostgreSQL URLs with a database, on MariaDB without. The
    /// named database is on the first of them.
    pub fn server_urls(mut self, urls: Vec<String>) -> Self {
        self.server_urls = Some(urls);
        self
    }

    /// Makes the databases, namespaces and tables.
    ///
    /// # Panics
    /// When that fails.
    pub async fn open(self, tables: Tables) -> Bed {
        let places = Places::make(&self).await;
        let mut replica = None;
        if let Some(default) = &places.default_replica
            && self.dialect == Dialect::Sqlite
        {
            let primaries = Self {
                replicas: false,
                ..self.clone()
            };
            let config = primaries.config_with(
                (&places.cluster, &places.replicas),
                &[],
                &places.namespace,
                Database::new(default),
            );
            replica = Some(cluster(&config, tables).await);
        }
        let mut default = Database::new(&places.default);
        if let Some(replica) = &places.default_replica {
            default = default.replica(replica);
        }
        let config = self.config_with(
            (&places.cluster, &places.servers),
            &places.replicas,
            &places.namespace,
            default,
        );
        // A cluster that is connected sees the namespaces and databases on the replicas too.
        places.replicated().await;
        let cluster = cluster(&config, tables).await;
        places.replicated().await;
        if replica.is_some() {
            places.adopt_replicas().await;
        }
        Bed {
            cluster,
            dialect: self.dialect,
            logical_shards: self.logical_shards,
            servers: self.servers,
            replica,
            options: self,
            tables,
            places,
        }
    }

    /// Tells beds of one macro apart.
    pub(super) fn label(&self) -> String {
        format!("{} {} {}", self.dialect, self.logical_shards, self.servers)
    }

    pub(super) fn config(
        &self,
        places: &Places,
        named: (&str, &[String]),
        namespace: &str,
    ) -> Config {
        self.config_with(named, &[], namespace, Database::new(&places.default))
    }

    fn config_with(
        &self,
        (cluster, servers): (&str, &[String]),
        replicas: &[String],
        namespace: &str,
        default: Database,
    ) -> Config {
        let mut group = Group::new(self.logical_shards)
            .namespace(namespace)
            .strategy(self.strategy.clone())
            .read(self.read)
            .pool(self.pool.clone());
        // On MariaDB many beds share a server, and tell their namespaces apart by their names.
        if namespace.contains("{shard}") {
            group = group.static_namespace(namespace.replace("{shard}", "static"));
        }
        for (key, shard) in &self.pins {
            group = group.pin(*key, *shard);
        }
        for (number, url) in servers.iter().enumerate() {
            let mut server = Server::new(format!("server-{number}"), url);
            if let Some(replica) = replicas.get(number) {
                server = server.replica(replica);
            }
            group = group.server(server);
        }
        Config::new(cluster)
            .pool(
                PoolOptions::new()
                    .max_connections(8)
                    .acquire_timeout(Duration::from_secs(20))
                    .connect_timeout(Duration::from_secs(20))
                    // Many beds share a server, which has a limit of connections.
                    .idle_timeout(Duration::from_secs(3)),
            )
            .ids(self.ids.clone())
            .database(DATABASE, default)
            .group(GROUP, group)
    }
}

async fn cluster(config: &Config, tables: Tables) -> Cluster {
    let cluster = Cluster::connect(config).await.unwrap();
    tables(cluster.setup()).run().await.unwrap();
    cluster
}
